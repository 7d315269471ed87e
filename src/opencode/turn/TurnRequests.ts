/**
 * Approvals and questions: which become the user's, which are answered by rule, and how each is settled once.
 */
import { RequestId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ApprovalDecision, QuestionAnswer } from "../../domain/UserRequest.ts"
import type { PermissionRequest, QuestionRequest } from "../protocol/Frame.ts"
import type { ToolPart } from "../protocol/Message.ts"
import * as Approvals from "./Approvals.ts"
import * as Denials from "./Denials.ts"
import * as Permissions from "./Permissions.ts"
import {
  all,
  andThen,
  inTurn,
  type OpenRequest,
  openTools,
  put,
  running,
  type State,
  type Step,
  step,
  without
} from "./TurnState.ts"
import * as Unasked from "./Unasked.ts"

const deniedByMode = "The session is read-only: only reads are allowed."
const deniedByConfiguration = "The user's OpenCode configuration denies this."

/**
 * OpenCode asks for permission. What the mode allows or the user's configuration denies never becomes a request. `always`:
 * what is allowed by a rule, or was allowed before, does. `elsewhere`: that the mode accepts edits does not allow it.
 */
export const permissionAsked = (
  before: State,
  request: PermissionRequest,
  { always, elsewhere }: { readonly always: boolean; readonly elsewhere: boolean } = { always: false, elsewhere: false }
): Step => {
  const requestId = request.id
  if (before.requests.has(requestId) || before.held.has(requestId)) return step(before)
  const state = Unasked.asked(before, request)
  const policy = elsewhere ? Permissions.withoutEdits(state.policy) : state.policy
  const patterns = Approvals.patternsOf(request)
  const decision = Permissions.decide(policy, agentOf(state, request), request.permission, patterns)
  if (decision === "deny") {
    const message = state.policy.runtimeMode === "read-only" ? deniedByMode : deniedByConfiguration
    return Denials.release(Denials.hold(state, request, message))
  }
  if (decision === "allow" && !always) return allowByRule(state, request)
  const asked: ProviderEvent = {
    _tag: "ApprovalRequested",
    ...inTurn(state),
    request: {
      requestId,
      kind: Approvals.kindOf(request),
      subject: Approvals.subjectOf(request),
      ...placeOf(state, request),
      covers: Approvals.coversOf(request),
      ...Approvals.choicesOf(request),
      detail: Approvals.detailOf(request)
    }
  }
  if (!always && Permissions.covered(state.allowed, Approvals.shown(request, callOf(state, request)))) {
    return allowByRule(state, request, [asked, allowedByRule(state, requestId)])
  }
  const open: OpenRequest = { turnId: running(state)?.turnId, asked: { kind: "approval", request } }
  return step({ ...state, requests: put(state.requests, requestId, open) }, [asked])
}

/** A guard of the app denies it. */
export const vetoed = (before: State, request: PermissionRequest, reason: string): Step =>
  before.requests.has(request.id) || before.held.has(request.id)
    ? step(before)
    : Denials.release(Denials.hold(Unasked.asked(before, request), request, reason))

const allowByRule = (
  state: State,
  { id: requestId, sessionID }: PermissionRequest | QuestionRequest,
  events?: Step["events"]
): Step =>
  step({ ...state, allowing: put(state.allowing, requestId, sessionID) }, events, [
    { _tag: "Reply", requestId, reply: "once" }
  ])

const allowedByRule = (state: State, requestId: RequestId): ProviderEvent => ({
  _tag: "ApprovalSettled",
  ...inTurn(state),
  requestId,
  by: "rule",
  decision: { _tag: "AllowForSession" }
})

/** The agent whose rules count: that of the message that asks. */
const agentOf = (state: State, request: PermissionRequest): string | undefined => {
  const byMessage = state.messages.get(request.tool?.messageID ?? "")?.agent
  if (byMessage !== undefined) return byMessage
  return Array.from(state.messages.values())
    .findLast((message) => message.sessionId === request.sessionID && message.role === "assistant")?.agent
}

