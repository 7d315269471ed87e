import { assert, it } from "@effect/vitest"
import { RequestBook } from "../../src/adapter/index.ts"
import { RequestId, TurnId } from "../../src/protocol.ts"

const turnId = TurnId.make("t1")

const approval = (key: string, covers?: string) => ({
  key,
  turnId,
  native: key,
  ...(covers === undefined ? {} : { covers }),
  asked: (requestId: RequestId) => ({
    _tag: "ApprovalRequested" as const,
    turnId,
    request: { requestId, kind: "command" as const, subject: covers ?? "rm", detail: {} }
  })
})

const question = (key: string) => ({
  key,
  turnId: undefined,
  native: key,
  asked: (requestId: RequestId) => ({ _tag: "QuestionAsked" as const, request: { requestId, questions: [] } })
})

const elicitation = (key: string) => ({
  key,
  turnId,
  native: key,
  asked: (requestId: RequestId) => ({
    _tag: "ElicitationRequested" as const,
    turnId,
    request: { requestId, message: "who?", form: { _tag: "Form" as const, schema: {} } }
  })
})

const empty = RequestBook.make<string>("s1")
const first = RequestId.make("s1-1")
const second = RequestId.make("s1-2")

/** The book after the user's answer, which must be taken. */
const answered = (book: RequestBook.RequestBook<string>, requestId: RequestId, given: RequestBook.Answer) => {
  const taken = RequestBook.answer(book, requestId, given)
  assert.isDefined(taken)
  return taken?.book ?? book
}

it("P6 adapter: a request has an id of ours, safe in a URL, whatever the agent's is, and is opened once", () => {
  const asked = RequestBook.ask(empty, approval("../a b?"))
  assert.deepInclude(asked.events[0], {
    _tag: "ApprovalRequested",
    request: { requestId: first, kind: "command", subject: "rm", detail: {} }
  })
  const again = RequestBook.ask(asked.state, approval("../a b?"))
  assert.deepStrictEqual([again.events, again.state], [[], asked.state])
  assert.strictEqual(RequestBook.byKey(asked.state, "../a b?")?.requestId, first)
})

it("P6 adapter: an answer is taken once, by a request of its kind, and again if it did not arrive", () => {
  const { state } = RequestBook.ask(empty, approval("a"))
  assert.isUndefined(RequestBook.answer(state, second, { _tag: "AllowOnce" }))
  assert.isUndefined(RequestBook.answer(state, first, { _tag: "Dismissed" }))
  assert.isUndefined(RequestBook.answer(state, first, { _tag: "Decline" }))
  const given = { _tag: "AllowOnce" } as const
  const book = answered(state, first, given)
  assert.isUndefined(RequestBook.answer(book, first, { _tag: "AllowOnce" }))
  assert.deepInclude(RequestBook.answered(book, first, given), { requestId: first, native: "a" })
  for (const none of [state, RequestBook.settled(book, first).state]) {
    assert.isUndefined(RequestBook.answered(none, first, given))
  }
  assert.isUndefined(RequestBook.answered(book, first, { _tag: "AllowOnce" }))
  const reopened = RequestBook.reopen(book, first)
  const settled = RequestBook.settled(answered(reopened, first, { _tag: "Deny", reason: "no" }), first)
  assert.deepStrictEqual(settled.events, [
    { _tag: "ApprovalSettled", turnId, requestId: first, by: "user", decision: { _tag: "Deny", reason: "no" } }
  ])
  assert.deepStrictEqual(RequestBook.settled(settled.state, first).events, [])
})

it("P6 adapter: what the agent settles without an answer of ours is its own doing", () => {
  const { state } = RequestBook.ask(empty, question("q"))
  assert.deepStrictEqual(RequestBook.settled(state, first).events, [
    { _tag: "QuestionSettled", requestId: first, by: "agent" }
  ])
})

it("P14 adapter: what a user fills in is told as an outcome alone", () => {
  const { state } = RequestBook.ask(empty, elicitation("e"))
  const book = answered(state, first, { _tag: "Accept", content: { password: "hunter2" } })
  assert.deepStrictEqual(RequestBook.settled(book, first).events, [
    { _tag: "ElicitationSettled", turnId, requestId: first, by: "user", outcome: "accepted" }
  ])
})

it("P7 adapter: what is allowed for the session is exactly what was shown, also of what is open", () => {
  const asked = ["ls", "ls", "rm"].reduce(
    (book, covers, n) => RequestBook.ask(book, approval(`${n}`, covers)).state,
    empty
  )
  const settled = RequestBook.settled(answered(asked, first, { _tag: "AllowForSession" }), first)
  const allowed = { _tag: "AllowForSession" } as const
  assert.deepStrictEqual(settled.events, [
    { _tag: "ApprovalSettled", turnId, requestId: first, by: "user", decision: allowed },
    { _tag: "ApprovalSettled", turnId, requestId: second, by: "rule", decision: allowed }
  ])
  assert.deepStrictEqual(settled.wants, [{ _tag: "Allow", native: "1" }])
  const later = RequestBook.ask(settled.state, approval("later", "ls"))
  assert.deepStrictEqual(later.events.map(({ _tag }) => _tag), ["ApprovalRequested", "ApprovalSettled"])
  assert.deepStrictEqual(later.wants, [{ _tag: "Allow", native: "later" }])
  assert.deepStrictEqual(RequestBook.ask(later.state, approval("other", "ls -a")).wants, [])
  assert.strictEqual(later.state.open.size, 1)
})

it("P7 adapter: AllowOnce, and a request that covers nothing, allow nothing for later", () => {
  const once = RequestBook.ask(empty, approval("a", "ls")).state
  assert.strictEqual(RequestBook.settled(answered(once, first, { _tag: "AllowOnce" }), first).state.allowed.size, 0)
  const never = RequestBook.ask(empty, approval("a")).state
  assert.strictEqual(
    RequestBook.settled(answered(never, first, { _tag: "AllowForSession" }), first).state.allowed.size,
    0
  )
})

it("P6 adapter: the end of a turn settles its requests, and the agent is told of those without an answer", () => {
  const book = [approval("a"), elicitation("b"), question("of no turn")]
    .reduce((book, request) => RequestBook.ask(book, request).state, empty)
  const closed = RequestBook.closeTurn(answered(book, first, { _tag: "AllowOnce" }), turnId)
  assert.deepStrictEqual(closed.events, [
    { _tag: "ApprovalSettled", turnId, requestId: first, by: "turn-ended" },
    { _tag: "ElicitationSettled", turnId, requestId: second, by: "turn-ended" }
  ])
  assert.deepStrictEqual(closed.wants, [{ _tag: "Refuse", native: "b" }])
  assert.deepStrictEqual(Array.from(closed.state.open.values(), ({ key }) => key), ["of no turn"])
})
