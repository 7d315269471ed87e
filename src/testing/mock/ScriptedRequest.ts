/** What a scripted turn asks the user, and when it may continue without an answer. */
import { Deferred, Effect } from "effect"
import { type ItemId, RequestId } from "../../domain/Ids.ts"
import type { ApprovalDecision, ApprovalKind, Question, QuestionAnswer } from "../../domain/UserRequest.ts"
import { changed } from "../MockAgentDisk.ts"
import { emit, type Live, type RunningTurn, type TurnEnding } from "./MockAgent.ts"

/** Whether the runtime mode demands an approval. */
export const mayAsk = ({ stored }: Live, kind: ApprovalKind): boolean => {
  if (kind === "file-read" || stored.runtimeMode === "full-access") return false
  return !(kind === "file-change" && stored.runtimeMode === "auto-accept-edits")
}

/** The decision, of the user or of a rule. */
export const ask = (
  live: Live,
  turn: RunningTurn,
  about: {
    readonly kind: ApprovalKind
    readonly subject: string
    readonly detail: unknown
    readonly itemId?: ItemId
  }
): Effect.Effect<ApprovalDecision> =>
  Effect.suspend(() => {
    const turnId = turn.stored.turnId
    if (!mayAsk(live, about.kind)) return Effect.succeed<ApprovalDecision>({ _tag: "AllowOnce" })
    const requestId = nextRequest(live)
    const request = {
      requestId,
      kind: about.kind,
      subject: about.subject,
      detail: about.detail,
      ...(about.itemId === undefined ? {} : { itemId: about.itemId })
    }
    if (live.allowed.has(about.kind)) {
      const decision: ApprovalDecision = { _tag: "AllowOnce" }
      return Effect.as(
        emit(live, [
          { _tag: "ApprovalRequested", turnId, request },
          { _tag: "ApprovalSettled", turnId, requestId, by: "rule", decision }
        ]),
        decision
      )
    }
    const answer = Deferred.makeUnsafe<ApprovalDecision>()
    live.pending.set(requestId, { _tag: "Approval", turnId, request, answer })
    return emit(live, [{ _tag: "ApprovalRequested", turnId, request }]).pipe(
      Effect.andThen(Effect.sync(() => changed(live.agent.disk))),
      Effect.andThen(Deferred.await(answer))
    )
  })

/** A denial without a reason ends the turn; one with a reason is feedback for the model. */
export const goOn = (live: Live, decision: ApprovalDecision): Effect.Effect<void, TurnEnding> =>
  Effect.suspend(() => {
    if (decision._tag !== "Deny") return Effect.void
    if (decision.reason === undefined) return Effect.fail({ _tag: "Completed" })
    live.stored.history.push({ role: "tool", text: `denied: ${decision.reason}` })
    return Effect.void
  })

/** Asks the user; the question is in the agent's hands until it is answered or its turn ends. */
export const pose = (
  live: Live,
  turn: RunningTurn,
  questions: ReadonlyArray<Question>
): Effect.Effect<QuestionAnswer> =>
  Effect.suspend(() => {
    if (!live.agent.capabilities.questions) {
      return Effect.die("The script asks a question, which this agent cannot (capabilities.questions)")
    }
    const turnId = turn.stored.turnId
    const request = { requestId: nextRequest(live), questions }
    const answer = Deferred.makeUnsafe<QuestionAnswer>()
    live.pending.set(request.requestId, { _tag: "Question", turnId, request, answer })
    return emit(live, [{ _tag: "QuestionAsked", turnId, request }]).pipe(
      Effect.andThen(Effect.sync(() => changed(live.agent.disk))),
      Effect.andThen(Deferred.await(answer))
    )
  })

const nextRequest = (live: Live): RequestId =>
  RequestId.make(`${live.stored.sessionId}.request.${++live.stored.requests}`)
