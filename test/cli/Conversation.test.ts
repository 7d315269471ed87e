/** What a terminal conversation does with lines, events and Ctrl-C. */
import { assert, describe, it } from "@effect/vitest"
import * as Conversation from "../../src/cli/chat/Conversation.ts"
import { RequestId, TurnId } from "../../src/index.ts"
import type { EventBody } from "../../src/protocol.ts"
import { place } from "../support/Events.ts"

const turnId = TurnId.make("t")
const requestId = RequestId.make("r")
const line = (text: string): Conversation.Input => ({ _tag: "Line", text })
const event = (body: EventBody): Conversation.Input => ({ _tag: "Event", event: place(body, 1) })
const pressed: Conversation.Input = { _tag: "Pressed" }
const ended: Conversation.Input = { _tag: "Ended" }
const completed = event({ _tag: "TurnCompleted", turnId, usage: {} })
const request = { requestId, kind: "command" as const, subject: "ls", detail: null }
const asks = event({ _tag: "ApprovalRequested", turnId, request })
const poses = (multiple: boolean) =>
  event({
    _tag: "QuestionAsked",
    turnId,
    request: {
      requestId,
      questions: [{
        id: "q",
        question: "Which?",
        options: [{ label: "left" }, { label: "right" }],
        multiple,
        freeText: true,
        secret: false
      }]
    }
  })

const played = (typed: boolean, inputs: ReadonlyArray<Conversation.Input>) => {
  let [state] = Conversation.initial(typed, [], false)
  const wants = inputs.map((input) => {
    const [next, wants] = Conversation.step(state, input)
    state = next
    return wants
  })
  return { state, wants }
}

/** What is wanted of each input in turn. */
const play = (typed: boolean, ...inputs: ReadonlyArray<Conversation.Input>) => played(typed, inputs).wants

const last = (typed: boolean, ...inputs: ReadonlyArray<Conversation.Input>) => play(typed, ...inputs).at(-1)

