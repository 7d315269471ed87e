/** P6 on a plain agent: requests that stay unanswered. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { zero } from "../../src/domain/Usage.ts"
import { ProviderService, RequestId, TurnId } from "../../src/index.ts"
import { AgentUnreachable } from "../../src/protocol.ts"
import type { ProviderSession } from "../../src/provider/ProviderAdapter.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, stored, tags, threadId } = Agents

const turnId = TurnId.make("one")
const requestId = RequestId.make("asked")

const approval: ProviderEvent = {
  _tag: "ApprovalRequested",
  turnId,
  request: { requestId, kind: "command", subject: "make", detail: null }
}

/** A thread whose agent has asked this in its turn, and what it was answered. */
const asking = Effect.fnUntraced(function*(event: ProviderEvent, session: Partial<ProviderSession> = {}) {
  const agents = yield* ProviderService
  const says = yield* Queue.unbounded<ProviderEvent>()
  const answers = yield* Queue.unbounded<unknown>()
  const answered = (_: unknown, answer: unknown) => Effect.asVoid(Queue.offer(answers, answer))
  yield* PlainAgent.register({
    events: Stream.fromQueue(says),
    interruptTurn: (turnId) =>
      Effect.asVoid(Queue.offer(says, { _tag: "TurnInterrupted", turnId, by: "user", usage: zero })),
    respondToApproval: answered,
    answerQuestion: answered,
    answerElicitation: answered,
    ...session
  })
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
  yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
  yield* Queue.offer(says, event)
  yield* awaitEvent((stored): stored is typeof stored => stored._tag === event._tag)
  return { agents, answers }
})

const unreachable = new AgentUnreachable({
  instanceId: PlainAgent.plain,
  operation: "respondToApproval",
  code: "ECONNREFUSED"
})

/** Longer than an idle session lives. */
// oxlint-disable-next-line unicorn/no-thenable -- words, not a promise
const unanswered = { after: "2 hours", then: "deny" } as const
const settings = { approvals: { unanswered } }

describe("requests that stay unanswered", () => {
  it.effect("P6 plain: an approval is denied after its time, not before, on a session that is kept for it", () =>
    Effect.gen(function*() {
      const { answers } = yield* asking(approval)
      yield* TestClock.adjust("119 minutes")
      assert.isFalse(tags(yield* stored()).includes("ApprovalSettled"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Queue.take(answers), { _tag: "Deny" })
      const { by, decision } = yield* awaitEvent(is("ApprovalSettled"))
      assert.deepStrictEqual({ by, decision }, { by: "unanswered", decision: { _tag: "Deny" } })
      assert.isFalse(tags(yield* stored()).includes("SessionEnded"))
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P6 plain: a question is dismissed", () =>
    Effect.gen(function*() {
      const question = {
        id: "q",
        question: "Which?",
        options: [],
        multiple: false,
        freeText: true,
        secret: false
      }
      const { answers } = yield* asking({
        _tag: "QuestionAsked",
        turnId,
        request: { requestId, questions: [question] }
      })
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(yield* Queue.take(answers), { _tag: "Dismissed" })
      assert.strictEqual((yield* awaitEvent(is("QuestionSettled"))).by, "unanswered")
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P6 plain: an elicitation is cancelled", () =>
    Effect.gen(function*() {
      const form = { _tag: "Form", schema: {} } as const
      const { answers } = yield* asking({
        _tag: "ElicitationRequested",
        turnId,
        request: { requestId, message: "Who?", form }
      })
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(yield* Queue.take(answers), { _tag: "Cancel" })
      const { by, outcome } = yield* awaitEvent(is("ElicitationSettled"))
      assert.deepStrictEqual({ by, outcome }, { by: "unanswered", outcome: "cancelled" })
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P6 plain: one that the user has answered in time is not denied", () =>
    Effect.gen(function*() {
      const { agents, answers } = yield* asking(approval)
      yield* TestClock.adjust("1 hour")
      const decision = { _tag: "AllowOnce" } as const
      yield* agents.respondToApproval({ threadId, requestId, decision, actor: "ada@example.org" })
      yield* TestClock.adjust("3 hours")
      assert.deepStrictEqual(yield* Queue.takeAll(answers), [decision])
      const settled = (yield* stored()).filter(is("ApprovalSettled"))
      assert.deepStrictEqual(settled.map(({ actor, by }) => ({ actor, by })), [{
        actor: "ada@example.org",
        by: "user"
      }])
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P6 plain: an agent that cannot be reached is told again", () =>
    Effect.gen(function*() {
      let tries = 0
      yield* asking(approval, {
        respondToApproval: () => Effect.suspend(() => ++tries < 3 ? Effect.fail(unreachable) : Effect.void)
      })
      yield* TestClock.adjust("2 hours")
      yield* TestClock.adjust("10 seconds")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* awaitEvent(is("ApprovalSettled"))).by, "unanswered")
      assert.strictEqual(tries, 3)
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P6 plain: without the setting it waits", () =>
    Effect.gen(function*() {
      yield* asking(approval)
      yield* TestClock.adjust("5 hours")
      assert.isFalse(tags(yield* stored()).includes("ApprovalSettled"))
    }).pipe(Effect.provide(layer())))
})
