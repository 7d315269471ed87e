/** How adapters step a session. */
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Deferred, Effect, Fiber, Queue } from "effect"
import * as StepLock from "../../src/adapter/StepLock.ts"
import * as Step from "../../src/domain/Step.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

interface Input {
  /** Codes of its events. */
  readonly events: string
  readonly want?: Effect.Effect<unknown>
}

/** The state is the codes of all events so far. */
const { take, takeNow } = StepLock.steps<StepLock.Stepped<string>, string, Input, Effect.Effect<unknown>>({
  reduce: ({ state }, { events, want }) =>
    Step.make(
      state + events,
      Array.from(events, (code): ProviderEvent => ({ _tag: "Warning", code })),
      want === undefined ? [] : [want]
    ),
  fulfil: (_, want) => want
})

const session = (capacity: number): Effect.Effect<StepLock.Stepped<string>> =>
  Effect.map(Queue.bounded<ProviderEvent, Cause.Done>(capacity), (events) => ({
    state: "",
    lock: StepLock.make(),
    events,
    filter: (events) => events
  }))

/** So many events, each as it comes. */
const read = (live: StepLock.Stepped<string>, count: number) =>
  Effect.map(
    Effect.replicateEffect(Queue.take(live.events), count),
    (events) => events.map((event) => event._tag === "Warning" ? event.code : "").join("")
  )

const forked = (effect: Effect.Effect<void>) => Effect.forkChild(effect, { startImmediately: true })

describe("StepLock", () => {
  it.effect("P11 a step that finds the lock free and room for its events is over when it is asked for", () =>
    Effect.gen(function*() {
      const live = yield* session(2)
      assert.strictEqual(takeNow(live, { events: "ab" }), Effect.void)
      assert.strictEqual(live.state, "ab")
      assert.strictEqual(yield* read(live, 2), "ab")
    }))

  it.effect("P11 events for which there is no room wait, and the next step's events come after them", () =>
    Effect.gen(function*() {
      const live = yield* session(1)
      const fibers = [
        yield* forked(takeNow(live, { events: "abc" })),
        yield* forked(takeNow(live, { events: "d" }))
      ]
      assert.strictEqual(yield* read(live, 4), "abcd")
      yield* Fiber.joinAll(fibers)
    }))

  it.effect("P11 what a step taken at once could not let out comes before the events of a step that finds the lock free", () =>
    Effect.gen(function*() {
      const live = yield* session(1)
      const left = takeNow(live, { events: "ab" })
      // Both are asked for while the first step still waits to be gone on with.
      const others = [take(live, { events: "c" }), takeNow(live, { events: "d" })]
      const fibers = yield* Effect.forEach([...others, left], forked)
      assert.strictEqual(yield* read(live, 4), "abcd")
      yield* Fiber.joinAll(fibers)
    }))

  it.effect("P11 what a step taken at once could not let out comes before the events of a step that waits for the lock", () =>
    Effect.gen(function*() {
      const live = yield* session(1)
      const gate = yield* Deferred.make<void>()
      let left: Effect.Effect<void> = Effect.void
      // The lock is free then, and the one that waits for it has not been told yet.
      const atOnce = Effect.sync(() => {
        left = takeNow(live, { events: "ab" })
      })
      const holder = yield* forked(
        Effect.andThen(take(live, { events: "", want: Deferred.await(gate) }), atOnce)
      )
      const waiting = yield* forked(take(live, { events: "c" }))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      assert.notStrictEqual(left, Effect.void)
      const first = yield* read(live, 2)
      const rest = yield* forked(left)
      assert.strictEqual(first + (yield* read(live, 1)), "abc")
      yield* Fiber.joinAll([waiting, rest])
    }))

  it.effect("P11 what is left of a step and breaks takes no other step with it", () =>
    Effect.gen(function*() {
      const live = yield* session(2)
      const left = takeNow(live, { events: "a", want: Effect.die("broken") })
      yield* Effect.exit(take(live, { events: "b" }))
      yield* left
      assert.strictEqual(yield* read(live, 2), "ab")
      assert.strictEqual(takeNow(live, { events: "" }), Effect.void)
    }))

  it.effect("P11 what a step wants is done before the next step is taken, at once or not", () =>
    Effect.gen(function*() {
      const live = yield* session(2)
      const gate = yield* Deferred.make<void>()
      const first = yield* forked(take(live, { events: "a", want: Deferred.await(gate) }))
      const second = yield* forked(takeNow(live, { events: "b" }))
      assert.strictEqual(live.state, "a")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([first, second])
      assert.strictEqual(live.state, "ab")
      assert.strictEqual(yield* read(live, 2), "ab")
    }))

  it.effect("P11 a step that fails lets the next one be taken", () =>
    Effect.gen(function*() {
      const live = yield* session(1)
      yield* Effect.exit(take(live, { events: "", want: Effect.die("broken") }))
      assert.isFalse(live.lock.held)
      assert.strictEqual(takeNow(live, { events: "" }), Effect.void)
    }))
})
