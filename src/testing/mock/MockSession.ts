/**
 * A live session of the mock: the adapter's side of the contract, as strict as a real agent.
 */
import { Deferred, Effect, Option, Stream } from "effect"
import { ItemId, type RequestId, TurnId } from "../../domain/Ids.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import { type ModelSelection, type TurnInput, wordsOf } from "../../domain/TurnInput.ts"
import { zero } from "../../domain/Usage.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../../domain/UserRequest.ts"
import {
  type AgentError,
  type CapabilityMissing,
  RequestGone,
  SessionMissing,
  TurnRefused
} from "../../provider/AdapterError.ts"
import * as Offers from "../../provider/Offers.ts"
import type { ProviderSession, ProviderTurn, SendTurnError } from "../../provider/ProviderAdapter.ts"
import { changed, type Message, type StoredTurn } from "../MockAgentDisk.ts"
import { emit, type Live, type MockAgent, now, type Pending, reach, type RunningTurn, vanish } from "./MockAgent.ts"
import { compact, gateThere } from "./MockCompaction.ts"
import { checkAttachments } from "./MockDirectory.ts"
import { cursorOf, evidence, history, needs } from "./MockHistory.ts"
import { exportSession } from "./MockPortable.ts"
import { fork, rewind } from "./MockRewind.ts"
import { meaning, ofTurn, shown } from "./ScriptedRequest.ts"
import * as ScriptedTask from "./ScriptedTask.ts"
import { play } from "./ScriptedTurn.ts"

/** The handle that the service holds. */
export const handle = (live: Live, origin: ProviderSession["origin"], directory: string): ProviderSession => {
  const { agent, stored } = live
  return {
    sessionId: stored.sessionId,
    directory,
    agentVersion: agent.agentVersion,
    origin,
    cursor: Effect.sync(() => stored.resumable ? Option.some(cursorOf(agent, stored)) : Option.none()),
    events: Stream.fromQueue(live.events),
    exit: Effect.sync(() => live.exit),
    turnRef: (turnId) => Effect.succeed(agent.turnRefs ? `ref-${turnId}` : undefined),
    checkModel: (model) => Effect.andThen(reach(live, "check a model"), checkModel(agent, model)),
    rename: (title) =>
      Effect.map(reach(live, "rename"), () => {
        stored.title = title
        changed(agent.disk)
      }),
    switchMode: (runtimeMode) =>
      Effect.map(reach(live, "switchMode"), () => {
        if (agent.capabilities.modeSwitch !== "live") return false
        stored.runtimeMode = runtimeMode
        return true
      }),
    sendTurn: (turn) => sendTurn(live, turn),
    steerTurn: (turn) => steerTurn(live, turn),
    interruptTurn: (turnId) => interruptTurn(live, turnId),
    respondToApproval: (requestId, decision) => respondToApproval(live, requestId, decision),
    answerQuestion: (requestId, answer) => answerQuestion(live, requestId, answer),
    answerElicitation: (requestId, answer) => answerElicitation(live, requestId, answer),
    compact: Effect.suspend(() => compact(live)),
    fork: (at) => fork(live, at),
    rewind: (before) => rewind(live, before),
    exportSession: (since) => exportSession(live, since),
    capabilities: agent.capabilities,
    history: Effect.suspend(() => history(live)),
    evidence: (turn) => evidence(live, turn),
    stopTask: (taskId) =>
      needs(live, "tasks").pipe(
        Effect.andThen(reach(live, "stopTask")),
        Effect.andThen(ScriptedTask.end(live, taskId, "stopped")),
        Effect.asVoid
      )
  }
}

/** Fails where the agent does not offer the model. */
export const checkModel = (agent: MockAgent, model: ModelSelection | undefined) =>
  model === undefined ? Effect.void : Offers.checkModel(agent.instanceId, agent.offers, model)

// --- Turns ---

/** Why the input cannot be taken now, if anything. */
const check = (live: Live, turn: ProviderTurn, operation: string): Effect.Effect<void, SendTurnError> =>
  Effect.flatMap(reach(live, operation), (): Effect.Effect<void, SendTurnError> => {
    const { agent, stored } = live
    if (agent.disk.sessions.get(stored.sessionId) !== stored) {
      const { instanceId } = agent
      const { sessionId } = stored
      return Effect.andThen(
        vanish(live, "unfinished", "end"),
        new SessionMissing({ instanceId, sessionId, evidence: { status: 404, name: "NotFoundError" } })
      )
    }
    const { command, model } = turn.input
    if (command !== undefined && !agent.offers.commands.some(({ name }) => name === command.name)) {
      return refuse(turn, "CommandNotFound", { command: command.name })
    }
    if (agent.capabilities.modelSwitch === "per-session" && model !== undefined && model.id !== stored.model?.id) {
      return refuse(turn, "ModelSwitchUnsupported", { from: stored.model?.id, to: model.id })
    }
    return gateThere(live).pipe(
      Effect.andThen(checkModel(agent, model)),
      Effect.andThen(checkAttachments(agent, stored.directory, turn.input))
    )
  })

