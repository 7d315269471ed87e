/**
 * What a terminal conversation does with what happens: lines that the user types, events of the thread, and Ctrl-C. Pure;
 * {@link ./chat.ts} does what it wants done.
 */
import type { RequestId } from "../../domain/Ids.ts"
import { type OpenRequest } from "../../domain/ThreadActivity.ts"
import { isTerminal, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import type {
  ApprovalDecision,
  ApprovalRequest,
  ElicitationAnswer,
  Question,
  QuestionAnswer
} from "../../domain/UserRequest.ts"

export interface State {
  /** Whether a person types: what is typed while a turn runs steers it. Else the next line waits for its end. */
  readonly typed: boolean
  /** A turn is on its way, or runs. */
  readonly busy: boolean
  readonly open: ReadonlyArray<OpenRequest>
  /** Lines that wait for the end of the turn. */
  readonly waiting: ReadonlyArray<string>
  /** The user has pressed Ctrl-C, and nothing since. */
  readonly pressed: boolean
  /** No more lines will come. */
  readonly ended: boolean
  /** The user has stopped the turn, by Ctrl-C or in words. */
  readonly stopped: boolean
  /** How many turns were not accepted, or did not complete though the user has not stopped them. */
  readonly failed: number
}

export type Input =
  | { readonly _tag: "Line"; readonly text: string }
  | { readonly _tag: "Event"; readonly event: ThreadEvent }
  /** The turn was not accepted. */
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Pressed" }
  | { readonly _tag: "Ended" }

export type Want =
  | { readonly _tag: "Send"; readonly prompt: string; readonly steer: boolean }
  | { readonly _tag: "Decide"; readonly requestId: RequestId; readonly decision: ApprovalDecision }
  | { readonly _tag: "Answer"; readonly requestId: RequestId; readonly answer: QuestionAnswer }
  | { readonly _tag: "Elicit"; readonly requestId: RequestId; readonly answer: ElicitationAnswer }
  | { readonly _tag: "Interrupt" }
  | { readonly _tag: "Say"; readonly text: string }
  /** Tells the user what the first open request asks. */
  | { readonly _tag: "Ask"; readonly request: OpenRequest }
  | { readonly _tag: "Leave" }

export type Step = readonly [state: State, wants: ReadonlyArray<Want>]

export const initial = (typed: boolean, open: ReadonlyArray<OpenRequest>, busy: boolean): Step => [
  { typed, busy, open, waiting: [], pressed: false, ended: false, stopped: false, failed: 0 },
  asking(open)
]

export const help = [
  "Type a message and press Enter. While the agent works, what you type steers it.",
  "Ctrl-C interrupts the turn; twice leaves. /stop interrupts, /quit leaves, /help shows this."
].join("\n")

const asking = ([request]: ReadonlyArray<OpenRequest>): ReadonlyArray<Want> =>
  request === undefined ? [] : [{ _tag: "Ask", request }]

/** `y`, `a`, `n`, the number of a choice; other words deny and are the reason. */
export const decisionOf = (text: string, { choices = [], covers }: ApprovalRequest): ApprovalDecision | undefined => {
  const said = text.trim()
  const choice = /^\d+$/.test(said) ? choices[Number(said) - 1] : undefined
  if (choice !== undefined) return { _tag: "Choose", choiceId: choice.id }
  switch (said.toLowerCase()) {
    case "":
      return undefined
    case "y":
    case "yes":
      return { _tag: "AllowOnce" }
    case "a":
    case "always":
      return covers === undefined ? { _tag: "AllowOnce" } : { _tag: "AllowForSession" }
    case "n":
    case "no":
      return { _tag: "Deny" }
    default:
      return { _tag: "Deny", reason: said }
  }
}

/** One question is answered by a line: numbers or labels, separated by commas where several may be chosen. */
const chosen = (text: string, { multiple, options }: Question): ReadonlyArray<string> =>
  (multiple ? text.split(",") : [text]).map((one) => {
    const said = one.trim()
    return (/^\d+$/.test(said) ? options[Number(said) - 1]?.label : undefined) ??
      options.find(({ label }) => label.toLowerCase() === said.toLowerCase())?.label ?? said
  })

/** A line for several questions has their answers separated by semicolons. */
export const answerOf = (text: string, questions: ReadonlyArray<Question>): QuestionAnswer | undefined => {
  const said = text.trim()
  if (said === "") return undefined
  if (said === "/dismiss") return { _tag: "Dismissed" }
  const parts = questions.length === 1 ? [said] : said.split(";")
  if (parts.length !== questions.length) return undefined
  return { _tag: "Answered", answers: questions.map((question, n) => chosen(parts[n] ?? "", question)) }
}

const answer = (text: string, open: OpenRequest): Want => {
  const { requestId } = open.request
  const again: Want = { _tag: "Ask", request: open }
  switch (open._tag) {
    case "Approval": {
      const decision = decisionOf(text, open.request)
      return decision === undefined ? again : { _tag: "Decide", requestId, decision }
    }
    case "Question": {
      const given = answerOf(text, open.request.questions)
      return given === undefined ? again : { _tag: "Answer", requestId, answer: given }
    }
    case "Elicitation": {
      const said = text.trim().toLowerCase()
      if (said === "n" || said === "no") return { _tag: "Elicit", requestId, answer: { _tag: "Decline" } }
      // A form has values that a line cannot give.
      if (open.request.form._tag === "Url" && said !== "") {
        return { _tag: "Elicit", requestId, answer: { _tag: "Accept" } }
      }
      return again
    }
  }
}

/** Of a request that will have no answer: it is refused, so that the turn goes on. */
const refuse = ({ _tag, request: { requestId } }: OpenRequest): Want => {
  switch (_tag) {
    case "Approval":
      return { _tag: "Decide", requestId, decision: { _tag: "Deny", reason: "There is nobody to ask." } }
    case "Question":
      return { _tag: "Answer", requestId, answer: { _tag: "Dismissed" } }
    case "Elicitation":
      return { _tag: "Elicit", requestId, answer: { _tag: "Cancel" } }
  }
}

const stop = (state: State): Step => [{ ...state, stopped: true }, [{ _tag: "Interrupt" }]]

const line = (state: State, text: string): Step => {
  const words = text.trim()
  if (words === "/quit") return [state, [{ _tag: "Leave" }]]
  if (words === "/help") return [state, [{ _tag: "Say", text: help }]]
  if (words === "/stop") return state.busy ? stop(state) : [state, [{ _tag: "Say", text: "No turn runs." }]]
  const [first] = state.open
  if (first !== undefined) return [state, [answer(text, first)]]
  if (words === "") return [state, []]
  if (state.busy && !state.typed) return [{ ...state, waiting: [...state.waiting, text] }, []]
  return [{ ...state, busy: true }, [{ _tag: "Send", prompt: text, steer: state.busy }]]
}

/** The turn is over: the next line is sent, or the conversation is over, too. */
const rest = (state: State): Step => {
  const [next, ...waiting] = state.waiting
  if (next !== undefined) return [{ ...state, busy: true, waiting }, [{ _tag: "Send", prompt: next, steer: false }]]
  return [{ ...state, busy: false }, state.ended ? [{ _tag: "Leave" }] : []]
}

const oneMore = (state: State): State => ({ ...state, failed: state.failed + 1 })

const settled = (state: State, requestId: RequestId): Step => {
  const open = state.open.filter(({ request }) => request.requestId !== requestId)
  const was = state.open[0]?.request.requestId
  return [{ ...state, open }, was === requestId ? asking(open) : []]
}

const asked = (state: State, request: OpenRequest): Step => {
  const known = state.open.some((open) => open.request.requestId === request.request.requestId)
  if (known) return [state, []]
  const open = [...state.open, request]
  const [next, ...waiting] = state.waiting
  // A script answers in its order: the line after the one that the turn was sent by.
  const given = next === undefined ? undefined : answer(next, request)
  if (given !== undefined && given._tag !== "Ask") return [{ ...state, open, waiting }, [given]]
  if (state.ended) return [{ ...state, open }, [refuse(request)]]
  return [{ ...state, open }, state.open.length === 0 ? asking([request]) : []]
}

const happened = (state: State, event: ThreadEvent): Step => {
  if (isTerminal(event)) {
    const fine = event._tag === "TurnCompleted" || (state.stopped && event._tag === "TurnInterrupted")
    return rest({ ...(fine ? state : oneMore(state)), stopped: false })
  }
  switch (event._tag) {
    case "TurnStarted":
    case "TurnBegan":
      return [{ ...state, busy: true }, []]
    case "ApprovalRequested":
      return asked(state, { _tag: "Approval", at: event.at, request: event.request })
    case "QuestionAsked":
      return asked(state, { _tag: "Question", at: event.at, request: event.request })
    case "ElicitationRequested":
      return asked(state, { _tag: "Elicitation", at: event.at, request: event.request })
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return settled(state, event.requestId)
    case "ThreadDeleted":
      return [state, [{ _tag: "Leave" }]]
    default:
      return [state, []]
  }
}

/** The state after one more thing has happened, and what is to be done. */
export const step = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Line":
      return line({ ...state, pressed: false }, input.text)
    case "Event":
      return happened(state, input.event)
    case "Refused":
      return rest(oneMore(state))
    case "Pressed":
      if (state.pressed) return [state, [{ _tag: "Leave" }]]
      return state.busy
        ? stop({ ...state, pressed: true })
        : [{ ...state, pressed: true }, [{ _tag: "Say", text: "Press Ctrl-C again to leave." }]]
    case "Ended": {
      const ended = { ...state, ended: true }
      if (state.busy) return [ended, state.open.map(refuse)]
      return [ended, [{ _tag: "Leave" }]]
    }
  }
}
