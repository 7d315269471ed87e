/** P7 on the mock: guards of `tool:before`, which are asked before the mode's own rule answers. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import type { EventOf } from "../../src/domain/LifecycleEvent.ts"
import { allow, ask, LifecycleHooks, type ToolVerdict, veto } from "../../src/hooks/index.ts"
import { AdapterError, ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, mock, stored, threadId } = Agents

const guard = (
  name: string,
  run: (event: EventOf<"tool:before">) => Effect.Effect<ToolVerdict, unknown>,
  options: { readonly failure?: "open" | "closed"; readonly priority?: number } = {}
) => LifecycleHooks.guard({ name, events: ["tool:before"], run, ...options })

const started = Effect.fnUntraced(function*(runtimeMode: "full-access" | "approval-required" | "read-only") {
  const agents = yield* ProviderService
  yield* agents.startSession({ threadId, instanceId: mock, directory: yield* Agents.folder, runtimeMode })
  yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
  return yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
})

const commands = Effect.map(
  stored(),
  (events) =>
    events.flatMap((event) =>
      event._tag === "ItemCompleted" && event.item._tag === "Command" ? [event.item.status] : []
    )
)

const settled = Effect.map(
  stored(),
  (events) => events.filter(is("ApprovalSettled")).map(({ actor, by, decision }) => ({ actor, by, decision }))
)

const denied = (reason: string) => ({ _tag: "Deny", reason }) as const

describe("guards of tools", () => {
  for (const mode of ["full-access", "approval-required", "read-only"] as const) {
    it.effect(`P7 mock: a veto keeps a tool from running in ${mode}, and is recorded with its reason`, () =>
      Effect.gen(function*() {
        const asked = yield* Queue.unbounded<EventOf<"tool:before">>()
        yield* Effect.gen(function*() {
          yield* Fiber.join(yield* started(mode))
          assert.deepStrictEqual(yield* commands, ["declined"])
          assert.deepStrictEqual(yield* settled, [{ actor: "policy", by: "hook", decision: denied("not on a Friday") }])
          const requested = (yield* stored()).find(is("ApprovalRequested"))
          const { tool, turnId } = yield* Queue.take(asked)
          assert.strictEqual(requested?.turnId, turnId)
          assert.deepInclude<unknown>(requested?.request, tool)
          assert.deepInclude(tool, { kind: "command", subject: "make" })
        }).pipe(Effect.provide(layer({
          hooks: [guard("policy", (event) => Effect.as(Queue.offer(asked, event), veto("not on a Friday")))]
        })))
      }))
  }

  it.effect("P7 mock: no objection leaves it to the mode: it runs in full-access, and is asked for elsewhere", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Fiber.join(yield* started("full-access"))
      assert.deepStrictEqual(yield* commands, ["completed"])
      assert.deepStrictEqual(yield* settled, [])
      yield* agents.configureThread({ threadId, runtimeMode: "approval-required" })
      yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "again" }), { startImmediately: true })
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      yield* agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
      yield* Fiber.join(turn)
      assert.deepStrictEqual(yield* commands, ["completed", "completed"])
    }).pipe(Effect.provide(layer({ hooks: [guard("fine", () => Effect.succeed(allow))] }))))

  it.effect("P7 mock: a guard has the user asked in full-access, whatever the user allowed before; read-only asks nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const turn = yield* started("full-access")
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      yield* agents.respondToApproval({
        threadId,
        requestId: request.requestId,
        decision: { _tag: "AllowForSession" }
      })
      yield* Fiber.join(turn)
      yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const again = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "again" }), { startImmediately: true })
      const second = yield* awaitEvent((event): event is Extract<typeof event, { _tag: "ApprovalRequested" }> =>
        event._tag === "ApprovalRequested" && event.request.requestId !== request.requestId
      )
      yield* agents.respondToApproval({
        threadId,
        requestId: second.request.requestId,
        decision: { _tag: "Deny", reason: "no" }
      })
      yield* Fiber.join(again)
      yield* agents.configureThread({ threadId, runtimeMode: "read-only" })
      yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      yield* agents.runTurn({ threadId, prompt: "and again" })
      assert.deepStrictEqual(yield* commands, ["completed", "declined", "declined"])
      assert.lengthOf((yield* stored()).filter(is("ApprovalRequested")), 2)
    }).pipe(Effect.provide(layer({ hooks: [guard("careful", () => Effect.succeed(ask))] }))))

  it.effect("P7 mock: the first veto wins over a guard that asks and one without an objection", () =>
    Effect.gen(function*() {
      yield* Fiber.join(yield* started("full-access"))
      assert.deepStrictEqual((yield* settled).map(({ actor }) => actor), ["third"])
    }).pipe(Effect.provide(layer({
      hooks: [
        guard("first", () => Effect.succeed(allow), { priority: 3 }),
        guard("second", () => Effect.succeed(ask), { priority: 2 }),
        guard("third", () => Effect.succeed(veto("no")), { priority: 1 })
      ]
    }))))

  for (
    const [what, run] of [
      ["fails", () => Effect.fail("broken")],
      ["throws", () => Effect.die("broken")],
      ["interrupts itself", () => Effect.interrupt]
    ] satisfies ReadonlyArray<readonly [string, () => Effect.Effect<ToolVerdict, unknown>]>
  ) {
    it.effect(`P7 mock: a guard that ${what} is a veto, unless it says otherwise`, () =>
      Effect.gen(function*() {
        yield* Fiber.join(yield* started("full-access"))
        assert.deepStrictEqual(yield* commands, ["declined"])
        assert.deepStrictEqual((yield* settled).map(({ actor }) => actor), ["closed"])
      }).pipe(Effect.provide(layer({
        hooks: [guard("open", run, { failure: "open", priority: 1 }), guard("closed", run)]
      }))))
  }

  it.effect("P7 mock: a guard that hangs is a veto once its time is over", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const hanging = guard("hanging", () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      yield* Effect.gen(function*() {
        const turn = yield* started("full-access")
        yield* Deferred.await(reached)
        assert.deepStrictEqual(yield* commands, [])
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(turn)
        assert.deepStrictEqual(yield* commands, ["declined"])
      }).pipe(Effect.provide(layer({ hooks: [hanging] })))
    }))

  it.effect("P7 mock: an agent that asks no guards is not started where there is one", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Agents.start())
      assert.instanceOf(error, AdapterError.CapabilityMissing)
      assert.lengthOf(yield* (yield* MockProvider).starts, 0)
    }).pipe(Effect.provide(layer({
      hooks: [guard("policy", () => Effect.succeed(allow))],
      mock: { capabilities: { toolGuard: "none" } }
    }))))
})