const refuse = (turn: ProviderTurn, name: string, reason: unknown) =>
  new TurnRefused({ turnId: turn.turnId, name, reason })

const receive = (live: Live, turn: ProviderTurn, steered: boolean): void => {
  const { agent, stored } = live
  agent.disk.received.push({
    sessionId: stored.sessionId,
    threadId: stored.threadId,
    turnId: turn.turnId,
    ref: turn.ref,
    input: turn.input,
    steered
  })
  changed(agent.disk)
}

const sendTurn = (live: Live, turn: ProviderTurn): Effect.Effect<void, SendTurnError> =>
  Effect.andThen(
    check(live, turn, "sendTurn"),
    Effect.suspend(() => {
      const { agent, stored } = live
      const fault = agent.sendFaults.shift()
      if (fault !== undefined && !fault.delivered) return Effect.fail(fault.error(turn))
      const known = stored.turns.find((other) => other.turnId === turn.turnId)
      if (live.turn !== undefined && (live.turn.stored !== known || !agent.capabilities.resend)) {
        return refuse(turn, "Busy", { running: live.turn.stored.turnId })
      }
      if (live.compaction !== undefined) return refuse(turn, "Busy", { compaction: live.compaction.phase })
      if (known !== undefined && agent.capabilities.resend) return repeat(live, known)
      receive(live, turn, false)
      if (known !== undefined) return refuse(turn, "Duplicate", { turnId: turn.turnId })
      return accept(live, turn).pipe(
        Effect.andThen(agent.sendDelays.shift() ?? Effect.void),
        Effect.andThen(fault === undefined ? Effect.void : Effect.fail(fault.error(turn)))
      )
    })
  )

/** A turn that the agent has already. Of one that is over, its end is told again. */
const repeat = (live: Live, { outcome, turnId, usage = zero }: StoredTurn): Effect.Effect<void> => {
  switch (outcome) {
    case "unfinished":
      return Effect.void
    case "completed":
      return emit(live, [{ _tag: "TurnCompleted", turnId, usage }])
    case "failed":
      return emit(live, [{ _tag: "TurnFailed", turnId, failure: { _tag: "Other", name: "Repeated" }, usage }])
    case "interrupted":
      return emit(live, [{ _tag: "TurnInterrupted", turnId, by: "agent", usage }])
  }
}

const take = (live: Live, { input, ref, turnId }: ProviderTurn): RunningTurn => {
  const { stored } = live
  const record: StoredTurn = { turnId, ref, input, outcome: "unfinished", usage: undefined }
  stored.marks.set(turnId, { history: stored.history.length, messages: stored.messages.length })
  live.turn = {
    stored: record,
    ordinal: stored.turns.push(record),
    fiber: undefined,
    usage: zero,
    deaf: false,
    aborted: false,
    open: new Map(),
    steers: [],
    items: 0,
    spoke: false
  }
  stored.resumable = true
  return live.turn
}

const perform = (live: Live, turn: RunningTurn, history: ReadonlyArray<Message>): Effect.Effect<void> =>
  Effect.map(
    Effect.forkDetach(play(live, turn, { input: turn.stored.input, history }), { uninterruptible: true }),
    (fiber) => {
      turn.fiber = fiber
    }
  )

/** From here on the agent has the turn, whatever becomes of the caller. */
const accept = (live: Live, turn: ProviderTurn): Effect.Effect<void> =>
  Effect.suspend(() => {
    const running = take(live, turn)
    return perform(live, running, hear(live, running.stored, turn.input))
  }).pipe(Effect.uninterruptible)

/** The agent begins a turn of its own, if none runs. Its script sees an empty prompt. */
export const begin = (live: Live, cause: TurnCause): Effect.Effect<TurnId | undefined> =>
  Effect.suspend(() => {
    const { stored } = live
    if (live.turn !== undefined || live.phase === "gone") return Effect.undefined
    // Never one that it has had, also where turns were taken from the session.
    const turnId = TurnId.make(`${stored.sessionId}.own.${++live.agent.disk.created}`)
    const running = take(live, { turnId, ref: undefined, input: { prompt: "" } })
    return emit(live, [{ _tag: "TurnBegan", turnId, cause }]).pipe(
      Effect.andThen(perform(live, running, stored.history.slice())),
      Effect.as(turnId)
    )
  }).pipe(Effect.uninterruptible)

