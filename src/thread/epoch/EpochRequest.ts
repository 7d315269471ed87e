/**
 * The requests of an epoch: each is settled once, whichever of the user, the agent and an end comes first. The answer to a
 * secret question reaches the agent and nothing else.
 */
import type { RequestId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import * as UserRequest from "../../domain/UserRequest.ts"
import * as Draft from "./EpochDraft.ts"
import type { OpenRequest, RequestSettled } from "./EpochState.ts"

type Asked = Extract<
  ProviderEvent,
  { readonly _tag: "ApprovalRequested" | "QuestionAsked" | "ElicitationRequested" }
>

const kinds = {
  ApprovalRequested: "approval",
  QuestionAsked: "question",
  ElicitationRequested: "elicitation"
} as const

export const open = (draft: Draft.Draft, event: Asked): void => {
  Draft.requests(draft).set(event.request.requestId, {
    kind: kinds[event._tag],
    turnId: event.turnId,
    taskId: event.request.taskId,
    questions: event._tag === "QuestionAsked" ? event.request.questions : [],
    choices: event._tag === "ApprovalRequested" ? event.request.choices ?? [] : [],
    answering: false,
    settled: undefined
  })
}

/** An answer of ours is on its way. */
export const beginAnswer = (draft: Draft.Draft, requestId: RequestId): void => {
  const request = draft.state.requests.get(requestId)
  if (request !== undefined) Draft.requests(draft).set(requestId, { ...request, answering: true })
}

/** It did not arrive. */
export const failAnswer = (draft: Draft.Draft, requestId: RequestId): void => {
  const request = draft.state.requests.get(requestId)
  if (request === undefined) return
  Draft.requests(draft).set(requestId, { ...request, answering: false })
  // What the agent has said of it meanwhile is news after all.
  if (request.settled !== undefined) settled(draft, request.settled)
}

/** It arrived, or the agent does not wait for it any more. */
export const answered = (draft: Draft.Draft, event: RequestSettled): void => {
  const request = draft.state.requests.get(event.requestId)
  if (request === undefined) return
  Draft.requests(draft).delete(event.requestId)
  draft.state.activeAt = draft.at
  draft.events.push(stored(request.turnId === undefined ? event : { ...event, turnId: request.turnId }, request))
}

/** The agent says that it is settled. */
export const settled = (draft: Draft.Draft, event: RequestSettled): void => {
  const request = draft.state.requests.get(event.requestId)
  // Settled before: not news.
  if (request === undefined) return
  if (request.answering) {
    Draft.requests(draft).set(event.requestId, { ...request, settled: event })
    return
  }
  Draft.requests(draft).delete(event.requestId)
  draft.events.push(stored(event, request))
}

const stored = (event: RequestSettled, { questions }: OpenRequest): RequestSettled =>
  event._tag === "QuestionSettled" && event.answer !== undefined
    ? { ...event, answer: UserRequest.withoutSecrets(event.answer, questions) }
    : event
