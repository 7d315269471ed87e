import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Latch, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import type { LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { StoreFailed } from "../../src/store/StoreError.ts"
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
  thrown,
  turnIds,
  turnStarted
} from "../support/Hooks.ts"
import { binding, openThread, threadId } from "../support/StoreFixture.ts"

const hostile = {
  get message(): string {
    throw new Error("not even this")
  },
  toJSON() {
    throw new Error("nor that")
  }
}

/** What a hook may do to itself. */
const misbehaviours: Record<string, (event: LifecycleEvent) => Effect.Effect<unknown, unknown>> = {
  "fails": () => new Broken(),
  "fails with something that throws": () => Effect.fail(hostile),
  "dies": () => Effect.die("defect"),
  "throws": thrown,
  "interrupts itself": () => Effect.interrupt,
  "spoils the event": (event) => {
    Reflect.set(event, "_tag", "turn:end")
    Reflect.set(event.delivery, "attempt", 99)
    Reflect.deleteProperty(event, "threadId")
    return new Broken()
  }
}

describe("HookDispatcher: observers", () => {
  for (const delivery of ["durable", "best-effort"] as const) {
    it.effect(`P12 hooks: each ${delivery} hook has its events in order, and one that hangs holds up no other`, () =>
      onStore(Effect.gen(function*() {
        const hooks = yield* dispatcher
        const stuck = yield* Queue.unbounded<LifecycleEvent>()
        yield* register(LifecycleHooks.observe({
          name: "stuck",
          events: ["turn:start"],
          delivery,
          run: (event) => Effect.andThen(Queue.offer(stuck, event), Effect.never)
        }))
        const heard = yield* listener("heard", ["turn:*"], { delivery })
        yield* openThread()
        yield* record(hooks, [turnStarted("a"), turnStarted("b")])
        yield* record(hooks, [turnStarted("c")])
        assert.deepStrictEqual(yield* taken(heard, 3), ["a", "b", "c"])
        assert.deepStrictEqual(turnIds(yield* Queue.takeAll(stuck)), ["a"])
      })))

    for (const [what, run] of Object.entries(misbehaviours)) {
      it.effect(`P12 hooks: a ${delivery} hook that ${what} hurts nobody, and its receipt says so`, () =>
        onStore(Effect.gen(function*() {
          const hooks = yield* dispatcher
          const receipt = yield* receipts("bad")
          let calls = 0
          yield* register(LifecycleHooks.observe({
            name: "bad",
            events: ["turn:*"],
            delivery,
            attempts: 1,
            run: (event) => ++calls > 1 ? Effect.void : run(event)
          }))
          const heard = yield* listener("good", ["turn:*"], { delivery })
          yield* openThread()
          const told = yield* record(hooks, [turnStarted("a"), turnStarted("b")])
          assert.deepStrictEqual(yield* taken(heard, 2), ["a", "b"])
          const [failed, ok] = yield* Queue.takeN(receipt, 2)
          assert.deepStrictEqual([failed?.of, ok?.of], told.map(({ _tag, eventId }) => ({ eventId, _tag })))
          assert.deepInclude(failed, { outcome: "failed", attempt: 1 })
          assert.isString(failed?.error)
          assert.deepInclude(ok, { outcome: "ok", attempt: 1 })
          assert.isUndefined(ok?.error)
        })))
    }
  }

  it.effect("P12 hooks: a hook that does not come back in time is interrupted, and its receipt says timeout", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const receipt = yield* receipts("slow")
      const called = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      yield* register(LifecycleHooks.observe({
        name: "slow",
        events: ["turn:start"],
        timeout: "3 seconds",
        attempts: 1,
        run: () =>
          Deferred.succeed(called, undefined).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
          )
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      yield* Deferred.await(called)
      yield* TestClock.adjust("2999 millis")
      assert.isFalse(yield* Deferred.isDone(interrupted))
      yield* TestClock.adjust("1 millis")
      yield* Deferred.await(interrupted)
      assert.deepInclude(yield* Queue.take(receipt), { outcome: "timeout", durationMillis: 3000 })
    })))

  it.effect("P12 hooks: a failed delivery is tried again, later each time and no more than so often; later events go on", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const outbox = yield* HookOutbox
      const tries = yield* Queue.unbounded<readonly [string, number, boolean]>()
      yield* register(LifecycleHooks.observe({
        name: "flaky",
        events: ["turn:start"],
        attempts: 4,
        backoff: "20 minutes",
        run: (event) =>
          Effect.andThen(
            Queue.offer(tries, [event.turnId, event.delivery.attempt, event.delivery.recovered]),
            event.turnId === "bad" ? new Broken() : Effect.void
          )
      }))
      yield* openThread()
      const [bad] = yield* record(hooks, [turnStarted("bad"), turnStarted("good")])
      assert.deepStrictEqual(yield* Queue.takeN(tries, 2), [["bad", 1, false], ["good", 1, false]])
      // 20 minutes, 40, and then an hour at most.
      for (const [attempt, wait] of [[2, 20], [3, 40], [4, 60]] as const) {
        yield* settle
        const due = yield* outbox.nextDue("flaky")
        assert.strictEqual(due, (yield* Effect.clockWith((clock) => clock.currentTimeMillis)) + wait * 60_000)
        yield* TestClock.adjust(Duration.minutes(wait))
        assert.deepStrictEqual(yield* Queue.takeAll(tries), [["bad", attempt, false]])
      }
      assert.strictEqual(yield* outbox.nextDue("flaky"), undefined)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* Queue.size(tries), 0)
      assert.isString(bad?.eventId)
    })))

  it.effect("P12 hooks: a failure that says that trying again is in vain is not tried again", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const outbox = yield* HookOutbox
      const tries = yield* Queue.unbounded<string>()
      yield* register(LifecycleHooks.observe({
        name: "gone",
        events: ["turn:start"],
        run: (event) => Effect.andThen(Queue.offer(tries, event.turnId), Effect.fail({ retryable: false }))
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("one"), turnStarted("two")])
      assert.deepStrictEqual(yield* Queue.takeN(tries, 2), ["one", "two"])
      yield* settle
      assert.strictEqual(yield* outbox.nextDue("gone"), undefined)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* Queue.size(tries), 0)
    })))

  it.effect("P12 hooks: a best-effort hook is called once, nothing is stored for it, and what is too much is skipped", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const outbox = yield* HookOutbox
      const receipt = yield* receipts("slow")
      const open = yield* Latch.make(false)
      const called = yield* Deferred.make<void>()
      const heard = yield* Queue.unbounded<string>()
      yield* register(LifecycleHooks.observe({
        name: "slow",
        events: ["turn:start"],
        delivery: "best-effort",
        timeout: Duration.infinity,
        run: (event) =>
          Deferred.succeed(called, undefined).pipe(
            Effect.andThen(open.await),
            Effect.andThen(Queue.offer(heard, event.turnId))
          )
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("running")])
      yield* Deferred.await(called)
      // 256 of them can wait.
      const [one, ...more] = Array.from({ length: 258 }, (_, n) => turnStarted(String(n)))
      assert.isDefined(one)
      if (one === undefined) return
      const told = yield* record(hooks, [one, ...more])
      const skipped = yield* Queue.takeN(receipt, 2)
      assert.deepStrictEqual(
        skipped.map((event) => [event.outcome, event.of.eventId]),
        told.slice(0, 2).map(({ eventId }) => ["skipped", eventId])
      )
      yield* open.open
      const handled = yield* Queue.takeN(heard, 257)
      assert.deepStrictEqual(handled, ["running", ...Array.from({ length: 256 }, (_, n) => String(n + 2))])
      assert.strictEqual(yield* outbox.nextDue("slow"), undefined)
    })))

  it.effect("P12 hooks: receipts are told at best effort, have no receipt themselves, and are not stored", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const outbox = yield* HookOutbox
      yield* openThread()
      const heard = yield* listener("all", ["*"])
      const [told] = yield* record(hooks, [turnStarted("a")])
      const [event, receipt] = yield* Queue.takeN(heard, 2)
      assert.deepStrictEqual(event, told)
      assert.deepInclude(receipt, { _tag: "hook:completed", hook: "all", threadId, sessionId: binding().sessionId })
      yield* settle
      assert.strictEqual(yield* Queue.size(heard), 0)
      assert.strictEqual(yield* outbox.nextDue("all"), undefined)
    })))

  it.effect("P12 hooks: what was recorded without the dispatcher's being told is found within a minute", () =>
    onStore(Effect.gen(function*() {
      yield* dispatcher
      const heard = yield* listener("late", ["session:start"])
      yield* settle
      yield* openThread()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Queue.take(heard))._tag, "session:start")
    })))

  it.effect("P12 hooks: a store that fails for a while delays deliveries and loses none", () =>
    Effect.gen(function*() {
      let failing = false
      const outbox = yield* HookOutbox
      const fails = <A>(effect: Effect.Effect<A, StoreFailed>) =>
        Effect.suspend(() =>
          failing ? new StoreFailed({ operation: "test", reason: "test", cause: "the test wants it so" }) : effect
        )
      const faulty = HookOutbox.of({
        records: outbox.records,
        register: (hook) => fails(outbox.register(hook)),
        pending: (query) => fails(outbox.pending(query)),
        nextDue: (hook) => fails(outbox.nextDue(hook)),
        attempt: (delivery) => fails(outbox.attempt(delivery)),
        postpone: (delivery) => fails(outbox.postpone(delivery)),
        limitDue: (limit) => fails(outbox.limitDue(limit)),
        giveUp: (delivery) => fails(outbox.giveUp(delivery)),
        waiting: outbox.waiting,
        givenUp: outbox.givenUp,
        resend: (deliveries) => fails(outbox.resend(deliveries)),
        backlog: outbox.backlog,
        acknowledge: (delivery) => fails(outbox.acknowledge(delivery)),
        purge: (before) => fails(outbox.purge(before))
      })
      const hooks = yield* Effect.provideService(dispatcher, HookOutbox, faulty)
      const heard = yield* listener("heard", ["turn:start"])
      yield* openThread()
      yield* settle
      failing = true
      yield* record(hooks, [turnStarted("a")])
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* Queue.size(heard), 0)
      failing = false
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* taken(heard, 1), ["a"])
      // It breaks between the call and its acknowledgement: that is written later, and the hook is not called again.
      yield* register(LifecycleHooks.observe({
        name: "breaker",
        events: ["turn:start"],
        run: () => Effect.sync(() => void (failing = true))
      }))
      yield* record(hooks, [turnStarted("b")])
      yield* settle
      failing = false
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* outbox.nextDue("breaker"), undefined)
    }).pipe(onStore))

  it.effect("P12 hooks: a durable hook that cannot be registered is told at best effort", () =>
    Effect.gen(function*() {
      const outbox = yield* HookOutbox
      const fail = new StoreFailed({ operation: "test", reason: "test", cause: "the test wants it so" })
      const hooks = yield* Effect.provideService(dispatcher, HookOutbox, {
        ...outbox,
        register: () => Effect.fail(fail)
      })
      const registering = yield* Effect.forkChild(listener("heard", ["turn:start"]))
      yield* TestClock.adjust("1 minute")
      const heard = yield* Fiber.join(registering)
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      assert.deepStrictEqual(yield* taken(heard, 1), ["a"])
    }).pipe(onStore))

  it.effect("P12 hooks: one that may be tried any number of times without a wait is tried until it succeeds", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const heard = yield* Queue.unbounded<number>()
      yield* register(LifecycleHooks.observe({
        name: "stubborn",
        events: ["turn:start"],
        attempts: Number.MAX_SAFE_INTEGER,
        backoff: 0,
        run: ({ delivery: { attempt } }) => attempt < 1100 ? new Broken() : Queue.offer(heard, attempt)
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      assert.strictEqual(yield* Queue.take(heard), 1100)
    })))

  it.effect("P12 hooks: a call that ends within the grace of its hook is not abandoned, and the next event is told at once", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const calls = yield* Queue.unbounded<string>()
      const ends = yield* Queue.unbounded<void>()
      yield* register(LifecycleHooks.observe({
        name: "slow",
        events: ["turn:start"],
        timeout: "1 second",
        grace: "30 seconds",
        attempts: 1,
        run: (event) => Effect.uninterruptible(Effect.andThen(Queue.offer(calls, event.turnId), Queue.take(ends)))
      }))
      // Before the hook goes, which waits for its call on a clock that stands still.
      yield* Effect.addFinalizer(() => Queue.offer(ends, undefined))
      yield* openThread()
      yield* record(hooks, [turnStarted("a"), turnStarted("b")])
      assert.strictEqual(yield* Queue.take(calls), "a")
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("29 seconds")
      yield* Queue.offer(ends, undefined)
      assert.strictEqual(yield* Queue.take(calls), "b")
    })))

  it.effect("P12 hooks: a hook that does not react to its interruption is abandoned and left alone for a while", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const outbox = yield* HookOutbox
      const receipt = yield* receipts("wedged")
      const calls = yield* Queue.unbounded<string>()
      const ends = yield* Queue.unbounded<void>()
      yield* register(LifecycleHooks.observe({
        name: "wedged",
        events: ["turn:start"],
        timeout: "1 second",
        attempts: 100,
        run: (event) => Effect.uninterruptible(Effect.andThen(Queue.offer(calls, event.turnId), Queue.take(ends)))
      }))
      // Before the hook goes: it has five seconds for that, of a clock that stands still.
      yield* Effect.addFinalizer(() => Queue.offerAll(ends, Array.from({ length: 10 }, () => undefined)))
      yield* openThread()
      const told = yield* record(hooks, [turnStarted("a"), turnStarted("b"), turnStarted("c"), turnStarted("d")])
      // One call at a time: a second of its own, five of grace, a minute without a call.
      for (const expected of ["a", "b", "c"]) {
        assert.deepStrictEqual(yield* Queue.takeAll(calls), [expected])
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude(yield* Queue.take(receipt), { outcome: "timeout", durationMillis: 6000 })
        // Nobody has to wait for a hook that is not called.
        yield* hooks.settled(told.map(({ eventId }) => eventId), Duration.infinity)
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* Queue.size(calls), 0)
        yield* TestClock.adjust("1 second")
      }
      // Three of them are still running: it is not called until one has ended.
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Queue.size(calls), 0)
      yield* Queue.offer(ends, undefined)
      assert.strictEqual(yield* Queue.take(calls), "d")
      yield* Queue.offerAll(ends, [undefined, undefined, undefined])
      assert.deepInclude(yield* Queue.take(receipt), { outcome: "ok" })
      assert.isDefined(yield* outbox.nextDue("wedged"))
    })))
})

