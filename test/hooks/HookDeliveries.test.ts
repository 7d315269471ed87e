import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Queue, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Lifecycle from "../../src/domain/LifecycleEvent.ts"
import type { LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import * as HookHost from "../support/HookHost.ts"
import {
  Broken,
  dispatcher,
  listener,
  onStore,
  receipts,
  record,
  register,
  settle,
  taken,
  turnStarted
} from "../support/Hooks.ts"
import { openThread, temporaryFile, turn, withStore } from "../support/StoreFixture.ts"

describe("HookDispatcher: hooks that come and go", () => {
  it.effect("P12 hooks: a hook that is registered late is told of what comes from then on", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      const heard = yield* listener("late", ["turn:*"])
      yield* record(hooks, [turnStarted("b")])
      assert.deepStrictEqual(yield* taken(heard, 1), ["b"])
    })))

  it.effect("P12 hooks: a hook that goes has its call interrupted, and the event again when it is back", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const called = yield* Deferred.make<LifecycleEvent>()
      yield* register(LifecycleHooks.observe({
        name: "here",
        events: ["turn:start"],
        run: (event) =>
          Effect.andThen(Deferred.succeed(called, event), Effect.never).pipe(
            Effect.ensuring(Effect.yieldNow),
            Effect.ensuring(Effect.sync(() => log.push("interrupted")))
          )
      })).pipe(Scope.provide(scope))
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      const event = yield* Deferred.await(called)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["interrupted"])
      yield* record(hooks, [turnStarted("b")])
      const heard = yield* listener("here", ["turn:start"])
      const [again, next] = yield* Queue.takeN(heard, 2)
      assert.deepInclude(again, { eventId: event.eventId, delivery: { attempt: 2, recovered: false } })
      assert.deepInclude(next, { turnId: turn("b"), delivery: { attempt: 1, recovered: false } })
    })))

  it.effect("P12 hooks: what a shutdown cuts off is delivered by the next run: the same event, the second attempt", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        withStore(filename, Effect.provide(Effect.scoped(effect), LifecycleHooks.layer, { local: true }))
      const cut = yield* run(Effect.gen(function*() {
        const called = yield* Deferred.make<LifecycleEvent>()
        const hooks = yield* dispatcher
        yield* register(LifecycleHooks.observe({
          name: "analytics",
          events: ["turn:start"],
          run: (event) =>
            event.turnId === "a"
              ? Effect.void
              : Effect.andThen(Deferred.succeed(called, event), Effect.never)
        }))
        yield* openThread()
        yield* record(hooks, [turnStarted("a"), turnStarted("b"), turnStarted("c")])
        return yield* Deferred.await(called)
      }))
      yield* run(Effect.gen(function*() {
        yield* dispatcher
        const heard = yield* listener("analytics", ["turn:start"])
        const [again, next] = yield* Queue.takeN(heard, 2)
        assert.deepStrictEqual(again, { ...cut, delivery: { attempt: 2, recovered: true } })
        assert.deepInclude(next, { turnId: turn("c"), delivery: { attempt: 1, recovered: true } })
      }))
    }))

  it.live("P12 hooks: a host that is killed inside of a hook: the next one has the same event, the second attempt, and its end", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const host = yield* HookHost.start(filename)
      const cut = yield* Schema.decodeEffect(Schema.fromJsonString(Lifecycle.LifecycleEvent))(host.line)
      assert.deepInclude(cut, { _tag: "turn:start", delivery: { attempt: 1, recovered: false } })
      yield* host.kill
      yield* Effect.gen(function*() {
        yield* dispatcher
        const heard = yield* listener(HookHost.hook.name, HookHost.hook.events)
        const [again, next, end] = yield* Queue.takeN(heard, 3)
        assert.deepStrictEqual(again, { ...cut, delivery: { attempt: 2, recovered: true } })
        assert.deepInclude(next, { turnId: turn("b"), delivery: { attempt: 1, recovered: true } })
        assert.deepInclude(end, { reason: "host-crash", delivery: { attempt: 1, recovered: true } })
      }).pipe(Effect.scoped, Effect.provide(LifecycleHooks.layer), (next) => withStore(filename, next))
    }))

  it.effect("P12 hooks: a hook that has much to catch up with has it in order, and what is new after it", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* outbox.register({ name: "behind", patterns: ["turn:start"] })
      yield* openThread()
      const before = Array.from({ length: 150 }, (_, n) => String(n))
      for (const id of before) yield* record({ emit: () => {} }, [turnStarted(id)])
      const hooks = yield* dispatcher
      const heard = yield* listener("behind", ["turn:start"])
      yield* record(hooks, [turnStarted("new")])
      assert.deepStrictEqual(yield* taken(heard, 151), [...before, "new"])
    })))

  it.effect("P12 hooks: an event whose every try took the process with it is given up, and the rest goes on", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* outbox.register({ name: "deadly", patterns: ["turn:start"] })
      yield* openThread()
      const [told] = yield* record({ emit: () => {} }, [turnStarted("a"), turnStarted("b")])
      for (let n = 0; n < 5; n++) yield* outbox.attempt({ hook: "deadly", eventId: told?.eventId ?? "" })
      yield* dispatcher
      const receipt = yield* receipts("deadly")
      const heard = yield* listener("deadly", ["turn:start"])
      assert.deepStrictEqual(yield* taken(heard, 1), ["b"])
      assert.deepInclude(yield* Queue.take(receipt), {
        outcome: "failed",
        of: { eventId: told?.eventId ?? "", _tag: "turn:start" }
      })
      yield* settle
      assert.strictEqual(yield* outbox.nextDue("deadly"), undefined)
    })))

  it.effect("P12 hooks: what a hook has failed for more than a week is tried on, and delivered in the end", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const tries = yield* Queue.unbounded<number>()
      let healed = false
      yield* register(LifecycleHooks.observe({
        name: "away",
        events: ["turn:start"],
        attempts: 1000,
        backoff: "1 hour",
        run: ({ delivery }) => healed ? Queue.offer(tries, delivery.attempt) : new Broken()
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      for (let hours = 0; hours < 9 * 24; hours++) yield* TestClock.adjust("1 hour")
      healed = true
      yield* TestClock.adjust("1 hour")
      assert.isAbove(yield* Queue.take(tries), 7 * 24)
    })))

  it.effect("P12 hooks: what nobody has fetched for a week is forgotten, and a hook that is here is not", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* outbox.register({ name: "gone", patterns: ["*"] })
      const hooks = yield* dispatcher
      const heard = yield* listener("here", ["turn:start"])
      yield* openThread()
      assert.strictEqual(yield* outbox.nextDue("gone"), 0)
      yield* TestClock.adjust("9 days")
      assert.strictEqual(yield* outbox.nextDue("gone"), undefined)
      yield* record(hooks, [turnStarted("a")])
      assert.deepStrictEqual(yield* taken(heard, 1), ["a"])
      assert.strictEqual(yield* outbox.nextDue("gone"), undefined)
    })))
})
