/** P4, P9 on the mock: an approval that no turn waits for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, type RequestId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

/** Asked in a session that has had a turn; answers once the thread knows of it. */
const askBeside = Effect.gen(function*() {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  const { sessionId } = yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "one" })
  yield* agent.askBeside(sessionId, { kind: "command", subject: "make clean" })
  const { request, turnId } = yield* awaitEvent(is("ApprovalRequested"))
  assert.isUndefined(turnId)
  return request.requestId
})

const settlements = (requestId: RequestId) =>
  Effect.map(
    stored(),
    (events) =>
      events.filter(is("ApprovalSettled")).filter((event) => event.requestId === requestId).map(({ by }) => by)
  )

const reaper = { idleAfter: "5 minutes", sweepEvery: "1 minute", pinCap: "1 hour" } as const

describe("requests of no turn", () => {
  it.effect("P4 mock: a request of no turn leaves the deadlines of a turn running; one of the turn pauses them", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const beside = yield* askBeside
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "two" })
      yield* TestClock.adjust("16 minutes")
      const { failure } = yield* awaitEvent(is("TurnFailed"))
      assert.deepStrictEqual(failure, { _tag: "DeadlineExceeded", deadline: "no-progress", millis: 900_000 })

      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "three" })
      const { request } = yield* awaitEvent((event): event is Extract<
        typeof event,
        { readonly _tag: "ApprovalRequested" }
      > => event._tag === "ApprovalRequested" && event.turnId === turnId)
      yield* TestClock.adjust("9 hours")
      yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
      yield* awaitEvent((event): event is Extract<typeof event, { readonly _tag: "TurnCompleted" }> =>
        event._tag === "TurnCompleted" && event.turnId === turnId
      )
      assert.deepStrictEqual(yield* settlements(beside), [])
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: a request of no turn keeps its session from the reaper up to the cap, and is settled there", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const beside = yield* askBeside
      assert.isFalse(yield* agent.reapIdle(threadId, reaper))
      yield* TestClock.adjust("50 minutes")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "waiting")
      assert.deepStrictEqual(yield* settlements(beside), [])
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
      assert.deepStrictEqual(yield* settlements(beside), ["session-ended"])
    }).pipe(Effect.provide(layer({ settings: { reaper } }))))

  it.effect("P9 mock: once a request of no turn is answered, its session is reaped as any that is idle", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const requestId = yield* askBeside
      assert.isFalse(yield* agent.reapIdle(threadId, reaper))
      yield* agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
      assert.deepStrictEqual(yield* settlements(requestId), ["user"])
    }).pipe(Effect.provide(layer({ settings: { reaper } }))))
})
