import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { EventOf } from "../../src/domain/LifecycleEvent.ts"
import { allow, decide, type GuardedEvent, veto } from "../../src/hooks/HookVerdict.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { events } from "../support/HookFixture.ts"
import { asked, Broken, dispatcher, onStore, receipts, register, thrown } from "../support/Hooks.ts"

const approvalAsked = events("/project").approval()

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

  /** What a hook in JavaScript may answer. */
  const nonsense = [
    "null",
    "false",
    "[]",
    "\"deny\"",
    "{}",
    "{\"_tag\":\"veto\"}",
    "{\"_tag\":\"Deny\"}",
    "{\"_tag\":\"Veto\"}",
    "{\"_tag\":\"Veto\",\"reason\":7}",
    "{\"_tag\":\"Decide\"}",
    "{\"_tag\":\"Decide\",\"decision\":{\"_tag\":\"Sometimes\"}}"
  ]

  it.effect("P12 P15 hooks: an answer that cannot be read is a failure of the guard, never its consent", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      const receipt = yield* receipts("closed")
      for (const answer of nonsense) {
        const run = () => Effect.sync(() => JSON.parse(answer))
        const judged = (event: GuardedEvent) =>
          Effect.gen(function*() {
            yield* register(LifecycleHooks.guard({ name: "open", events: [event._tag], failure: "open", run }))
            const before = yield* hooks.guard(event)
            yield* register(LifecycleHooks.guard({ name: "closed", events: [event._tag], failure: "closed", run }))
            return [before._tag, (yield* hooks.guard(event))._tag]
          }).pipe(Effect.scoped)
        for (const event of [asked(), approvalAsked]) {
          assert.deepStrictEqual(yield* judged(event), ["Allow", "Veto"], `${answer} about ${event._tag}`)
          assert.deepInclude(yield* Queue.take(receipt), { outcome: "failed" })
        }
      }
    })))

  it.effect("P7 hooks: a denial is one also of what has no approval to decide", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      yield* register(LifecycleHooks.guard({
        name: "no",
        events: ["turn:start", "approval:requested"],
        run: () => Effect.succeed(decide({ _tag: "Deny", reason: "never" }))
      }))
      assert.deepStrictEqual(yield* hooks.guard(asked()), { _tag: "Veto", hook: "no", reason: "never" })
    })))

  it.effect("P12 P15 hooks: additions that are no list of texts are a failure of the transform, and add nothing", () =>
    onStore(Effect.gen(function*() {
      const hooks = yield* dispatcher
      for (const patch of ["{\"context\":\"hello\"}", "{\"context\":[7]}", "\"hello\"", "null"]) {
        const run = () => Effect.sync(() => JSON.parse(patch))
        const added = (failure: "open" | "closed") =>
          Effect.andThen(
            register(LifecycleHooks.transform({ name: failure, events: ["turn:start"], failure, run })),
            hooks.transform(asked())
          ).pipe(Effect.scoped)
        assert.deepStrictEqual(yield* added("open"), { _tag: "Transformed", context: [] }, patch)
        assert.deepInclude(yield* added("closed"), { _tag: "Veto", hook: "closed" }, patch)
      }
    })))

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