describe("a conversation in a terminal", () => {
  it("a line is a turn, and steers the one that runs", () => {
    assert.deepStrictEqual(play(true, line("one"), line("two"), completed, line("three"), line("  ")), [
      [{ _tag: "Send", prompt: "one", steer: false }],
      [{ _tag: "Send", prompt: "two", steer: true }],
      [],
      [{ _tag: "Send", prompt: "three", steer: false }],
      []
    ])
  })

  it("lines of a script wait for the end of the turn, and the end of input for all of them", () => {
    assert.deepStrictEqual(play(false, line("one"), line("two"), ended, completed, completed), [
      [{ _tag: "Send", prompt: "one", steer: false }],
      [],
      [],
      [{ _tag: "Send", prompt: "two", steer: false }],
      [{ _tag: "Leave" }]
    ])
    assert.deepStrictEqual(last(false, ended), [{ _tag: "Leave" }])
  })

  it("Ctrl-C interrupts the turn, and twice leaves; a line in between begins anew", () => {
    assert.deepStrictEqual(play(true, line("go"), pressed, pressed), [
      [{ _tag: "Send", prompt: "go", steer: false }],
      [{ _tag: "Interrupt" }],
      [{ _tag: "Leave" }]
    ])
    assert.deepStrictEqual(last(true, pressed)?.[0]?._tag, "Say")
    assert.deepStrictEqual(last(true, pressed, line("/help"), pressed)?.[0]?._tag, "Say")
  })

  it("turns that were refused, failed, or that somebody else has interrupted count as failed, and not those that the user stops", () => {
    const failed = (...inputs: ReadonlyArray<Conversation.Input>) => played(false, inputs).state.failed
    const interrupted = event({ _tag: "TurnInterrupted", turnId, by: "user", usage: {} })
    const broken = event({ _tag: "TurnFailed", turnId, failure: { _tag: "OutputFiltered" }, usage: {} })
    assert.strictEqual(failed(line("go"), pressed, interrupted), 0)
    assert.strictEqual(failed(line("go"), line("/stop"), interrupted), 0)
    assert.strictEqual(failed(line("go"), pressed, broken), 1)
    assert.strictEqual(failed(line("go"), interrupted), 1)
    assert.strictEqual(failed(line("go"), pressed, interrupted, line("on"), interrupted), 1)
    assert.strictEqual(failed(line("go"), { _tag: "Refused" }), 1)
  })

  it("P6 a line answers the approval that is open: yes, always, a choice, no, a reason", () => {
    const choices = [{ id: "once", label: "Once", meaning: "allow-once" as const }]
    const full = { ...request, covers: "ls", choices }
    for (
      const [text, decision] of [
        ["y", { _tag: "AllowOnce" }],
        ["A", { _tag: "AllowForSession" }],
        ["1", { _tag: "Choose", choiceId: "once" }],
        ["2", { _tag: "Deny", reason: "2" }],
        ["no", { _tag: "Deny" }],
        ["not there", { _tag: "Deny", reason: "not there" }],
        ["", undefined]
      ] as const
    ) assert.deepStrictEqual(Conversation.decisionOf(text, full), decision)
    // Nothing is kept where the adapter keeps no allowances.
    assert.deepStrictEqual(Conversation.decisionOf("a", request), { _tag: "AllowOnce" })
    assert.deepStrictEqual(last(true, asks, line("y")), [
      { _tag: "Decide", requestId, decision: { _tag: "AllowOnce" } }
    ])
  })

  it("P6 an empty line answers nothing: what is asked is shown again", () => {
    assert.deepStrictEqual(last(true, asks, line(""))?.[0]?._tag, "Ask")
    assert.deepStrictEqual(last(true, asks, asks), [])
  })

  it("P6 what is asked next is shown once what was asked before is settled", () => {
    const second = event({ _tag: "ApprovalRequested", turnId, request: { ...request, requestId: RequestId.make("s") } })
    const settled = event({ _tag: "ApprovalSettled", turnId, requestId, by: "rule" })
    const [, shown, next] = play(true, asks, second, settled)
    assert.deepStrictEqual(shown, [])
    assert.deepInclude(next?.[0], { _tag: "Ask" })
  })

  it("P6 questions are answered by number, by label and in one's own words, or dismissed", () => {
    const answers = (text: string, multiple = false) => {
      const want = last(true, poses(multiple), line(text))?.[0]
      return want?._tag === "Answer" ? want.answer : undefined
    }
    assert.deepStrictEqual(answers("2"), { _tag: "Answered", answers: [["right"]] })
    assert.deepStrictEqual(answers("LEFT"), { _tag: "Answered", answers: [["left"]] })
    assert.deepStrictEqual(answers("up, or down"), { _tag: "Answered", answers: [["up, or down"]] })
    assert.deepStrictEqual(answers("1, 2", true), { _tag: "Answered", answers: [["left", "right"]] })
    assert.deepStrictEqual(answers("/dismiss"), { _tag: "Dismissed" })
  })

  it("P6 a form is declined, a page is opened", () => {
    const elicits = (
      form: { readonly _tag: "Url"; readonly url: string } | { readonly _tag: "Form"; readonly schema: null }
    ) => event({ _tag: "ElicitationRequested", turnId, request: { requestId, message: "m", form } })
    const url = elicits({ _tag: "Url", url: "https://example.com/" })
    assert.deepInclude(last(true, url, line("y"))?.[0], { answer: { _tag: "Accept" } })
    const form = elicits({ _tag: "Form", schema: null })
    assert.deepInclude(last(true, form, line("y"))?.[0], { _tag: "Ask" })
    assert.deepInclude(last(true, form, line("n"))?.[0], { answer: { _tag: "Decline" } })
  })

  it("P6 a script answers by its next line, and what it does not answer is refused", () => {
    assert.deepStrictEqual(last(false, line("go"), line("y"), asks), [
      { _tag: "Decide", requestId, decision: { _tag: "AllowOnce" } }
    ])
    assert.deepInclude(last(false, line("go"), ended, asks)?.[0], { _tag: "Decide" })
    assert.deepInclude(last(false, line("go"), ended, poses(false))?.[0], { answer: { _tag: "Dismissed" } })
    assert.deepInclude(last(false, line("go"), asks, ended)?.[0], { _tag: "Decide" })
  })

  it("/stop interrupts, /quit leaves, a deleted thread is over, a refused turn lets the next go", () => {
    assert.deepStrictEqual(last(true, line("go"), line("/stop")), [{ _tag: "Interrupt" }])
    assert.deepInclude(last(true, line("/stop"))?.[0], { _tag: "Say" })
    assert.deepStrictEqual(last(true, asks, line("/quit")), [{ _tag: "Leave" }])
    assert.deepStrictEqual(last(true, event({ _tag: "ThreadDeleted" })), [{ _tag: "Leave" }])
    assert.deepStrictEqual(last(false, line("go"), line("on"), { _tag: "Refused" }), [
      { _tag: "Send", prompt: "on", steer: false }
    ])
  })
})
