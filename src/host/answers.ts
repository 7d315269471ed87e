/**
 * The user's answers to approvals and questions: each settles its request once.
 */
import { Effect } from "effect"
import type { RequestId, ThreadId } from "../domain/Ids.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { AnswerInvalid, RequestNotFound, RequestSettled, type ThreadNotFound } from "../service/ServiceError.ts"
import type { Binding } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as LiveSession from "../thread/LiveSession.ts"
import type { ThreadActors } from "./threadActors.ts"

export const make = ({ actors, engine, getThread }: {
  readonly engine: LiveSession.Engine
  readonly actors: ThreadActors
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Binding, ThreadNotFound | StoreFailed>
}) => {
  const respond = Effect.fnUntraced(function*<E>(
    input: { readonly threadId: ThreadId; readonly requestId: RequestId },
    kind: "approval" | "question",
    answer: (live: LiveSession.LiveSession) => Effect.Effect<void, E>,
    event: LiveSession.Settled
  ) {
    const { requestId, threadId } = input
    const live = actors.peek(threadId)?.live
    if (live === undefined || !LiveSession.claimRequest(live, requestId, kind)) {
      yield* getThread(threadId)
      return (yield* engine.store.requestStatus(threadId, requestId)) === "unknown"
        ? yield* new RequestNotFound({ threadId, requestId })
        : yield* new RequestSettled({ threadId, requestId })
    }
    yield* answer(live).pipe(Effect.onError(() => Effect.sync(() => LiveSession.unclaimRequest(live, requestId))))
    yield* LiveSession.settleRequest(engine, live, requestId, event)
  })

  /** The provider no longer waits for the answer: settled, but not by us. */
  const gone = (input: { readonly threadId: ThreadId; readonly requestId: RequestId }, event: LiveSession.Settled) =>
    Effect.suspend(() => {
      const live = actors.peek(input.threadId)?.live
      return Effect.andThen(
        live === undefined ? Effect.void : LiveSession.settleRequest(engine, live, input.requestId, event),
        Effect.fail(new RequestSettled(input))
      )
    })

  return {
    respondToApproval: Effect.fn("ProviderService.respondToApproval")(function*({ decision, requestId, threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      const settled = { _tag: "ApprovalSettled", requestId } as const
      yield* respond(
        { threadId, requestId },
        "approval",
        (live) => live.session.respondToApproval(requestId, decision),
        { ...settled, by: "user", decision }
      ).pipe(Effect.catchTag("RequestGone", () => gone({ threadId, requestId }, { ...settled, by: "agent" })))
    }),

    answerQuestion: Effect.fn("ProviderService.answerQuestion")(function*({ answer, requestId, threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      const questions = actors.peek(threadId)?.live?.requests.get(requestId)?.questions
      if (answer._tag === "Answered" && questions !== undefined && questions !== answer.answers.length) {
        return yield* new AnswerInvalid({ threadId, requestId, questions, answers: answer.answers.length })
      }
      const settled = { _tag: "QuestionSettled", requestId } as const
      yield* respond(
        { threadId, requestId },
        "question",
        (live) => live.session.answerQuestion(requestId, answer),
        { ...settled, by: "user", answer }
      ).pipe(Effect.catchTag("RequestGone", () => gone({ threadId, requestId }, { ...settled, by: "agent" })))
    })
  } satisfies Pick<ProviderService["Service"], "respondToApproval" | "answerQuestion">
}