/** The call that asks. */
const callOf = (state: State, { tool }: PermissionRequest | QuestionRequest) =>
  openTools(state).find(({ callID }) => callID === tool?.callID)

const placeOf = (state: State, request: PermissionRequest | QuestionRequest) => {
  const call = callOf(state, request)
  return {
    ...(call === undefined ? {} : { itemId: call.id }),
    ...(request.sessionID === state.root ? {} : { subagent: request.sessionID })
  }
}

export const questionAsked = (state: State, request: QuestionRequest): Step => {
  const requestId = request.id
  if (state.requests.has(requestId)) return step(state)
  const open: OpenRequest = { turnId: running(state)?.turnId, asked: { kind: "question", request } }
  return step({ ...state, requests: put(state.requests, requestId, open) }, [{
    _tag: "QuestionAsked",
    ...inTurn(state),
    request: {
      requestId,
      questions: request.questions.map(({ question, header, options, multiple }, n) => ({
        id: String(n),
        ...(header === undefined ? {} : { header }),
        question,
        options: options.map(({ label, description }) => ({
          label,
          ...(description === undefined ? {} : { description })
        })),
        multiple: multiple ?? false,
        // OpenCode's own interface offers a field for words of one's own with each question, and has no secrets.
        freeText: true,
        secret: false
      })),
      ...placeOf(state, request)
    }
  }])
}

/** The user's answer is on its way, so what OpenCode says of the request next is the user's doing. */
export const answering = (state: State, requestId: RequestId, answer: ApprovalDecision | QuestionAnswer): Step => {
  const open = state.requests.get(requestId)
  if (open === undefined) return step(state)
  if (answer._tag === "Answered" || answer._tag === "Dismissed") {
    if (open.asked.kind !== "question") return step(state)
    return step({ ...state, requests: put(state.requests, requestId, { ...open, asked: { ...open.asked, answer } }) })
  }
  if (open.asked.kind !== "approval") return step(state)
  const { request } = open.asked
  if (answer._tag === "Deny" && Denials.isOpen(state, request.sessionID, requestId)) {
    const held = Denials.hold({ ...state, requests: without(state.requests, requestId) }, request, answer.reason)
    return step(refusing(held, "denied"), [
      { _tag: "ApprovalSettled", ...turnOf(open), requestId, by: "user", decision: answer }
    ])
  }
  const asked = { ...open.asked, decision: answer }
  return step({ ...state, requests: put(state.requests, requestId, { ...open, asked }) })
}

/** The answer did not arrive. The request is open as before, or it is gone and the agent has settled it. */
export const unanswered = (state: State, requestId: RequestId, gone: boolean): Step => {
  const open = state.requests.get(requestId)
  if (open === undefined) return step(state)
  const { kind, request } = open.asked
  const asked: OpenRequest["asked"] = kind === "approval" ? { kind, request } : { kind, request }
  const reopened = { ...state, requests: put(state.requests, requestId, { ...open, asked }) }
  if (!gone) return step(reopened)
  return kind === "approval"
    ? permissionReplied(reopened, requestId, "once")
    : questionSettled(reopened, requestId, undefined)
}

/** OpenCode has settled a request. One that was answered by rule is not open and is ignored. */
export const permissionReplied = (state: State, requestId: RequestId, reply: string): Step => {
  const open = state.requests.get(requestId)
  if (open?.asked.kind !== "approval") return step(state)
  const { request, decision } = open.asked
  const allowing = reply === "reject" ? [] : Approvals.allowedBy(request, callOf(state, request), decision)
  const settled: State = {
    ...(reply === "reject" ? Denials.declined(state, request) : state),
    requests: without(state.requests, requestId),
    allowed: allowing.length === 0 ? state.allowed : [...state.allowed, ...allowing]
  }
  const told = decision?._tag === "Deny" ? refusing(settled, "denied") : settled
  const event: ProviderEvent = {
    _tag: "ApprovalSettled",
    ...turnOf(open),
    requestId,
    ...(decision === undefined ? { by: "agent" } : { by: "user", decision })
  }
  const isNew = told.allowed !== state.allowed
  return andThen(
    andThen(step(told, [event]), (state) => isNew ? answerCovered(state) : step(state)),
    Denials.release
  )
}

