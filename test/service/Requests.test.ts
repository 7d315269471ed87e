/** P6 on the mock: approvals and questions. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, RequestId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as SilentMock from "../support/SilentMock.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

describe("requests", () => {
  it.effect("P6 mock: an approval is settled once; answering a settled or unknown one is a typed error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } as const }
      const both = yield* Effect.all([
        Effect.exit(agents.respondToApproval(answer)),
        Effect.exit(agents.respondToApproval(answer))
      ], {
        concurrency: 2
      })
      assert.strictEqual(both.filter(Exit.isSuccess).length, 1)
      yield* Fiber.join(run)
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
      const unknown = { ...answer, requestId: RequestId.make("nobody asked") }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(unknown)))._tag, "RequestNotFound")
      const settled = (yield* stored()).filter(is("ApprovalSettled"))
      assert.deepStrictEqual(settled.map((event) => [event.by, event.decision?._tag]), [["user", "AllowOnce"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: an agent that does not take an answer holds up no caller, and the request can be answered again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* SilentMock.inPlace({ respondToApproval: () => Effect.never })
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make")])
      yield* agents.sendTurn({ threadId, prompt: "go" })
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      const answer = Effect.flip(
        agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
      )
      for (const _ of ["first", "again"]) {
        const answering = yield* Effect.forkChild(answer, { startImmediately: true })
        yield* TestClock.adjust("15 minutes")
        assert.deepInclude<unknown>(yield* Fiber.join(answering), { _tag: "AgentUnreachable", retryable: true })
      }
      assert.lengthOf((yield* agents.getThread({ threadId })).openRequests, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: what is open when a turn is interrupted, or its session stopped or lost, is settled", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const asks = () => [MockStep.command("make")]
      const ask = Effect.fnUntraced(function*() {
        yield* agent.nextTurn(asks)
        const { turnId } = yield* agents.sendTurn({ threadId, prompt: "go" })
        const request = yield* awaitEvent((event): event is Extract<typeof event, { _tag: "ApprovalRequested" }> =>
          event._tag === "ApprovalRequested" && event.turnId === turnId
        )
        return request.request.requestId
      })
      const interrupted = yield* ask()
      yield* agents.interruptTurn({ threadId })
      const stopped = yield* ask()
      yield* agents.stopSession({ threadId })
      const crashed = yield* ask()
      yield* agent.crash()
      yield* awaitEvent((event): event is Extract<typeof event, { _tag: "SessionEnded" }> =>
        event._tag === "SessionEnded" && event.reason === "lost"
      )
      const settled = (yield* stored()).filter(is("ApprovalSettled"))
      assert.deepStrictEqual(settled.map((event) => event.requestId), [interrupted, stopped, crashed])
      for (const requestId of [interrupted, stopped, crashed]) {
        const late = agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
        assert.strictEqual((yield* Effect.flip(late))._tag, "RequestSettled")
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: a question is answered with what the user chose", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const question = { question: "Which?", options: [{ label: "A" }, { label: "B" }], multiple: false }
      yield* agent.nextTurn(() => [
        MockStep.question([question], (answer) => [
          MockStep.text(answer._tag === "Answered" ? (answer.answers[0]?.[0] ?? "") : "dismissed")
        ])
      ])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("QuestionAsked"))
      assert.deepStrictEqual(request.questions.map((each) => each.question), ["Which?"])
      yield* agents.answerQuestion({
        threadId,
        requestId: request.requestId,
        answer: { _tag: "Answered", answers: [["B"]] }
      })
      assert.strictEqual((yield* Fiber.join(run)).text, "B")
    }).pipe(Effect.provide(layer())))
})