/** Takes the input into the history and answers what was there before. */
const hear = (live: Live, { ref, turnId }: StoredTurn, input: TurnInput) => {
  const { stored } = live
  const { context = [] } = input
  const n = stored.messages.filter((message) => message.turnId === turnId).length
  // The words that a turn was sent with are found under the id that was chosen for them.
  const itemId = ItemId.make(n === 0 && ref !== undefined ? ref : `${stored.sessionId}.${turnId}.user.${n}`)
  for (const text of context) stored.history.push({ role: "context", text })
  const history = stored.history.slice()
  stored.history.push({ role: "user", text: wordsOf(input) })
  stored.model = input.model ?? stored.model
  stored.messages.push({
    _tag: "Item",
    id: itemId,
    at: now(live),
    turnId,
    item: {
      _tag: "UserMessage",
      itemId,
      text: wordsOf(input),
      attachments: (input.attachments ?? []).map((given) => given._tag === "File" ? given.path : given.name)
    },
    context
  })
  return history
}

const steerTurn = (live: Live, turn: ProviderTurn): Effect.Effect<void, SendTurnError | CapabilityMissing> =>
  needs(live, "steer").pipe(
    Effect.andThen(check(live, turn, "steerTurn")),
    Effect.andThen(Effect.suspend(() => {
      const running = live.turn
      if (running === undefined) return refuse(turn, "Idle", {})
      receive(live, turn, true)
      running.steers.push({
        input: turn.input,
        history: hear(live, running.stored, turn.input)
      })
      return Effect.void
    }))
  )

const interruptTurn = (live: Live, turnId: TurnId): Effect.Effect<void, AgentError> =>
  Effect.map(reach(live, "interruptTurn"), () => {
    const turn = live.turn
    if (turn?.stored.turnId !== turnId || turn.deaf) return
    turn.aborted = true
    turn.fiber?.interruptUnsafe()
  })

// --- Requests ---

const claim = <Tag extends Pending["_tag"]>(live: Live, requestId: RequestId, tag: Tag) =>
  Effect.suspend(() => {
    const pending = live.pending.get(requestId)
    if (pending === undefined || !isPending(pending, tag)) return new RequestGone({ requestId })
    live.pending.delete(requestId)
    return Effect.succeed(pending)
  })

const isPending = <Tag extends Pending["_tag"]>(
  pending: Pending,
  tag: Tag
): pending is Extract<Pending, { readonly _tag: Tag }> => pending._tag === tag

/** The agent confirms each answer by an event of its own, as OpenCode 1.18.33 does (`permission.replied`). */
const respondToApproval = (live: Live, requestId: RequestId, decision: ApprovalDecision) =>
  reach(live, "respondToApproval").pipe(
    Effect.andThen(claim(live, requestId, "Approval")),
    Effect.flatMap((pending) => {
      const { turnId } = pending
      live.agent.disk.answers.push({ sessionId: live.stored.sessionId, turnId, requestId, answer: decision })
      changed(live.agent.disk)
      if (meaning(pending.request, decision)._tag === "AllowForSession") live.allowed.add(shown(pending.request))
      return Effect.andThen(
        emit(live, [{ _tag: "ApprovalSettled", ...ofTurn(turnId), requestId, by: "user", decision }]),
        Deferred.succeed(pending.answer, decision)
      )
    }),
    Effect.asVoid
  )

const answerQuestion = (live: Live, requestId: RequestId, answer: QuestionAnswer) =>
  reach(live, "answerQuestion").pipe(
    Effect.andThen(claim(live, requestId, "Question")),
    Effect.flatMap((pending) => {
      const { turnId } = pending
      live.agent.disk.answers.push({ sessionId: live.stored.sessionId, turnId, requestId, answer })
      changed(live.agent.disk)
      return Effect.andThen(
        emit(live, [{ _tag: "QuestionSettled", ...ofTurn(turnId), requestId, by: "user", answer }]),
        Deferred.succeed(pending.answer, answer)
      )
    }),
    Effect.asVoid
  )

const outcomes = { Accept: "accepted", Decline: "declined", Cancel: "cancelled" } as const

const answerElicitation = (live: Live, requestId: RequestId, answer: ElicitationAnswer) =>
  reach(live, "answerElicitation").pipe(
    Effect.andThen(claim(live, requestId, "Elicitation")),
    Effect.flatMap((pending) => {
      const { turnId } = pending
      const outcome = outcomes[answer._tag]
      live.agent.disk.answers.push({ sessionId: live.stored.sessionId, turnId, requestId, answer })
      changed(live.agent.disk)
      return Effect.andThen(
        emit(live, [{ _tag: "ElicitationSettled", ...ofTurn(turnId), requestId, by: "user", outcome }]),
        Deferred.succeed(pending.answer, answer)
      )
    }),
    Effect.asVoid
  )