describe("HookDispatcher: waiting", () => {
  it.effect("P12 hooks: one waits until every observer has handled the events, or failed to", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const open = yield* Latch.make(false)
      yield* register(Layer.mergeAll(
        LifecycleHooks.observe({ name: "durable", events: ["turn:start"], run: () => open.await }),
        LifecycleHooks.observe({
          name: "failing",
          events: ["*"],
          delivery: "best-effort",
          run: () => Effect.andThen(open.await, new Broken())
        }),
        LifecycleHooks.observe({ name: "stranger", events: ["session:end"], run: () => Effect.never })
      ))
      yield* openThread()
      const [told] = yield* record(hooks, [turnStarted("a")])
      const waiting = yield* Effect.forkChild(hooks.settled([told?.eventId ?? ""], Duration.infinity), {
        startImmediately: true
      })
      yield* settle
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      yield* open.open
      yield* Fiber.join(waiting)
      // Everything is handled now: nothing to wait for.
      yield* hooks.settled([told?.eventId ?? ""], Duration.infinity)
    })))

  it.effect("P12 hooks: one waits no longer than the budget", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      yield* register(LifecycleHooks.observe({ name: "slow", events: ["turn:start"], run: () => Effect.never }))
      yield* openThread()
      const [told] = yield* record(hooks, [turnStarted("a")])
      const waiting = yield* Effect.forkChild(hooks.settled([told?.eventId ?? ""], Duration.seconds(5)), {
        startImmediately: true
      })
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(waiting)
    })))

  it.effect("P12 hooks: an event that was handled before it was emitted is not waited for", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const heard = yield* listener("fast", ["session:start", "turn:start"])
      yield* openThread()
      // The store is ahead of the one who tells: the worker is woken by something else and finds the event.
      const told: Array<LifecycleEvent> = []
      yield* record({ emit: (events) => told.push(...events) }, [turnStarted("a")])
      yield* record(hooks, [turnStarted("b")])
      assert.deepStrictEqual(turnIds(yield* Queue.takeN(heard, 3)), ["session:start", "a", "b"])
      yield* settle
      hooks.emit(told)
      yield* hooks.settled(told.map(({ eventId }) => eventId), Duration.infinity)
    })))

  it.effect("P12 hooks: a hook that waits for itself is not waited for", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const done = yield* Deferred.make<void>()
      const store = yield* SessionStore
      yield* register(LifecycleHooks.observe({
        name: "stopper",
        events: ["turn:start"],
        timeout: Duration.infinity,
        run: (event) =>
          event.turnId === "a"
            ? record(hooks, [turnStarted("b")]).pipe(
              Effect.flatMap((told) => hooks.settled(told.map(({ eventId }) => eventId), Duration.infinity)),
              Effect.andThen(Deferred.succeed(done, undefined)),
              Effect.provideService(SessionStore, store)
            )
            : Effect.void
      }))
      yield* openThread()
      yield* record(hooks, [turnStarted("a")])
      yield* Deferred.await(done)
    })))
})
