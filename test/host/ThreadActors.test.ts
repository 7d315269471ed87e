/** The actors of a host: one is kept while a call uses its thread or a session is there, and no longer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as host from "../../src/host/host.ts"
import * as Settings from "../../src/host/Settings.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { layer, mock, threadId } = Agents

/** A host beside the layer's own, whose actors can be counted. */
const counted = Effect.gen(function*() {
  const { service, actors } = yield* host.make(yield* Settings.resolve({}))
  return { agents: service, size: () => actors.size() }
})

describe("ThreadActors", () => {
  it.effect("P8 mock: a thread whose session is lost with no call under way is forgotten", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const { agents, size } = yield* counted
      const directory = yield* Agents.folder
      const { sessionId } = yield* agents.startSession({ threadId, instanceId: mock, directory })
      assert.strictEqual(size(), 1)
      yield* agent.crash(sessionId)
      // A reader of the thread would be a call under way, so its end is not waited for.
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(size(), 0)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stopped thread is forgotten, and one that a reader follows is kept", () =>
    Effect.gen(function*() {
      const { agents, size } = yield* counted
      const directory = yield* Agents.folder
      yield* agents.startSession({ threadId, instanceId: mock, directory })
      const reading = yield* Scope.make()
      yield* Stream.toPull(agents.streamEvents({ threadId })).pipe(
        Effect.flatMap((pull) => pull),
        Scope.provide(reading)
      )
      yield* agents.stopSession({ threadId })
      assert.strictEqual(size(), 1)
      yield* Scope.close(reading, Exit.void)
      assert.strictEqual(size(), 0)
    }).pipe(Effect.provide(layer())))
})
