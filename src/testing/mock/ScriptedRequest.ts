/** What a scripted turn asks the user, and when it may continue without an answer. */
import { Deferred, Effect } from "effect"
import { type ItemId, RequestId, type TurnId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type {
  ApprovalChoice,
  ApprovalDecision,
  ApprovalKind,
  ApprovalRequest,
  ElicitationAnswer,
  ElicitationRequest,
  Question,
  QuestionAnswer
} from "../../domain/UserRequest.ts"
import type { ToolGuard, ToolVerdict } from "../../provider/ToolGuard.ts"
import { changed } from "../MockAgentDisk.ts"
import { emit, type Live, type Pending, type RunningTurn, type TurnEnding } from "./MockAgent.ts"

export const ofTurn = (turnId: TurnId | undefined) => turnId === undefined ? {} : { turnId }

/** What a decision comes to: a choice means what the request says that it does. */
export const meaning = (request: Pick<ApprovalRequest, "choices">, decision: ApprovalDecision): ApprovalDecision => {
  if (decision._tag !== "Choose") return decision
  switch (request.choices?.find(({ id }) => id === decision.choiceId)?.meaning) {
    case "allow-once":
      return { _tag: "AllowOnce" }
    case "allow-session":
    case "allow-always":
      return { _tag: "AllowForSession" }
    default:
      return { _tag: "Deny" }
  }
}

/** What an answer for the whole session covers: this, and nothing else. */
export const shown = ({ kind, subject }: Pick<ApprovalRequest, "kind" | "subject">): string => `${kind} ${subject}`

/** Whether the runtime mode refuses it without a question. */
export const isRefused = ({ stored }: Live, kind: ApprovalKind): boolean =>
  stored.runtimeMode === "read-only" && kind !== "file-read"

/** Whether the runtime mode demands an approval. */
export const mayAsk = ({ stored }: Live, kind: ApprovalKind): boolean => {
  if (kind === "file-read" || stored.runtimeMode === "full-access" || stored.runtimeMode === "read-only") return false
  return !(kind === "file-change" && stored.runtimeMode === "auto-accept-edits")
}

interface About {
  readonly kind: ApprovalKind
  readonly subject: string
  readonly detail: unknown
  readonly itemId?: ItemId
  readonly choices?: ReadonlyArray<ApprovalChoice> | undefined
}

/** The guards that this agent asks about it, if there are any. */
const guardOf = ({ agent, stored, toolGuard }: Live, kind: ApprovalKind): ToolGuard | undefined => {
  const { toolGuard: asks } = agent.capabilities
  const unasked = kind === "file-read" || asks === "none" || (asks === "asked" && stored.runtimeMode === "full-access")
  return unasked ? undefined : toolGuard
}

/** Whether it waits for an answer of the user's or of guards. */
export const isAsked = (live: Live, kind: ApprovalKind): boolean =>
  mayAsk(live, kind) || guardOf(live, kind) !== undefined

const guarded = (
  live: Live,
  turn: RunningTurn,
  { detail, itemId, kind, subject }: About
): Effect.Effect<ToolVerdict> => {
  const guard = guardOf(live, kind)
  return guard === undefined ? Effect.succeed({ _tag: "Allow" }) : guard({
    kind,
    subject,
    detail,
    turnId: turn.stored.turnId,
    ...(itemId === undefined ? {} : { itemId })
  })
}

/** The decision, of a guard, the user or a rule. */
export const ask = (live: Live, turn: RunningTurn, about: About): Effect.Effect<ApprovalDecision> =>
  Effect.flatMap(
    guarded(live, turn, about),
    (verdict): Effect.Effect<ApprovalDecision> =>
      verdict._tag === "Veto"
        ? Effect.succeed({ _tag: "Deny", reason: verdict.reason })
        : askUser(live, turn, about, verdict._tag === "Ask")
  )

const askUser = (live: Live, turn: RunningTurn, about: About, always: boolean): Effect.Effect<ApprovalDecision> =>
  Effect.suspend(() => {
    const turnId = turn.stored.turnId
    if (isRefused(live, about.kind)) return Effect.succeed<ApprovalDecision>({ _tag: "Deny", reason: readOnly })
    if (!always && !mayAsk(live, about.kind)) return Effect.succeed<ApprovalDecision>({ _tag: "AllowOnce" })
    const requestId = nextRequest(live)
    const request = {
      requestId,
      kind: about.kind,
      subject: about.subject,
      detail: about.detail,
      ...(about.itemId === undefined ? {} : { itemId: about.itemId }),
      ...(about.choices === undefined ? {} : { choices: about.choices })
    }
    if (!always && live.allowed.has(shown(about))) {
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
    return Effect.map(
      hold(live, { _tag: "Approval", turnId, request, answer }, [{ _tag: "ApprovalRequested", turnId, request }]),
      (decision) => meaning(request, decision)
    )
  })

/** The user is asked for something that is of no turn, and that outlives every turn. */
export const askBeside = (
  live: Live,
  about: Pick<ApprovalRequest, "kind" | "subject" | "taskId">
): Effect.Effect<RequestId> =>
  Effect.suspend(() => {
    const request: ApprovalRequest = { requestId: nextRequest(live), detail: null, ...about }
    const answer = Deferred.makeUnsafe<ApprovalDecision>()
    live.pending.set(request.requestId, { _tag: "Approval", turnId: undefined, request, answer })
    changed(live.agent.disk)
    return Effect.as(emit(live, [{ _tag: "ApprovalRequested", request }]), request.requestId)
  })

/** Shows a request and waits for its answer. */
const hold = <A>(
  live: Live,
  pending: Pending & { readonly answer: Deferred.Deferred<A> },
  events: ReadonlyArray<ProviderEvent>
): Effect.Effect<A> => {
  live.pending.set(pending.request.requestId, pending)
  return emit(live, events).pipe(
    Effect.andThen(Effect.sync(() => changed(live.agent.disk))),
    Effect.andThen(Deferred.await(pending.answer))
  )
}

/** What the model is told of what the mode refuses. */
const readOnly = "the session is read-only"

/** Whether the turn goes on after a denial, and whether its model hears the reason, is as the agent declares. */
export const goOn = (live: Live, decision: ApprovalDecision): Effect.Effect<void, TurnEnding> =>
  Effect.suspend(() => {
    if (decision._tag !== "Deny") return Effect.void
    const { afterDenial, denyReason } = live.agent.capabilities
    const { reason } = decision
    if (afterDenial === "ends" || (afterDenial === "by-reason" && reason === undefined)) {
      return Effect.fail({ _tag: "Completed" })
    }
    live.stored.history.push({
      role: "tool",
      text: denyReason && reason !== undefined ? `denied: ${reason}` : "denied"
    })
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
    return hold(live, { _tag: "Question", turnId, request, answer }, [{ _tag: "QuestionAsked", turnId, request }])
  })

/** An MCP server asks the user. */
export const elicit = (
  live: Live,
  turn: RunningTurn,
  about: Omit<ElicitationRequest, "requestId">
): Effect.Effect<ElicitationAnswer> =>
  Effect.suspend(() => {
    if (!live.agent.capabilities.elicitations) {
      return Effect.die("The script elicits, which this agent cannot (capabilities.elicitations)")
    }
    const turnId = turn.stored.turnId
    const request = { requestId: nextRequest(live), ...about }
    const answer = Deferred.makeUnsafe<ElicitationAnswer>()
    return hold(
      live,
      { _tag: "Elicitation", turnId, request, answer },
      [{ _tag: "ElicitationRequested", turnId, request }]
    )
  })

const nextRequest = (live: Live): RequestId =>
  RequestId.make(`${live.stored.sessionId}.request.${++live.stored.requests}`)
