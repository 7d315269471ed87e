import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Latch, Layer, Option, Queue, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Lifecycle from "../../src/domain/LifecycleEvent.ts"
import type { EventOf, LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import * as reentrancy from "../../src/hooks/internal/reentrancy.ts"
import { allow, LifecycleHooks, veto } from "../../src/hooks/LifecycleHooks.ts"
import { HookReentrant } from "../../src/service/ServiceError.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { StoreFailed } from "../../src/store/StoreError.ts"
import * as HookHost from "../support/HookHost.ts"
import { asked, dispatcher, listener, receipts, record, register, turnStarted } from "../support/Hooks.ts"
import { binding, openThread, temporaryFile, threadId, turn, withStore } from "../support/StoreFixture.ts"

/** Hooks on a store in memory. */
const onStore = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, [LifecycleHooks.layer, SessionStore.layerMemory])

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

const hostile = {
  get message(): string {
    throw new Error("not even this")
  },
  toJSON() {
    throw new Error("nor that")
  }
}

const thrown = (): Effect.Effect<never> => {
  throw new TypeError("thrown")
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

const turnIds = (events: ReadonlyArray<LifecycleEvent>) =>
  events.map((event) => event._tag === "turn:start" ? event.turnId : event._tag)

const taken = (queue: Queue.Dequeue<LifecycleEvent>, n: number) => Effect.map(Queue.takeN(queue, n), turnIds)

/** Lets every fiber run that can. */
const settle = TestClock.adjust(0)

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

describe("HookDispatcher: guards and transforms", () => {
  /** A guard that answers so and keeps that it was asked. */
  const guard = (name: string, order: Array<string>, options: {
    readonly priority?: number
    readonly failure?: "open" | "closed"
    readonly answer?: Effect.Effect<typeof allow | ReturnType<typeof veto>, unknown>
  }) =>
    LifecycleHooks.guard({
      name,
      events: ["turn:start"],
      priority: options.priority,
      failure: options.failure,
      run: () => Effect.andThen(Effect.sync(() => order.push(name)), options.answer ?? Effect.succeed(allow))
    })

  it.effect("P12 hooks: guards are asked by priority, then in the order of their registration; the first veto wins", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const order: Array<string> = []
      const receipt = yield* receipts("no")
      yield* register(guard("first", order, {}))
      yield* register(guard("second", order, {}))
      yield* register(guard("urgent", order, { priority: 10 }))
      assert.isTrue(hooks.asks("turn:start"))
      assert.isFalse(hooks.asks("compaction:before"))
      assert.deepStrictEqual(yield* hooks.guard(asked()), { _tag: "Allow" })
      assert.deepStrictEqual(order.splice(0), ["urgent", "first", "second"])
      yield* register(guard("no", order, { priority: 5, answer: Effect.succeed(veto("not now")) }))
      assert.deepStrictEqual(yield* hooks.guard(asked()), { _tag: "Veto", hook: "no", reason: "not now" })
      assert.deepStrictEqual(order, ["urgent", "no"])
      assert.deepInclude(yield* Queue.take(receipt), { outcome: "vetoed" })
    })))

  const failures: Record<string, (event: EventOf<"turn:start">) => Effect.Effect<typeof allow, unknown>> = {
    "fails": () => new Broken(),
    "dies": () => Effect.die("defect"),
    "throws": thrown,
    "interrupts itself": () => Effect.interrupt,
    "hangs": () => Effect.never
  }

  for (const [what, run] of Object.entries(failures)) {
    it.effect(`P12 hooks: a guard that ${what} counts as a veto if it is closed, and as not there if it is open`, () =>
      onStore(Effect.gen(function*() {
        const hooks = yield* dispatcher
        const ask = Effect.gen(function*() {
          const asking = yield* Effect.forkChild(hooks.guard(asked()), { startImmediately: true })
          yield* TestClock.adjust("10 seconds")
          return yield* Fiber.join(asking)
        })
        yield* register(LifecycleHooks.guard({ name: "open", events: ["turn:start"], run }))
        assert.deepStrictEqual(yield* ask, { _tag: "Allow" })
        yield* register(LifecycleHooks.guard({ name: "closed", events: ["turn:start"], failure: "closed", run }))
        // Ten seconds for each of them, where they hang.
        const asking = yield* Effect.forkChild(hooks.guard(asked()), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        yield* TestClock.adjust("10 seconds")
        const verdict = yield* Fiber.join(asking)
        assert.deepInclude(verdict, { _tag: "Veto", hook: "closed" })
      })))
  }

  it.effect("P12 hooks: transforms see the same event one after the other, and their additions are joined", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const seen: Array<string> = []
      const transform = (name: string, context: ReadonlyArray<string> | undefined) =>
        LifecycleHooks.transform({
          name,
          events: ["turn:start"],
          run: (event) =>
            Effect.sync(() => {
              seen.push(event.input.prompt)
              Reflect.set(event.input, "prompt", `spoilt by ${name}`)
              return { context }
            })
        })
      yield* register(transform("a", ["one", "two"]))
      yield* register(transform("b", undefined))
      yield* register(transform("c", ["three"]))
      yield* register(LifecycleHooks.transform({ name: "open", events: ["turn:start"], run: () => new Broken() }))
      assert.deepStrictEqual(yield* hooks.transform(asked("prompt")), {
        _tag: "Transformed",
        context: ["one", "two", "three"]
      })
      assert.deepStrictEqual(seen, ["prompt", "prompt", "prompt"])
      yield* register(LifecycleHooks.transform({
        name: "closed",
        events: ["turn:start"],
        failure: "closed",
        run: () => new Broken()
      }))
      assert.deepInclude(yield* hooks.transform(asked()), { _tag: "Veto", hook: "closed" })
    })))

  it.effect("P12 hooks: a guard that is taken away while it is asked does not hold up whoever asks", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const scope = yield* Scope.make()
      yield* register(LifecycleHooks.guard({ name: "stuck", events: ["turn:start"], run: () => Effect.never })).pipe(
        Scope.provide(scope)
      )
      const asking = yield* Effect.forkChild(hooks.guard(asked()), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(asking), { _tag: "Allow" })
      assert.isFalse(hooks.asks("turn:start"))
    })))

  it.effect("P12 hooks: whoever gives up asking does not leave the guard running", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const interrupted = yield* Deferred.make<void>()
      yield* register(LifecycleHooks.guard({
        name: "stuck",
        events: ["turn:start"],
        run: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      }))
      const asking = yield* Effect.forkChild(hooks.guard(asked()), { startImmediately: true })
      yield* Fiber.interrupt(asking)
      assert.isTrue(yield* Deferred.isDone(interrupted))
    })))
})

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

