import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RequestId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { type MockProviderOptions, MockStep } from "../../src/testing/index.ts"
import { open, outcomeOf, send, tagOf, tags, turn, withMock } from "../support/MockSessions.ts"

describe("MockRequests", () => {
  it.effect.each<readonly [RuntimeMode, ReadonlyArray<string>]>([
    ["approval-required", ["command", "file-change", "other", "network"]],
    ["auto-accept-edits", ["command", "other", "network"]],
    ["full-access", []]
  ])("P7 mock: what %s asks", ([runtimeMode, expected]) =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [
          MockStep.command("ls"),
          MockStep.fileChange([{ path: "a", kind: "add" }]),
          MockStep.tool("read", { kind: "file-read" }),
          MockStep.tool("any"),
          MockStep.tool("trusted", { asks: false }),
          MockStep.approval({ kind: "network", subject: "example.org" })
        ])
        const { session } = yield* open({ runtimeMode })
        yield* send(session, "go")
        const asked: Array<string> = []
        for (let n = 0; n < expected.length; n++) {
          const open = yield* mock.awaitRequest()
          asked.push(open._tag === "Approval" ? open.request.kind : open._tag)
          yield* session.respondToApproval(open.request.requestId, { _tag: "AllowOnce" })
        }
        assert.strictEqual(yield* outcomeOf(mock, "go"), "completed")
        assert.deepStrictEqual(asked, expected)
      })))

  it.effect("P6 mock: answering an unknown, answered or cancelled request is RequestGone", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [MockStep.command("ls"), MockStep.hang])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        const answer = (id: RequestId) => tagOf(session.respondToApproval(id, { _tag: "AllowOnce" }))
        yield* send(session, "one")
        const first = (yield* mock.awaitRequest()).request.requestId
        assert.strictEqual(yield* tagOf(session.answerQuestion(first, { _tag: "Dismissed" })), "RequestGone")
        assert.deepStrictEqual([yield* answer(RequestId.make("none")), yield* answer(first), yield* answer(first)], [
          "RequestGone",
          "success",
          "RequestGone"
        ])
        yield* session.interruptTurn(TurnId.make("one"))
        yield* outcomeOf(mock, "one")
        yield* send(session, "two")
        const second = (yield* mock.awaitRequest()).request.requestId
        yield* session.interruptTurn(TurnId.make("two"))
        yield* outcomeOf(mock, "two")
        assert.strictEqual(yield* answer(second), "RequestGone")
        assert.deepStrictEqual(tags(events).filter((tag) => tag === "ApprovalSettled"), ["ApprovalSettled"])
        assert.deepStrictEqual((yield* mock.answers).map((given) => given.requestId), [first])
      })))

  it.effect("P6 mock: a denial ends the turn, a reason is feedback, AllowForSession lasts for the session", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [MockStep.command("rm x"), MockStep.text("done")])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        yield* send(session, "deny")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, { _tag: "Deny" })
        assert.strictEqual(yield* outcomeOf(mock, "deny"), "completed")
        assert.isFalse(events.some((event) => event._tag === "ItemDelta"))
        yield* send(session, "why")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, {
          _tag: "Deny",
          reason: "keep x"
        })
        yield* outcomeOf(mock, "why")
        assert.isTrue(events.some((event) => event._tag === "ItemDelta"))
        assert.isTrue((yield* mock.sessions)[0]?.history.some(({ text }) => text === "denied: keep x"))
        yield* send(session, "allow")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, { _tag: "AllowForSession" })
        yield* outcomeOf(mock, "allow")
        yield* turn(mock, session, "again")
        assert.deepStrictEqual(
          events.filter((event) => event._tag === "ApprovalSettled").map((event) => event.by),
          ["user", "user", "user", "rule"]
        )
        yield* mock.script(() => [MockStep.command("rm y")])
        yield* send(session, "another")
        assert.deepInclude((yield* mock.awaitRequest()).request, { subject: "rm y" })
      })))

  it.effect.each<readonly [MockProviderOptions["capabilities"], string | undefined, string]>([
    [{ afterDenial: "ends" }, "keep x", "nothing"],
    [{ afterDenial: "continues" }, undefined, "denied"],
    [{ afterDenial: "continues" }, "keep x", "denied: keep x"],
    [{ afterDenial: "by-reason", denyReason: false }, "keep x", "denied"]
  ])("P6 mock: an agent with %j that is denied something because of %j: its model hears %s", ([
    capabilities,
    reason,
    heard
  ]) =>
    withMock({ capabilities }, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [MockStep.command("rm x"), MockStep.text("done")])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        yield* send(session, "go")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, {
          _tag: "Deny",
          ...(reason === undefined ? {} : { reason })
        })
        assert.strictEqual(yield* outcomeOf(mock, "go"), "completed")
        const told = (yield* mock.sessions)[0]?.history.find(({ text }) => text.startsWith("denied"))
        assert.strictEqual(told?.text ?? "nothing", heard)
        assert.strictEqual(events.some((event) => event._tag === "ItemDelta"), heard !== "nothing")
      })))

  it.effect("P6 mock: questions are answered, dismissed, and approvals answered by somebody else", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const ask = MockStep.question(
          [{ question: "Which?", options: [{ label: "A" }], multiple: false }],
          (answer) => [MockStep.text(answer._tag === "Answered" ? answer.answers.flat().join() : "none")]
        )
        yield* mock.script(() => [ask, MockStep.command("ls")])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        yield* send(session, "q")
        const asked = yield* mock.awaitRequest()
        yield* session.answerQuestion(asked.request.requestId, { _tag: "Answered", answers: [["A"]] })
        const approval = yield* mock.awaitRequest()
        assert.isTrue(yield* mock.settleElsewhere(approval.request.requestId, { _tag: "AllowOnce" }))
        assert.isFalse(yield* mock.settleElsewhere(approval.request.requestId, { _tag: "AllowOnce" }))
        yield* outcomeOf(mock, "q")
        assert.deepStrictEqual(tags(events), [
          "QuestionAsked",
          "QuestionSettled",
          "ItemStarted",
          "ItemDelta",
          "ItemCompleted",
          "ItemStarted",
          "ApprovalRequested",
          "ApprovalSettled",
          "ItemUpdated",
          "ItemCompleted",
          "TurnCompleted"
        ])
      })))
})
