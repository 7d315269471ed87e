/**
 * The running side of the mock: which sessions are live, which faults are set, and the one way out for events.
 */
import { type Cause, type Clock, type Deferred, Effect, type Fiber, type Latch, Queue } from "effect"
import type { InstanceId, ItemId, ProviderName, RequestId, SessionId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Item, ItemStatus } from "../../domain/Item.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import type { TurnInput } from "../../domain/TurnInput.ts"
import type { Usage } from "../../domain/Usage.ts"
import type {
  ApprovalDecision,
  ApprovalRequest,
  ElicitationAnswer,
  ElicitationRequest,
  QuestionAnswer,
  QuestionRequest
} from "../../domain/UserRequest.ts"
import { AgentUnreachable } from "../../provider/AdapterError.ts"
import type { Offers } from "../../provider/Offers.ts"
import type {
  Capabilities,
  ProcessExit,
  ProviderTurn,
  SendTurnError,
  StartInput,
  StartSessionError
} from "../../provider/ProviderAdapter.ts"
import type { ResumeCursor } from "../../provider/ResumeCursor.ts"
import {
  changed,
  type Message,
  type MockAgentDisk,
  type Outcome,
  type StoredSession,
  type StoredTurn
} from "../MockAgentDisk.ts"
import type { MockScript } from "../MockScript.ts"

/** What a cursor of the mock holds. */
export interface CursorPayload {
  readonly sessionId: SessionId
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly agentVersion: string
}

export interface SendFault {
  readonly error: (turn: ProviderTurn) => SendTurnError
  readonly delivered: boolean
}

export interface MockAgent {
  readonly provider: ProviderName
  readonly instanceId: InstanceId
  readonly agentVersion: string
  readonly capabilities: Capabilities
  readonly cursors: ResumeCursor<CursorPayload>
  offers: Offers
  readonly neverResumableBeforeFirstTurn: boolean
  readonly turnRefs: boolean
  readonly projectOf: (directory: string) => string
  readonly disk: MockAgentDisk
  /** The newest live handle of each session. */
  readonly live: Map<SessionId, Live>
  /** Handles that were told to stop and still talk (`hangStop`, `keepTalking`). */
  readonly stopped: Map<SessionId, Live>
  script: MockScript
  readonly nextScripts: Array<MockScript>
  readonly startFaults: Array<Effect.Effect<void, StartSessionError>>
  readonly sendFaults: Array<SendFault>
  readonly sendDelays: Array<Effect.Effect<unknown>>
  unreachable: string | undefined
  /** The gate has not loaded in the agent. */
  gateLost: boolean
  /** Sessions whose last message is not written. */
  readonly behind: Set<SessionId>
  /** Closed while stops are to hang. */
  readonly stops: Latch.Latch
  keepTalking: boolean
}

/** A request without an answer. One that is not of a turn outlives it. */
export type Pending =
  | {
    readonly _tag: "Approval"
    readonly turnId: TurnId | undefined
    readonly request: ApprovalRequest
    readonly answer: Deferred.Deferred<ApprovalDecision>
  }
  | {
    readonly _tag: "Question"
    readonly turnId: TurnId | undefined
    readonly request: QuestionRequest
    readonly answer: Deferred.Deferred<QuestionAnswer>
  }
  | {
    readonly _tag: "Elicitation"
    readonly turnId: TurnId | undefined
    readonly request: ElicitationRequest
    readonly answer: Deferred.Deferred<ElicitationAnswer>
  }

/** Work beside the turns, with the item that began it. */
export interface RunningTask {
  readonly task: Task
  readonly turnId: TurnId | undefined
  /** The item as it is in this status; absent where a turn did not begin it. */
  readonly item: ((status: ItemStatus) => Item) | undefined
  /** Its turn is over. */
  detached: boolean
}

/** Input for the model, and what was in its context before. */
export interface Steer {
  readonly input: TurnInput
  readonly history: ReadonlyArray<Message>
}

/** How a script ends a turn before its steps are over. */
export type TurnEnding =
  | { readonly _tag: "Completed" }
  | { readonly _tag: "Failed"; readonly failure: TurnFailure }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Crashed" }

/** An item that is not completed, and since when. */
export interface OpenItem {
  readonly at: number
  readonly now: () => Item
}

