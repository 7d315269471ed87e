/**
 * The contract between this library and one coding agent. Implement it and an agent has everything else: durable
 * threads, continuity, the turn ledger, deadlines, the reaper, replayable events.
 *
 * An adapter is small on purpose. It holds no map of sessions, no policy and no storage. It starts a session, answers
 * with a scoped {@link ProviderSession}, translates frames into {@link ProviderEvent}s, and says exactly what went
 * wrong. What to do about it (retry, rehydrate, give up) is the service's business.
 *
 * Rules that the conformance of an adapter is measured by:
 *
 * - Every turn that `sendTurn` accepted is followed by exactly one `TurnCompleted`, `TurnFailed` or `TurnInterrupted`
 *   in `events`, and nothing of an earlier turn ends a later one.
 * - `events` ends when the session is lost and only then. The service settles what was open.
 * - `SessionMissing` is only for what the provider's structure proves (a status, an error name, a second probing call).
 * - A session started or resumed enforces the runtime mode, or the start fails with `PolicyUnenforceable`.
 * - Before each compaction an adapter that declares `compactionGate: "blocking"` asks the gate it was given, and waits.
 * - Closing the scope stops the session and everything that it alone needed.
 */
import type { Effect, Option, Scope, Stream } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { InstanceId, ProviderName, RequestId, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { Item } from "../domain/Item.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { ModelSelection, TurnInput } from "../domain/TurnInput.ts"
import type { Usage } from "../domain/Usage.ts"
import type { ApprovalDecision, QuestionAnswer } from "../domain/UserRequest.ts"
import type {
  AgentError,
  AgentStartError,
  AttachmentRefused,
  CapabilityMissing,
  CursorRejected,
  DeliveryUncertain,
  DirectoryUnreachable,
  GateMissing,
  ModelUnavailable,
  PolicyUnenforceable,
  RequestGone,
  SessionMissing,
  TurnRefused
} from "./AdapterError.ts"
import type { StoredCursor } from "./ResumeCursor.ts"

/**
 * `blocking`: the agent waits for {@link StartInput.compaction}'s `gate` before each compaction. `client-initiated`: it
 * compacts only when asked to. `observe-only`: it compacts by itself, and its events tell when it has begun.
 */
export type CompactionGate = "blocking" | "client-initiated" | "observe-only"

/** What an agent is told that asks whether it may compact now. `context` is handed to whoever writes the summary. */
export type CompactionVerdict =
  | { readonly _tag: "Allow"; readonly context: ReadonlyArray<string> }
  | { readonly _tag: "Veto"; readonly reason: string }

/** What an agent can do, as data. Each entry is proved by the conformance of the adapter, not believed. */
export interface Capabilities {
  readonly runtimeModes: ReadonlyArray<RuntimeMode>
  /** Where a resumed session may work: anywhere, in a worktree of the same project, or only where it was. */
  readonly moveDirectory: "anywhere" | "same-project" | "never"
  readonly modelSwitch: "per-turn" | "per-session"
  readonly steer: boolean
  readonly fork: boolean
  readonly compact: boolean
  /**
   * Whether a compaction can be held until the transcript is saved: every one, those that we ask for, or none. What each
   * session has at least; one may have more ({@link ProviderSession.compactionGate}).
   */
  readonly compactionGate: CompactionGate
  readonly questions: boolean
  readonly attachments: boolean
  /** Whether the provider's own history can be read back, for `history` and `evidence`. */
  readonly history: boolean
}

/** The past, as far as the adapter has to know it. */
export type StartFrom =
  | { readonly _tag: "New" }
  /** A new session that must be handed `transcript`, so that the model has it before the first turn. */
  | { readonly _tag: "Seeded"; readonly transcript: string }
  /** The stored value as it came from the store; the adapter decodes it by its own cursor codec. */
  | { readonly _tag: "Resume"; readonly cursor: unknown }

export interface StartInput {
  readonly threadId: ThreadId
  /** Absolute path of an existing directory (the service has checked it). */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model?: ModelSelection | undefined
  readonly title?: string | undefined
  readonly from: StartFrom
  readonly compaction?: {
    /** Whether the agent may compact by itself when its context is full. */
    readonly auto: boolean
    /**
     * To be called before each compaction, whoever asked for it, where the agent can be held. It never fails and answers
     * in bounded time. Absent: nobody wants to be asked.
     */
    readonly gate?: ((trigger: CompactionTrigger) => Effect.Effect<CompactionVerdict>) | undefined
  } | undefined
}

export type StartSessionError =
  | AgentStartError
  | SessionMissing
  | CursorRejected
  | DirectoryUnreachable
  | PolicyUnenforceable
  | ModelUnavailable

export type SendTurnError =
  | AgentError
  | TurnRefused
  | DeliveryUncertain
  | AttachmentRefused
  | ModelUnavailable
  | GateMissing

export interface ProviderTurn {
  readonly turnId: TurnId
  /** What `turnRef` answered for this turn; recorded before the turn is sent. */
  readonly ref: string | undefined
  readonly input: TurnInput
}

/** What the provider's own history says of a turn. */
export interface TurnEvidence {
  readonly outcome: "never-delivered" | "completed" | "failed" | "interrupted" | "unfinished"
  /** The turn's items as the provider has them. */
  readonly items: ReadonlyArray<Item>
}

/** One message of the provider's own history. */
export interface HistoryMessage {
  /** The provider's id. */
  readonly id: string
  readonly role: "user" | "assistant" | "other"
  /** Milliseconds since the epoch, where the provider says. */
  readonly at: number | undefined
  /** False while the agent still works on it. */
  readonly finished: boolean
  /** As in the events, with the same ids. */
  readonly items: ReadonlyArray<Item>
  readonly usage: Usage | undefined
  /** The message as the provider has it, plain JSON. */
  readonly raw: unknown
}

/** Everything that the provider has of a session, what it compacted included, oldest first. */
export interface ProviderHistory {
  /** Name and version of the shape of `raw`: `opencode/1.18.33`. */
  readonly format: string
  readonly agentVersion: string
  /** The provider's record of the session itself, plain JSON. */
  readonly session: unknown
  readonly messages: ReadonlyArray<HistoryMessage>
}

/** How an agent's process ended: with an exit code of its own, or by a signal (`SIGKILL`). Empty where neither is known. */
export interface ProcessExit {
  readonly exitCode?: number
  readonly signal?: string
}

/** A live session. Its Scope is the one `startSession` was given; closing it stops the session. */
export interface ProviderSession {
  readonly sessionId: SessionId
  /** Real path that the session works in. Never a path it was merely asked to work in. */
  readonly directory: string
  /** Whether the provider's own session goes on, and from which directory it was moved. */
  readonly origin:
    | { readonly _tag: "New" }
    | { readonly _tag: "Resumed" }
    | { readonly _tag: "Moved"; readonly from: string }
  /** The cursor, once the provider can really resume from it; asked after the start and after every turn. */
  readonly cursor: Effect.Effect<Option.Option<StoredCursor>>
  /** Everything that happens, in order. Ends when the session is lost, and only then. Read once, by the service. */
  readonly events: Stream.Stream<ProviderEvent>
  /**
   * What is known of the end of the agent's process. Asked once `events` has ended; answers within a second or so.
   * `undefined` where the process is not the adapter's own, or has not ended.
   */
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /**
   * The provider-side id under which the next turn will be found in the provider's history, where the client may choose
   * it. Recorded before the turn is sent, so that an uncertain delivery can be settled after a crash.
   */
  readonly turnRef: (turnId: TurnId) => Effect.Effect<string | undefined>
  /** Fails where the agent proves not to offer the model; it is asked before a model is kept for the turns to come. */
  readonly checkModel: (model: ModelSelection) => Effect.Effect<void, AgentError | ModelUnavailable>
  /** Succeeds once the provider has the input. The service never calls it while a turn runs. */
  readonly sendTurn: (turn: ProviderTurn) => Effect.Effect<void, SendTurnError>
  /** Adds input to the running turn. */
  readonly steerTurn: (turn: ProviderTurn) => Effect.Effect<void, SendTurnError | CapabilityMissing>
  /** Asks the provider to stop; the terminal event follows in `events`. Harmless when no turn runs. */
  readonly interruptTurn: (turnId: TurnId) => Effect.Effect<void, AgentError>
  readonly respondToApproval: (
    requestId: RequestId,
    decision: ApprovalDecision
  ) => Effect.Effect<void, AgentError | RequestGone>
  readonly answerQuestion: (
    requestId: RequestId,
    answer: QuestionAnswer
  ) => Effect.Effect<void, AgentError | RequestGone>
  /** What holds for this session; never less than the adapter declares. */
  readonly compactionGate: CompactionGate
  /** Asks for a compaction and answers once it has begun; its end follows in `events`. */
  readonly compact: Effect.Effect<void, AgentError | CapabilityMissing | GateMissing>
  /** Copies the conversation into a new session of the provider and answers that session's cursor. */
  readonly fork: Effect.Effect<StoredCursor, AgentError | CapabilityMissing>
  readonly history: Effect.Effect<ProviderHistory, AgentError | CapabilityMissing>
  readonly evidence: (
    turn: { readonly turnId: TurnId; readonly ref: string | undefined }
  ) => Effect.Effect<TurnEvidence, AgentError | CapabilityMissing>
  /** Whether the agent works on something outside of a turn (a background shell, a subagent). */
  readonly backgroundWork: Effect.Effect<boolean>
}

/** One configured agent. Its Layer registers it with the `ProviderRegistry`. */
export interface ProviderAdapter {
  readonly provider: ProviderName
  readonly instanceId: InstanceId
  readonly capabilities: Capabilities
  readonly startSession: (input: StartInput) => Effect.Effect<ProviderSession, StartSessionError, Scope.Scope>
}
