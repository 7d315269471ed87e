/** What a page does with the client: bundled, and run in Chromium. */
import { Effect, Redacted, Stream } from "effect"
import { Client } from "../../src/client/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { isEphemeral } from "../../src/domain/ThreadEvent.ts"
import { ProviderService } from "../../src/service/ProviderService.ts"

const threadId = ThreadId.make("thread")

const app = (token: string) => Client.layer({ url: location.origin, token: Redacted.make(token) })

const page = {
  turn: (token: string) =>
    ProviderService.pipe(
      Effect.flatMap((agents) => agents.runTurn({ threadId, prompt: "from a page" })),
      Effect.map(({ text }) => text),
      Effect.catch((error) => Effect.succeed(error.message)),
      Effect.provide(app(token)),
      Effect.runPromise
    ),
  /** The first so many durable events. */
  events: (token: string, count: number) =>
    ProviderService.pipe(
      Effect.flatMap((agents) =>
        agents.streamEvents({ threadId }).pipe(
          Stream.filter((event) => !isEphemeral(event)),
          Stream.map(({ seq }) => seq),
          Stream.take(count),
          Stream.runCollect
        )
      ),
      Effect.provide(app(token)),
      Effect.runPromise
    )
}

declare const location: { readonly origin: string }

Object.assign(globalThis, { page })
