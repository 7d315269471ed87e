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

  for (const transport of ["websocket", "http"] as const) {
    it.live(`P5 mock: a call that is longer than the server takes is sent once over ${transport}, and the next one is answered`, () =>
      Effect.gen(function*() {
        const mock = yield* MockProvider
        yield* Agents.start()
        const { url } = yield* Served.start(0, { maxBody: "100 KiB" })
        const { agents } = yield* Served.client(url, { transport })
        const error = yield* Effect.flip(agents.runTurn({ threadId, prompt: "x".repeat(200_000) })).pipe(
          Effect.timeout("10 seconds")
        )
        assert.deepInclude({ ...error }, { _tag: "ServerUnreachable", reason: "closed", outcome: "unknown" })
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).text, "echo: hello")
        assert.lengthOf(yield* mock.received, 1)
      }).pipe(Effect.provide(layer())))
  }
})