export interface RunningTurn {
  readonly stored: StoredTurn
  readonly ordinal: number
  fiber: Fiber.Fiber<void> | undefined
  usage: Usage
  /** Interrupts have no effect. */
  deaf: boolean
  /** The client has asked for its end. */
  aborted: boolean
  /** Started items that are not completed, as an abort leaves them. */
  readonly open: Map<ItemId, OpenItem>
  readonly steers: Array<Steer>
  items: number
  /** Whether the model has said something since its last call of a tool. */
  spoke: boolean
}

/** A compaction on its way: `held` until the gate has answered. */
export interface Compaction {
  phase: "held" | "running"
  /** Of one that no turn is part of. */
  fiber: Fiber.Fiber<void> | undefined
  /** Done where the agent goes on without the gate's answer. */
  readonly passed: Deferred.Deferred<void>
}

/** One live session: what `startSession` hands out. */
export interface Live {
  readonly agent: MockAgent
  readonly stored: StoredSession
  readonly events: Queue.Queue<ProviderEvent, Cause.Done>
  readonly clock: Clock.Clock
  /** What the start was told of compactions. */
  readonly compactions: StartInput["compaction"]
  readonly setup: StartInput["setup"]
  readonly toolGuard: StartInput["toolGuard"]
  readonly pending: Map<RequestId, Pending>
  /** What was allowed for the session, as it was shown. */
  readonly allowed: Set<string>
  phase: "live" | "gone"
  turn: RunningTurn | undefined
  compaction: Compaction | undefined
  readonly tasks: Map<TaskId, RunningTask>
  /** How its process ended. */
  exit: ProcessExit | undefined
}

/** The time by the Clock of the caller who started the session. */
export const now = (live: Live): number => live.clock.currentTimeMillisUnsafe()

/** Events in one piece; nothing once the session is gone. Waits while the reader is behind. */
export const emit = (live: Live, events: ReadonlyArray<ProviderEvent>): Effect.Effect<void> =>
  Effect.suspend(() => live.phase === "gone" ? Effect.void : Effect.asVoid(Queue.offerAll(live.events, events)))

/** Ends the turn in the agent: its requests are no longer open. */
export const close = (live: Live, turn: RunningTurn, outcome: Outcome): void => {
  turn.stored.outcome = outcome
  turn.stored.usage = turn.usage
  live.turn = undefined
  for (const [requestId, pending] of live.pending) {
    if (pending.turnId === turn.stored.turnId) live.pending.delete(requestId)
  }
  changed(live.agent.disk)
}

/**
 * The session's process is gone. Its history stays on the disk, unless the agent had not written it yet.
 *
 * `events`: `end` lets the reader have what was emitted, `drop` ends at once, `open` never ends.
 */
export const vanish = (live: Live, outcome: Outcome, events: "end" | "drop" | "open"): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (live.phase === "gone") return Effect.void
    const { agent, compaction, stored, turn } = live
    live.phase = "gone"
    live.tasks.clear()
    if (agent.live.get(stored.sessionId) === live) agent.live.delete(stored.sessionId)
    if (turn !== undefined) close(live, turn, outcome)
    live.pending.clear()
    if (!stored.resumable) agent.disk.sessions.delete(stored.sessionId)
    if (events !== "open") Queue.endUnsafe(live.events)
    if (events === "drop") Queue.shutdownUnsafe(live.events)
    changed(agent.disk)
    turn?.fiber?.interruptUnsafe()
    compaction?.fiber?.interruptUnsafe()
    return Effect.void
  })

/** Fails where the agent cannot be reached. */
export const reachable = ({ instanceId, unreachable }: MockAgent, operation: string) =>
  unreachable === undefined ? Effect.void : new AgentUnreachable({ instanceId, operation, code: unreachable })

/** Fails where the agent does not answer: it cannot be reached, or the session's process is gone. */
export const reach = (live: Live, operation: string): Effect.Effect<void, AgentUnreachable> =>
  Effect.suspend(() =>
    live.phase === "gone" && live.agent.unreachable === undefined
      ? new AgentUnreachable({ instanceId: live.agent.instanceId, operation, code: "ECONNRESET" })
      : reachable(live.agent, operation)
  )