/**
 * The call is known, or more of it: a request that comes before it (1.18.33) may turn out to be one that was allowed for the
 * session.
 */
export const callKnown = (state: State, { callID }: ToolPart): Step =>
  answerCovered(state, ({ tool }) => tool?.callID === callID)

/** Settles open requests that an allowance covers. */
const answerCovered = (state: State, about: (request: PermissionRequest) => boolean = () => true): Step => {
  const covered = Array.from(state.requests).filter(([, { asked }]) =>
    asked.kind === "approval" && asked.decision === undefined && about(asked.request) &&
    Permissions.covered(state.allowed, Approvals.shown(asked.request, callOf(state, asked.request)))
  )
  return all(
    state,
    covered,
    (state, [requestId, open]) =>
      allowByRule({ ...state, requests: without(state.requests, requestId) }, open.asked.request, [
        { ...allowedByRule(state, requestId), ...turnOf(open) }
      ])
  )
}

export const questionSettled = (state: State, requestId: RequestId, answer: QuestionAnswer | undefined): Step => {
  const open = state.requests.get(requestId)
  if (open?.asked.kind !== "question") return step(state)
  const given = open.asked.answer ?? answer
  const settled = { ...state, requests: without(state.requests, requestId) }
  return step(given?._tag === "Dismissed" && given === open.asked.answer ? refusing(settled, "dismissed") : settled, [{
    _tag: "QuestionSettled",
    ...turnOf(open),
    requestId,
    by: open.asked.answer === undefined ? "agent" : "user",
    ...(given === undefined ? {} : { answer: given })
  }])
}

/** The user has said no; OpenCode may end the turn for it, without a word (1.18.33). */
const refusing = (state: State, refused: "denied" | "dismissed"): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, refused } }

const turnOf = ({ turnId }: OpenRequest) => turnId === undefined ? {} : { turnId }

/**
 * The turn is over, and so are its requests. After an abort OpenCode keeps a subagent's request for ever (1.18.33), so
 * each is refused.
 */
export const closeAll = (state: State): Step => {
  const turnId = running(state)?.turnId
  const open = Array.from(state.requests).filter(([, request]) => request.turnId === turnId)
  const closed = all(state, open, (state, [requestId, { asked, turnId }]) => {
    const settled = { requestId, by: "turn-ended", ...(turnId === undefined ? {} : { turnId }) } as const
    const requests = without(state.requests, requestId)
    return asked.kind === "approval"
      ? step({ ...state, requests }, [{ _tag: "ApprovalSettled", ...settled }], [
        { _tag: "Reply", requestId, reply: "reject" }
      ])
      : step({ ...state, requests }, [{ _tag: "QuestionSettled", ...settled }])
  })
  return andThen(closed, Denials.releaseAll)
}

/** Compares with what OpenCode says is open: after a hole in the stream. */
export const reconcile = (
  state: State,
  permissions: ReadonlyArray<PermissionRequest>,
  questions: ReadonlyArray<QuestionRequest>
): Step => {
  const known = new Set([...permissions, ...questions].map(({ id }) => id))
  const gone = Array.from(state.requests).filter(([requestId]) => !known.has(requestId))
  const settled = all(state, gone, (state, [requestId, { asked }]) =>
    asked.kind === "approval"
      ? permissionReplied(state, requestId, asked.decision?._tag === "Deny" ? "reject" : "once")
      : questionSettled(state, requestId, undefined))
  return andThen(
    andThen(settled, (state) => all(state, permissions, (state, request) => permissionAsked(state, request))),
    (state) => all(state, questions, questionAsked)
  )
}
