/**
 * Answers to approvals, questions and elicitations, by the user, a hook or the clock: each settles its request once.
 */
import { Effect } from "effect"
import type { RequestId, ThreadId } from "../domain/Ids.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import type { ProviderSession } from "../provider/ProviderAdapter.ts"
import { AnswerInvalid, ChoiceNotFound, RequestNotFound, RequestSettled } from "../service/ServiceError.ts"
import * as AgentCall from "./AgentCall.ts"
import * as Epoch from "./epoch/Epoch.ts"
import type * as EpochState from "./epoch/EpochState.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"

export type Answer =
  | { readonly _tag: "Approval"; readonly requestId: RequestId; readonly decision: ApprovalDecision }
  | { readonly _tag: "Question"; readonly requestId: RequestId; readonly answer: QuestionAnswer }
  | { readonly _tag: "Elicitation"; readonly requestId: RequestId; readonly answer: ElicitationAnswer }

/** Where an answer comes from, and the name of who gave it. */
export interface Source {
  readonly by: "user" | "hook" | "unanswered"
  readonly actor?: string | undefined
}

const kindOf = { Approval: "approval", Question: "question", Elicitation: "elicitation" } as const

const outcomes = { Accept: "accepted", Decline: "declined", Cancel: "cancelled" } as const

const settledBy = (answer: Answer, { actor, by }: Source): EpochState.RequestSettled => {
  const common = { requestId: answer.requestId, by, ...(actor === undefined ? {} : { actor }) }
  switch (answer._tag) {
    case "Approval":
      return { _tag: "ApprovalSettled", ...common, decision: answer.decision }
    case "Question":
      return { _tag: "QuestionSettled", ...common, answer: answer.answer }
    case "Elicitation":
      return { _tag: "ElicitationSettled", ...common, outcome: outcomes[answer.answer._tag] }
  }
}

const settledTags = {
  Approval: "ApprovalSettled",
  Question: "QuestionSettled",
  Elicitation: "ElicitationSettled"
} as const

/** Without a reason some agents end their turn. */
const told = (decision: ApprovalDecision): ApprovalDecision =>
  decision._tag === "Deny" && decision.turn === "continue" && decision.reason === undefined
    ? { ...decision, reason: "The user denied this. Go on without it." }
    : decision

const send = (session: ProviderSession, answer: Answer) => {
  switch (answer._tag) {
    case "Approval":
      return session.respondToApproval(answer.requestId, told(answer.decision))
    case "Question":
      return session.answerQuestion(answer.requestId, answer.answer)
    case "Elicitation":
      return session.answerElicitation(answer.requestId, answer.answer)
  }
}

/** Takes the request for this answer; answers whether it was open. */
const claim = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, answer: Answer) =>
  LiveEpoch.locked(
    live,
    Effect.suspend(() => {
      const { requestId } = answer
      const kind = kindOf[answer._tag]
      const open = live.state.requests.get(requestId)
      if (LiveEpoch.isOver(live) || open === undefined || open.kind !== kind || open.answering) {
        return Effect.succeed(false)
      }
      return Effect.as(LiveEpoch.take(deps, live, { _tag: "AnswerBegun", requestId, kind }), true)
    })
  )

/**
 * Hands the answer to the agent. A request that is settled, or being answered, is not answered again. A denial that stops its
 * turn returns once the turn is over; `onUnresponsive` is done where the agent does not stop it.
 */
export const hand = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch | undefined,
  { answer, threadId }: { readonly answer: Answer; readonly threadId: ThreadId },
  source: Source,
  onUnresponsive: Effect.Effect<void>
) {
  const { requestId } = answer
  const turnId = live?.state.requests.get(requestId)?.turnId
  if (live === undefined || !(yield* claim(deps, live, answer))) {
    return (yield* deps.store.requestStatus(threadId, requestId)) === "unknown"
      ? yield* new RequestNotFound({ threadId, requestId })
      : yield* new RequestSettled({ threadId, requestId })
  }
  const { instanceId } = live.binding
  yield* AgentCall.within(deps, { instanceId, operation: "answer a request" }, send(live.session, answer)).pipe(
    Effect.onError(() => Effect.ignore(LiveEpoch.advance(deps, live, { _tag: "AnswerFailed", requestId }))),
    // The agent no longer waits for the answer: settled, but not by us.
    Effect.catchTag("RequestGone", () =>
      Effect.andThen(
        LiveEpoch.advance(deps, live, {
          _tag: "Answered",
          settled: { _tag: settledTags[answer._tag], requestId, by: "agent" }
        }),
        new RequestSettled({ threadId, requestId })
      ))
  )
  yield* LiveEpoch.advance(deps, live, { _tag: "Answered", settled: settledBy(answer, source) })
  const stops = answer._tag === "Approval" && answer.decision._tag === "Deny" && answer.decision.turn === "stop"
  if (stops && turnId !== undefined && Epoch.hasTurn(live.state, turnId)) {
    yield* TurnDeadlines.interruptFor(deps, live, turnId, "user", onUnresponsive)
  }
})

/** The user's answer, and the app's name for that user. */
export const give = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, answer: Answer, actor: string | undefined) => {
  const { live, threadId } = cell
  const lost = live === undefined ? Effect.void : ThreadCell.lost(deps, cell, live)
  return hand(deps, live, { answer, threadId }, { by: "user", actor }, lost)
}

/**
 * Decides an approval; a choice must be one of those that it offers. `before` is done first, if the approval waits; answers
 * what it does.
 */
export const respond = Effect.fnUntraced(function*<A, E>(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  answer: Extract<Answer, { readonly _tag: "Approval" }>,
  actor: string | undefined,
  before: Effect.Effect<A, E>
) {
  const { decision, requestId } = answer
  const open = cell.live?.state.requests.get(requestId)
  const choiceId = open === undefined ? undefined : unoffered(open, decision)
  if (open !== undefined && choiceId !== undefined) {
    const choices = open.choices.map(({ id }) => id)
    return yield* new ChoiceNotFound({ threadId: cell.threadId, requestId, choiceId, choices })
  }
  const done = open === undefined || open.answering ? undefined : yield* before
  yield* give(deps, cell, answer, actor)
  return done
})

/** The choice that the decision names and the approval does not offer. */
export const unoffered = (
  { choices, kind }: EpochState.OpenRequest,
  decision: ApprovalDecision
): string | undefined =>
  kind !== "approval" || decision._tag !== "Choose" || choices.some(({ id }) => id === decision.choiceId)
    ? undefined
    : decision.choiceId

/** Answers questions; there must be one answer for each. */
export const answer = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  answer: Extract<Answer, { readonly _tag: "Question" }>,
  actor: string | undefined
) {
  const { requestId } = answer
  const open = cell.live?.state.requests.get(requestId)
  if (
    open?.kind === "question" && answer.answer._tag === "Answered" &&
    open.questions.length !== answer.answer.answers.length
  ) {
    return yield* new AnswerInvalid({
      threadId: cell.threadId,
      requestId,
      questions: open.questions.length,
      answers: answer.answer.answers.length
    })
  }
  yield* give(deps, cell, answer, actor)
})
