/** Calls, answers and events that are longer than a line may be in Effect's own RPCs, which is 16 Mi characters. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Proxy from "../support/Proxy.ts"
import * as Served from "../support/Served.ts"

const { layer, threadId } = Agents

const mebibyte = 1024 * 1024

describe("a client", () => {
  it.live("P11 mock: what is longer than 16 MiB is answered, streamed and sent, and no connection is lost by it", () =>
    Effect.gen(function*() {
      const mock = yield* MockProvider
      yield* Agents.start()
      const wire = yield* Proxy.make((yield* Served.start()).port)
      const { agents } = yield* Served.client(wire.url)
      yield* mock.nextTurn(() => [MockStep.text("x".repeat(17 * mebibyte))])
      assert.lengthOf((yield* agents.runTurn({ threadId, prompt: "go" })).text, 17 * mebibyte)
      const item = yield* agents.streamEvents({ threadId }).pipe(
        Stream.takeUntil(({ _tag }) => _tag === "TurnCompleted"),
        Stream.runLast,
        Effect.andThen(agents.readTranscript({ threadId })),
        Effect.map((turns) => turns[0]?.items.at(-1))
      )
      assert(item?._tag === "AssistantMessage")
      assert.lengthOf(item.text, 17 * mebibyte)
      const image = { _tag: "Data", name: "a.png", mime: "image/png", base64: "A".repeat(9 * mebibyte) } as const
      const attachments = [image, { ...image, name: "b.png" }]
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "look", attachments })).text, "echo: look")
      assert.strictEqual(yield* wire.connections, 1)
      const local = yield* ProviderService
      assert.lengthOf(yield* local.readTranscript({ threadId }), 2)
    }).pipe(Effect.provide(layer())))
})
