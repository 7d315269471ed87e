/**
 * What serves an open request beside the user: the guards of the app, which may decide an approval, and the time after
 * which one that stays unanswered is denied. Whichever answer is first settles the request; the others come too late.
 *
 * An unanswered question is dismissed and an unanswered elicitation is cancelled, as the user could do.
 */
import { Deferred, Duration, Effect, Exit } from "effect"
import type { RequestId } from "../domain/Ids.ts"
import type { ApprovalRequest } from "../domain/UserRequest.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as RequestAnswer from "./RequestAnswer.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** Between two tries to deny a request whose agent did not take the answer, or that another answer is on its way to. */
const again = Duration.seconds(10)

/** Serves the request until it is settled. Costs nothing where there is no guard and no such time. */
export const start = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, asked: LiveEpoch.Asked): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { unanswered } = deps.settings.approvals
    const guarded = asked._tag === "ApprovalRequested" && deps.hooks.asks("approval:requested")
    if (!guarded && unanswered === undefined) return Effect.void
    const { requestId } = asked.request
    const askedAt = deps.steady.now()
    const serve = Effect.andThen(
      guarded ? askGuards(deps, live, asked) : Effect.void,
      unanswered === undefined ? Effect.void : Effect.suspend(() => {
        const left = askedAt + Duration.toMillis(unanswered.after) - deps.steady.now()
        return Effect.delay(deny(deps, live, asked), Math.max(0, left))
      })
    )
    return Effect.map(LiveEpoch.beside(deps)(serve), (fiber) => {
      // It may be settled already.
      if (isOpen(live, requestId)) live.requestWatches.set(requestId, fiber)
    })
  })

const isOpen = (live: LiveEpoch.LiveEpoch, requestId: RequestId): boolean => live.state.requests.has(requestId)

type AskedApproval = Extract<LiveEpoch.Asked, { readonly _tag: "ApprovalRequested" }>

const askGuards = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  asked: AskedApproval
) {
  const { request } = asked
  const event = LifecycleRecord.make<"approval:requested">(asked, live.binding, request.requestId, {
    _tag: "approval:requested",
    ...(asked.turnId === undefined ? {} : { turnId: asked.turnId }),
    request
  })
  const answer = yield* deps.hooks.approve(event)
  if (answer._tag === "Allow") return
  const decision = answer._tag === "Veto" ? { _tag: "Deny", reason: answer.reason } as const : answer.decision
  if (decision._tag === "Choose" && !isOffered(request, decision.choiceId)) {
    return yield* Effect.logWarning("A hook chose an answer that the approval does not offer; the user decides").pipe(
      Effect.annotateLogs({ hook: answer.hook, choiceId: decision.choiceId })
    )
  }
  yield* give(deps, live, { _tag: "Approval", requestId: request.requestId, decision }, {
    by: "hook",
    actor: answer.hook
  })
})

const isOffered = ({ choices = [] }: ApprovalRequest, choiceId: string): boolean =>
  choices.some(({ id }) => id === choiceId)

const deny = Effect.fnUntraced(function*(deps: ThreadDeps, live: LiveEpoch.LiveEpoch, asked: LiveEpoch.Asked) {
  const { requestId } = asked.request
  while (isOpen(live, requestId) && !LiveEpoch.isOver(live)) {
    yield* give(deps, live, refusal(asked), { by: "unanswered" })
    yield* Effect.sleep(again)
  }
})

const refusal = ({ _tag, request: { requestId } }: LiveEpoch.Asked): RequestAnswer.Answer => {
  switch (_tag) {
    case "ApprovalRequested":
      return { _tag: "Approval", requestId, decision: { _tag: "Deny" } }
    case "QuestionAsked":
      return { _tag: "Question", requestId, answer: { _tag: "Dismissed" } }
    case "ElicitationRequested":
      return { _tag: "Elicitation", requestId, answer: { _tag: "Cancel" } }
  }
}

/** An answer that comes too late is none. */
const give = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  answer: RequestAnswer.Answer,
  source: RequestAnswer.Source
) => {
  const { threadId } = live.binding
  const { requestId } = answer
  // The reader of the session's events gives it up: the thread may wait for this very answer.
  const givenUp = Effect.sync(() => void Deferred.doneUnsafe(live.halted, Exit.void))
  // To the end: the settlement of the request interrupts what serves it, which is this.
  return Effect.uninterruptible(RequestAnswer.hand(deps, live, { answer, threadId }, source, givenUp)).pipe(
    Effect.catchTag("RequestSettled", () => Effect.void),
    Effect.catchCause((cause) =>
      Effect.logWarning("A request could not be answered in the user's place", cause).pipe(
        Effect.annotateLogs({ threadId, requestId, by: source.by })
      )
    )
  )
}
