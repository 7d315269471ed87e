/** P6 on the mock: guards of `approval:requested`, and what hooks are told of its end. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import type { EventOf } from "../../src/domain/LifecycleEvent.ts"
import { allow, type ApprovalVerdict, decide, LifecycleHooks, veto } from "../../src/hooks/index.ts"
import { ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

const guard = (
  name: string,
  verdict: Effect.Effect<ApprovalVerdict, unknown>,
  options: { readonly failure?: "open" | "closed"; readonly priority?: number } = {}
) => LifecycleHooks.guard({ name, events: ["approval:requested"], run: () => verdict, ...options })

/** A turn that asks for a command. */
const asking = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* Agents.start()
  yield* (yield* MockProvider).nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
  return yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
})

const settled = Effect.map(
  awaitEvent(is("ApprovalSettled")),
  ({ actor, by, decision }) => ({ actor, by, decision })
)

const once = { _tag: "AllowOnce" } as const

describe("guards of approvals", () => {
  it.effect("P6 mock: a guard decides in the user's place; the request and its end say so", () =>
    Effect.gen(function*() {
      yield* Fiber.join(yield* asking)
      assert.deepStrictEqual(yield* settled, { actor: "ci", by: "hook", decision: once })
    }).pipe(Effect.provide(layer({ hooks: [guard("ci", Effect.succeed(decide(once)))] }))))

  it.effect("P6 mock: a veto denies, whatever another guard has decided", () =>
    Effect.gen(function*() {
      yield* asking
      assert.deepStrictEqual(yield* settled, {
        actor: "policy",
        by: "hook",
        decision: { _tag: "Deny", reason: "not on a Friday" }
      })
    }).pipe(Effect.provide(layer({
      hooks: [
        guard("ci", Effect.succeed(decide(once)), { priority: 1 }),
        guard("policy", Effect.succeed(veto("not on a Friday")))
      ]
    }))))

  for (const verdict of [veto("no\ud83d"), decide({ _tag: "Deny", reason: "no\ud83d" })]) {
    it.effect(`P15 mock: half a surrogate pair in the reason of a ${verdict._tag} is U+FFFD for the agent and in the log`, () =>
      Effect.gen(function*() {
        yield* asking
        const decision = { _tag: "Deny", reason: "no\ufffd" } as const
        assert.deepStrictEqual((yield* settled).decision, decision)
        const answers = yield* (yield* MockProvider).answers
        assert.deepStrictEqual(answers.map(({ answer }) => answer), [decision])
      }).pipe(Effect.provide(layer({ hooks: [guard("policy", Effect.succeed(verdict))] }))))
  }

  it.effect("P6 mock: one without an opinion, or that fails, or that chooses what is not offered, leaves it to the user", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const turn = yield* asking
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("1 minute")
      assert.isFalse((yield* stored()).some(is("ApprovalSettled")))
      yield* agents.respondToApproval({ threadId, requestId, decision: once })
      yield* Fiber.join(turn)
      assert.deepStrictEqual(yield* settled, { actor: undefined, by: "user", decision: once })
    }).pipe(Effect.provide(layer({
      hooks: [
        guard("none", Effect.succeed(allow)),
        guard("failing", Effect.fail("no")),
        guard("choosing", Effect.succeed(decide({ _tag: "Choose", choiceId: "nothing" })))
      ]
    }))))

  it.effect("P6 mock: a closed guard that fails denies", () =>
    Effect.gen(function*() {
      yield* asking
      assert.deepInclude(yield* settled, { actor: "failing", by: "hook" })
    }).pipe(Effect.provide(layer({ hooks: [guard("failing", Effect.fail("no"), { failure: "closed" })] }))))

  it.effect("P6 mock: a user who is faster than a guard decides, and the guard is interrupted", () => {
    const called = Deferred.makeUnsafe<void>()
    const interrupted = Deferred.makeUnsafe<void>()
    const slow = Effect.onInterrupt(
      Effect.andThen(Deferred.succeed(called, undefined), Effect.never),
      () => Deferred.succeed(interrupted, undefined)
    )
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const turn = yield* asking
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      yield* Deferred.await(called)
      yield* agents.respondToApproval({ threadId, requestId, decision: once, actor: "ada" })
      yield* Deferred.await(interrupted)
      yield* Fiber.join(turn)
      assert.deepStrictEqual(yield* settled, { actor: "ada", by: "user", decision: once })
    }).pipe(Effect.provide(layer({ hooks: [guard("slow", slow)] })))
  })

  it.effect("P12 hooks: the end of an approval is an event, with who decided", () => {
    const heard = Effect.runSync(Queue.unbounded<EventOf<"approval:settled">>())
    return Effect.gen(function*() {
      yield* Fiber.join(yield* asking)
      const { actor, by, decision, requestId } = yield* Queue.take(heard)
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      assert.deepStrictEqual({ actor, by, decision, requestId }, {
        actor: "ci",
        by: "hook",
        decision: once,
        requestId: request.requestId
      })
    }).pipe(Effect.provide(layer({
      hooks: [
        guard("ci", Effect.succeed(decide(once))),
        LifecycleHooks.observe({
          name: "audit",
          events: ["approval:settled"],
          run: (event) => Queue.offer(heard, event)
        })
      ]
    })))
  })
})
