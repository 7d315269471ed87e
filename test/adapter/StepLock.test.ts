/** The lock under which adapters step a session. */
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Deferred, Effect, Fiber, Queue } from "effect"
import * as StepLock from "../../src/adapter/StepLock.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

const event = (code: string): ProviderEvent => ({ _tag: "Warning", code })

const codes = (events: ReadonlyArray<ProviderEvent>) =>
  events.map((event) => event._tag === "Warning" ? event.code : "")

const none = () => Effect.void

describe("StepLock", () => {
  it.effect("P11 a step that finds the lock free and room for its events is over when it is asked for", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.bounded<ProviderEvent, Cause.Done>(2)
      const left = StepLock.runNow(lock, () => StepLock.letOut(queue, [event("a"), event("b")], [], none))
      assert.strictEqual(left, Effect.void)
      assert.deepStrictEqual(codes(yield* Queue.takeAll(queue)), ["a", "b"])
    }))

  it.effect("P11 events for which there is no room wait, and the next step's events come after them", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.bounded<ProviderEvent, Cause.Done>(1)
      const step = (...names: ReadonlyArray<string>) => () => StepLock.letOut(queue, names.map(event), [], none)
      const first = yield* Effect.forkChild(StepLock.runNow(lock, step("a", "b", "c")), { startImmediately: true })
      const second = yield* Effect.forkChild(StepLock.runNow(lock, step("d")), { startImmediately: true })
      const seen: Array<ProviderEvent> = []
      while (seen.length < 4) seen.push(yield* Queue.take(queue))
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(codes(seen), ["a", "b", "c", "d"])
    }))

  it.effect("P11 what a step taken at once could not let out comes before the events of a step that finds the lock free", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.bounded<ProviderEvent, Cause.Done>(1)
      const step = (...names: ReadonlyArray<string>) => () => StepLock.letOut(queue, names.map(event), [], none)
      const left = StepLock.runNow(lock, step("a", "b"))
      // Both are asked for while the first step still waits to be gone on with.
      const others = [StepLock.run(lock, step("c")), StepLock.runNow(lock, step("d"))]
      const fibers = yield* Effect.forEach(
        [...others, left],
        (effect) => Effect.forkChild(effect, { startImmediately: true })
      )
      const seen: Array<ProviderEvent> = []
      while (seen.length < 4) seen.push(yield* Queue.take(queue))
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(codes(seen), ["a", "b", "c", "d"])
    }))

  it.effect("P11 what a step taken at once could not let out comes before the events of a step that waits for the lock at that moment", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.bounded<ProviderEvent, Cause.Done>(1)
      const step = (...names: ReadonlyArray<string>) => () => StepLock.letOut(queue, names.map(event), [], none)
      const gate = yield* Deferred.make<void>()
      let left: Effect.Effect<void> = Effect.void
      const holder = yield* Effect.forkChild(
        Effect.andThen(
          StepLock.run(lock, () => Deferred.await(gate)),
          Effect.sync(() => {
            left = StepLock.runNow(lock, step("a", "b"))
          })
        ),
        { startImmediately: true }
      )
      const waiting = yield* Effect.forkChild(StepLock.run(lock, step("c")), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      assert.notStrictEqual(left, Effect.void)
      const seen: Array<ProviderEvent> = []
      while (seen.length < 2) seen.push(yield* Queue.take(queue))
      const rest = yield* Effect.forkChild(left, { startImmediately: true })
      while (seen.length < 3) seen.push(yield* Queue.take(queue))
      yield* Fiber.join(waiting)
      yield* Fiber.join(rest)
      assert.deepStrictEqual(codes(seen), ["a", "b", "c"])
    }))

  it.effect("P11 what is left of a step and breaks takes no other step with it", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
      const left = StepLock.runNow(
        lock,
        () => StepLock.letOut(queue, [event("a")], ["want"], () => Effect.die("broken"))
      )
      yield* Effect.exit(StepLock.run(lock, () => StepLock.letOut(queue, [event("b")], [], none)))
      yield* left
      assert.deepStrictEqual(codes(yield* Queue.takeAll(queue)), ["a", "b"])
      assert.strictEqual(StepLock.runNow(lock, none), Effect.void)
    }))

  it.effect("P11 what a step wants is done before the next step is taken, at once or not", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      const queue = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
      const gate = yield* Deferred.make<void>()
      const done: Array<string> = []
      const fulfil = (want: string) => Effect.andThen(Deferred.await(gate), Effect.sync(() => done.push(want)))
      const first = yield* Effect.forkChild(
        StepLock.run(lock, () => StepLock.letOut(queue, [event("a")], ["first"], fulfil)),
        { startImmediately: true }
      )
      const second = yield* Effect.forkChild(
        StepLock.runNow(lock, () => {
          done.push("second")
          return StepLock.letOut(queue, [event("b")], [], none)
        }),
        { startImmediately: true }
      )
      assert.deepStrictEqual(done, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(done, ["first", "second"])
      assert.deepStrictEqual(codes(yield* Queue.takeAll(queue)), ["a", "b"])
    }))

  it.effect("P11 a step that fails to be taken lets the next one be taken", () =>
    Effect.gen(function*() {
      const lock = StepLock.make()
      yield* Effect.exit(StepLock.run(lock, () => Effect.die("broken")))
      assert.isFalse(lock.held)
      assert.strictEqual(StepLock.runNow(lock, none), Effect.void)
    }))
})
