/**
 * The user's answers to approvals and questions: each settles its request once.
 */
import { Effect } from "effect"
import type { RequestId } from "../domain/Ids.ts"
import type { ApprovalDecision, QuestionAnswer } from "../domain/UserRequest.ts"
import type { ProviderSession } from "../provider/ProviderAdapter.ts"
import { AnswerInvalid, RequestNotFound, RequestSettled } from "../service/ServiceError.ts"
import type * as EpochState from "./epoch/EpochState.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type { ThreadCell } from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

export type Answer =
  | { readonly _tag: "Approval"; readonly requestId: RequestId; readonly decision: ApprovalDecision }
  | { readonly _tag: "Question"; readonly requestId: RequestId; readonly answer: QuestionAnswer }

const kindOf = { Approval: "approval", Question: "question" } as const

const settledBy = (answer: Answer, by: "user" | "agent"): EpochState.RequestSettled => {
  const { requestId } = answer
  if (answer._tag === "Approval") {
    return { _tag: "ApprovalSettled", requestId, by, ...(by === "user" ? { decision: answer.decision } : {}) }
  }
  return { _tag: "QuestionSettled", requestId, by, ...(by === "user" ? { answer: answer.answer } : {}) }
}

const give = (session: ProviderSession, answer: Answer) =>
  answer._tag === "Approval"
    ? session.respondToApproval(answer.requestId, answer.decision)
    : session.answerQuestion(answer.requestId, answer.answer)

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

/** Hands the answer to the agent. A request that is settled, or being answered, is not answered again. */
export const respond = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell, answer: Answer) {
  const { threadId } = cell
  const { requestId } = answer
  const { live } = cell
  if (live === undefined || !(yield* claim(deps, live, answer))) {
    return (yield* deps.store.requestStatus(threadId, requestId)) === "unknown"
      ? yield* new RequestNotFound({ threadId, requestId })
      : yield* new RequestSettled({ threadId, requestId })
  }
  yield* give(live.session, answer).pipe(
    Effect.onError(() => Effect.ignore(LiveEpoch.advance(deps, live, { _tag: "AnswerFailed", requestId }))),
    // The agent no longer waits for the answer: settled, but not by us.
    Effect.catchTag("RequestGone", () =>
      Effect.andThen(
        LiveEpoch.advance(deps, live, { _tag: "Answered", settled: settledBy(answer, "agent") }),
        new RequestSettled({ threadId, requestId })
      ))
  )
  yield* LiveEpoch.advance(deps, live, { _tag: "Answered", settled: settledBy(answer, "user") })
})

/** As {@link respond}, once the answer is known to fit the questions that were asked. */
export const answer = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell,
  requestId: RequestId,
  answer: QuestionAnswer
) {
  const open = cell.live?.state.requests.get(requestId)
  if (answer._tag === "Answered" && open?.kind === "question" && open.questions !== answer.answers.length) {
    return yield* new AnswerInvalid({
      threadId: cell.threadId,
      requestId,
      questions: open.questions,
      answers: answer.answers.length
    })
  }
  yield* respond(deps, cell, { _tag: "Question", requestId, answer })
})
