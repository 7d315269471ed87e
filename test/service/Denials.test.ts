/** P6 on the mock, which ends its turn when it is denied something without a reason: what becomes of the turn. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { decide, LifecycleHooks } from "../../src/hooks/index.ts"
import { type ApprovalDecision, ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

/** A turn that asks for a command, and says something after it. */
const asking = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* Agents.start()
  yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("and on"), MockStep.hang])
  const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
  return { agents, turn }
})

const saidOn = Effect.map(
  stored(),
  (events) => events.some((event) => event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage")
)

const denied = (decision: Extract<ApprovalDecision, { readonly _tag: "Deny" }>) =>
  Effect.gen(function*() {
    const { agents, turn } = yield* asking
    const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
    yield* agents.respondToApproval({ threadId, requestId, decision })
    return { agents, turn }
  })

describe("a denial and its turn", () => {
  it.effect("P6 mock: stop ends the turn with the denial, and returns once it is over", () =>
    Effect.gen(function*() {
      const { turn } = yield* denied({ _tag: "Deny", reason: "no", turn: "stop" })
      const end = (yield* stored()).find(is("TurnInterrupted"))
      assert.strictEqual(end?.by, "user")
      const error = yield* Effect.flip(Fiber.join(turn))
      assert.strictEqual(error._tag, "TurnNotCompleted")
      assert.deepStrictEqual((yield* stored()).find(is("ApprovalSettled"))?.decision, {
        _tag: "Deny",
        reason: "no",
        turn: "stop"
      })
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: continue has the agent go on, also where the user gives no reason", () =>
    Effect.gen(function*() {
      const { agents } = yield* denied({ _tag: "Deny", turn: "continue" })
      yield* awaitEvent((event): event is Extract<typeof event, { _tag: "ItemCompleted" }> =>
        event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage"
      )
      assert.isTrue(yield* saidOn)
      yield* agents.interruptTurn({ threadId })
      assert.deepStrictEqual((yield* stored()).find(is("ApprovalSettled"))?.decision, {
        _tag: "Deny",
        turn: "continue"
      })
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: without either the turn does as the agent does by itself", () =>
    Effect.gen(function*() {
      const { turn } = yield* denied({ _tag: "Deny" })
      yield* Fiber.join(turn)
      assert.isFalse(yield* saidOn)
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: a guard's denial stops the turn as the user's does", () =>
    Effect.gen(function*() {
      const { turn } = yield* asking
      yield* Effect.flip(Fiber.join(turn))
      assert.isDefined((yield* stored()).find(is("TurnInterrupted")))
    }).pipe(Effect.provide(layer({ hooks: [strict] }))))

  it.effect("P6 mock: an agent that goes on after a guard's denial is given up, as it is after the user's", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.hangHard])
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      yield* awaitEvent(is("ApprovalSettled"))
      yield* TestClock.adjust("10 seconds")
      yield* Effect.flip(Fiber.join(turn))
      yield* awaitEvent(is("SessionEnded"))
      assert.strictEqual((yield* stored()).find(is("SessionEnded"))?.reason, "lost")
      const next = yield* agents.runTurn({ threadId, prompt: "and now?" })
      assert.deepStrictEqual([next.text, next.continuity._tag], ["echo: and now?", "Resumed"])
    }).pipe(Effect.provide(layer({ hooks: [strict] }))))
})

const strict = LifecycleHooks.guard({
  name: "strict",
  events: ["approval:requested"],
  run: () => Effect.succeed(decide({ _tag: "Deny", reason: "no", turn: "stop" }))
})
