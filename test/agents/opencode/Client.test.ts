/** P1, P6 and P11 on the real OpenCode, by way of a server and its client. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { isEphemeral } from "../../../src/domain/ThreadEvent.ts"
import { ProviderService } from "../../../src/index.ts"
import { is, stored } from "../../support/Agents.ts"
import * as OpenCodeAgents from "../../support/OpenCodeAgents.ts"
import * as Served from "../../support/Served.ts"

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("a client", (it) => {
  it.effect("P1, P11 opencode: turns of a client, a restart of the server between them, and a stream without a hole", () =>
    Effect.gen(function*() {
      const { threadId } = yield* OpenCodeAgents.start()
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const seen = yield* agents.streamEvents({ threadId }).pipe(
        Stream.filter((event) => !isEphemeral(event)),
        Stream.takeUntil((event) => event._tag === "SessionEnded"),
        Stream.map(({ seq }) => seq),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const first = yield* agents.runTurn({ threadId, prompt: "the first words" })
      yield* server.stop
      yield* Served.start(server.port)
      const second = yield* agents.runTurn({ threadId, prompt: "the second words" })
      assert.isNotEmpty(first.text)
      assert.isNotEmpty(second.text)
      assert.strictEqual(second.epoch, first.epoch)
      yield* agents.stopSession({ threadId })
      const events = yield* stored(threadId)
      assert.deepStrictEqual(yield* Fiber.join(seen), events.map(({ seq }) => seq))
      assert.lengthOf(events.filter(is("TurnCompleted")), 2)
      assert.lengthOf(yield* (yield* ProviderService).readTranscript({ threadId }), 2)
    }))
})
