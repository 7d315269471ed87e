/** One writer of a session on the real program, which itself has no lock: what is in the store refuses the second. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Qwen } from "../../../src/acp/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { Conformance, conformance } from "../../../src/testing/index.ts"
import { World } from "../AcpWorld.ts"
import { fixture, optionsOf, script } from "./ConformingQwen.ts"

const { Bench: { listen, recall, run, start, stop, within }, Check: { equal, expect, refused } } = Conformance

const runtime = ManagedRuntime.make(World.layer(script))
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

const rules: ReadonlyArray<Conformance.Rule> = [
  {
    id: "qwen/one-thread",
    promise: "P8",
    title:
      "the session of a thread is refused to a second one (SessionTaken), live or stopped, where the agent would let both in",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        yield* run(host, bench.prompts.say("blue walnut"))
        const { sessionId, threadId } = yield* host.agents.getThread({ threadId: ThreadId.make("thread") })
        if (sessionId === undefined) return yield* expect(false, "a session", sessionId)
        const second = host.agents.adoptSession({
          threadId: ThreadId.make("second"),
          instanceId: host.adapter.instanceId,
          sessionId,
          directory: bench.directories.home
        })
        const taken = Effect.map(
          refused(within(bench, "adoptSession to return", second), ["SessionTaken"], "a second thread"),
          (error) => error.threadId
        )
        yield* equal(yield* taken, threadId, "the thread that has it, live")
        // Without the store between them: a second process of the same session.
        const other = yield* listen(host, { from: { _tag: "Adopt", sessionId } })
        yield* equal(other.session.sessionId, sessionId, "the session of a second process")
        yield* other.close
        yield* stop(host)
        yield* equal(yield* taken, threadId, "the thread that has it, stopped")
        const { text } = yield* recall(host)
        yield* expect(text.includes("blue walnut"), "what was said before", text)
      }))
  },
  {
    id: "qwen/one-host",
    promise: "P8",
    title: "a second host on the same store is refused (StoreOwned), and the first goes on",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        yield* run(host, bench.prompts.say("blue walnut"))
        // The error is one of the host's own Layer, which the type of a start does not name.
        yield* Effect.asVoid(refused(bench.onHost((second) => start(second)), ["StoreOwned"], "a second host"))
        const { text } = yield* recall(host)
        yield* expect(text.includes("blue walnut"), "what was said before", text)
      }))
  }
]

conformance(
  "qwen",
  Layer.unwrap(Effect.map(world, (world) => Qwen.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules }
)