describe("HookScope", () => {
  const refusal = (id: ThreadId) =>
    Effect.match(reentrancy.check(id), { onFailure: (refused) => refused, onSuccess: () => {} })

  const other = ThreadId.make("another")

  it.effect("P12 hooks: a hook that its thread waits for cannot use that thread, until it is over", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      yield* reentrancy.check(threadId)
      const over = yield* Latch.make(false)
      const inside = yield* Deferred.make<HookReentrant | void>()
      const afterwards = yield* Deferred.make<HookReentrant | void>()
      const elsewhere = yield* Deferred.make<HookReentrant | void>()
      const check = refusal(threadId)
      yield* register(LifecycleHooks.guard({
        name: "guard",
        events: ["turn:start"],
        run: () =>
          Effect.gen(function*() {
            yield* Deferred.complete(inside, Effect.flatMap(Effect.forkChild(check), Fiber.join))
            yield* Deferred.complete(elsewhere, refusal(other))
            yield* Effect.forkDetach(Effect.andThen(over.await, Deferred.complete(afterwards, check)))
            return allow
          })
      }))
      yield* hooks.guard(asked())
      yield* over.open
      const refused = new HookReentrant({ threadId, hook: "guard", event: "turn:start" })
      assert.deepStrictEqual(yield* Deferred.await(inside), refused)
      assert.isUndefined(yield* Deferred.await(elsewhere))
      assert.isUndefined(yield* Deferred.await(afterwards))
    })))

  it.effect("P12 hooks: observers of what their thread waits for are refused, others are not", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const checks = yield* Queue.unbounded<readonly [string, boolean]>()
      yield* register(LifecycleHooks.observe({
        name: "observer",
        events: ["session:*", "turn:*", "compaction:*"],
        run: (event) =>
          Effect.flatMap(
            Effect.option(reentrancy.check(threadId)),
            (free) => Queue.offer(checks, [event._tag, Option.isSome(free)])
          )
      }))
      yield* openThread()
      yield* record(hooks, [
        turnStarted("a"),
        { _tag: "CompactionGated", compactionId: "c", trigger: "auto", vetoable: true },
        { _tag: "CompactionSettled", compactionId: "c", trigger: "auto", outcome: "completed" },
        { _tag: "SessionEnded", reason: "stopped" }
      ])
      assert.deepStrictEqual(yield* Queue.takeN(checks, 5), [
        ["session:start", false],
        ["turn:start", true],
        ["compaction:before", false],
        ["compaction:after", true],
        ["session:end", false]
      ])
    })))

  it.effect("P12 hooks: a hook inside of a hook is inside of both", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const checked = yield* Deferred.make<HookReentrant | void>()
      yield* register(LifecycleHooks.guard({
        name: "both",
        events: ["turn:start"],
        run: (event) =>
          event.turnId === "inner"
            ? Effect.as(Deferred.complete(checked, refusal(threadId)), allow)
            : Effect.as(hooks.guard({ ...asked("inner"), threadId: other }), allow)
      }))
      yield* hooks.guard(asked("outer"))
      assert.instanceOf(yield* Deferred.await(checked), HookReentrant)
    })))
})

describe("LifecycleHooks: types", () => {
  it("P12 hooks: patterns are checked, and an event is what its patterns say, when it is compiled", () => {
    const hooks = Layer.mergeAll(
      LifecycleHooks.observe({
        name: "sessions",
        events: ["session:*"],
        run: (event) => {
          const tag: "session:start" | "session:end" | "session:reset" = event._tag
          return Effect.log(event._tag === "session:start" ? event.source : tag)
        }
      }),
      LifecycleHooks.observe({
        name: "one",
        events: ["turn:end", "snapshot:written"],
        run: (event) => Effect.log(event._tag === "turn:end" ? event.outcome : event.snapshot.path)
      }),
      LifecycleHooks.observe({
        name: "wrong",
        // @ts-expect-error there is no such event
        events: ["session:begin"],
        run: () => Effect.void
      }),
      LifecycleHooks.observe({
        name: "wrong family",
        // @ts-expect-error there is no such family
        events: ["sessions:*"],
        run: () => Effect.void
      }),
      LifecycleHooks.observe({
        name: "wrong field",
        events: ["session:end"],
        // @ts-expect-error an end has no source
        run: (event) => Effect.log(event.source)
      }),
      LifecycleHooks.guard({
        name: "wrong guard",
        // @ts-expect-error an end cannot be vetoed
        events: ["session:end"],
        run: () => Effect.succeed(allow)
      })
    )
    assert.isTrue(Layer.isLayer(hooks))
  })
})
