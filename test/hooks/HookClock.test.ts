import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Latch, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { Broken, dispatcher, onStore, receipts, record, register, settle, turnStarted } from "../support/Hooks.ts"
import * as HostClock from "../support/HostClock.ts"
import { openThread, temporaryFile, withStore } from "../support/StoreFixture.ts"

/** A hook that always fails, and the number of each try. */
const failing = Effect.fnUntraced(function*(options: { readonly attempts: number; readonly backoff: Duration.Input }) {
  const tries = yield* Queue.unbounded<number>()
  yield* register(LifecycleHooks.observe({
    name: "failing",
    events: ["turn:start"],
    ...options,
    run: (event) => Effect.andThen(Queue.offer(tries, event.delivery.attempt), new Broken())
  }))
  return tries
})

describe("HookDispatcher: a wall clock that is set back", () => {
  it.effect("P12 hooks: a retry comes when its wait is over, however often the wall clock is set back meanwhile", () =>
    onStore(Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const hooks = yield* dispatcher
      const tries = yield* failing({ attempts: 4, backoff: "20 minutes" })
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      assert.strictEqual(yield* Queue.take(tries), 1)
      yield* settle
      for (const [attempt, wait] of [[2, 20], [3, 40], [4, 60]] as const) {
        yield* host.setBack("1 hour")
        yield* TestClock.adjust("10 minutes")
        yield* host.setBack("3 hours")
        yield* TestClock.adjust(Duration.minutes(wait - 11))
        assert.strictEqual(yield* Queue.size(tries), 0)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Queue.takeAll(tries), [attempt])
      }
    })).pipe(HostClock.provide))

  it.effect("P12 hooks: a retry that an earlier run has postponed comes after the hook's longest wait at the latest", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const filename = yield* temporaryFile
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        withStore(filename, Effect.provide(Effect.scoped(effect), LifecycleHooks.layer, { local: true }))
      const options = { attempts: 4, backoff: "1 minute" } as const
      yield* run(Effect.gen(function*() {
        const hooks = yield* dispatcher
        const tries = yield* failing(options)
        yield* openThread()
        yield* record(hooks, [turnStarted("a"), turnStarted("b")])
        assert.deepStrictEqual(yield* Queue.takeN(tries, 2), [1, 1])
        yield* settle
      }))
      yield* host.setBack("1 hour")
      yield* run(Effect.gen(function*() {
        yield* dispatcher
        const tries = yield* failing(options)
        // Waits of one, two and four minutes.
        yield* TestClock.adjust("239 seconds")
        assert.strictEqual(yield* Queue.size(tries), 0)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Queue.takeAll(tries), [2, 2])
      }))
    }).pipe(HostClock.provide))

  it.effect("P12 store: due times beyond a limit are cut down to it, of one hook, and earlier ones stay", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      for (const name of ["a", "b"]) yield* outbox.register({ name, patterns: ["turn:start"] })
      yield* openThread()
      const [late, early] = yield* record({ emit: () => {} }, [turnStarted("late"), turnStarted("early")])
      for (const hook of ["a", "b"]) {
        yield* outbox.postpone({ hook, eventId: late?.eventId ?? "", dueAt: 5000, error: "Broken" })
        yield* outbox.postpone({ hook, eventId: early?.eventId ?? "", dueAt: 500, error: "Broken" })
      }
      yield* outbox.limitDue({ hook: "a", dueAt: 1000 })
      assert.strictEqual((yield* outbox.pending({ hook: "a", now: 499, limit: 64 })).length, 0)
      assert.strictEqual((yield* outbox.pending({ hook: "a", now: 999, limit: 64 })).length, 1)
      assert.strictEqual((yield* outbox.pending({ hook: "a", now: 1000, limit: 64 })).length, 2)
      assert.strictEqual((yield* outbox.pending({ hook: "b", now: 4999, limit: 64 })).length, 1)
    })))

  it.effect("P12 hooks: an abandoned hook is left alone for a minute and no longer, and a call never takes less than nothing", () =>
    onStore(Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const hooks = yield* dispatcher
      const receipt = yield* receipts("wedged")
      const ended = yield* Latch.make(false)
      const again = yield* Deferred.make<void>()
      let calls = 0
      yield* register(Layer.mergeAll(LifecycleHooks.observe({
        name: "wedged",
        events: ["turn:start"],
        timeout: "1 second",
        run: () => ++calls === 1 ? Effect.uninterruptible(ended.await) : Deferred.succeed(again, undefined)
      })))
      yield* Effect.addFinalizer(() => ended.open)
      yield* openThread()
      yield* record(hooks, [turnStarted("a"), turnStarted("b")])
      yield* settle
      yield* host.setBack("1 hour")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* Queue.take(receipt), { outcome: "timeout", durationMillis: 6000 })
      yield* host.setBack("1 hour")
      yield* TestClock.adjust("59 seconds")
      assert.isFalse(yield* Deferred.isDone(again))
      yield* TestClock.adjust("1 second")
      yield* Deferred.await(again)
    })).pipe(HostClock.provide))
})
