import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Option, Queue } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import { allow } from "../../src/hooks/HookVerdict.ts"
import * as reentrancy from "../../src/hooks/internal/reentrancy.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { HookReentrant } from "../../src/service/ServiceError.ts"
import { asked, dispatcher, onStore, record, register, turnStarted } from "../support/Hooks.ts"
import { openThread, threadId } from "../support/StoreFixture.ts"

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
