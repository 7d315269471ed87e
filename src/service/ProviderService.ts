/**
 * The app's side of everything: durable threads on any coding agent.
 *
 * - A **thread** is the app's conversation. It outlives sessions: `sendTurn` starts, resumes or rehydrates whatever it
 *   needs and says which in {@link TurnAccepted.continuity}.
 * - `sendTurn` returns once the provider has accepted the turn, `runTurn` once the turn is over.
 * - Every accepted turn ends in exactly one terminal event, every approval and question is settled, on every path.
 * - Idle sessions are stopped by the reaper; the conversation stays.
 *
 * **Example** (two agents, one of them a mock)
 *
 * ```ts
 * const App = ProviderService.layer().pipe(
 *   Layer.provide(OpenCode.layer()),
 *   Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
 *   Layer.provideMerge(SessionStore.layerSqlite({ filename: "threads.db" })),
 *   Layer.provide(NodeServices.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const agents = yield* ProviderService
 *   const threadId = ThreadId.make("t1")
 *   yield* agents.startSession({ threadId, instanceId: InstanceId.make("opencode"), directory: "/repo" })
 *   const turn = yield* agents.runTurn({ threadId, prompt: "What is in this repository?" })
 *   console.log(turn.text)
 * })
 * ```
 */
import { Context, type Effect, type Stream } from "effect"
import type { CompactionOutcome } from "../domain/Compaction.ts"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { Continuity, MissingPolicy } from "../domain/Continuity.ts"
import type { Epoch, InstanceId, RequestId, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { SnapshotInfo } from "../domain/Snapshot.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { Attachment, ModelSelection } from "../domain/TurnInput.ts"
import type { Usage } from "../domain/Usage.ts"
import type { ApprovalDecision, QuestionAnswer } from "../domain/UserRequest.ts"
import type { AgentError, CapabilityMissing, GateMissing } from "../provider/AdapterError.ts"
import type { SendTurnError, StartSessionError } from "../provider/ProviderAdapter.ts"
import type { EpochFenced, StoreFailed, TurnExists } from "../store/StoreError.ts"
import type {
  CompactionInProgress,
  CompactionRefused,
  DirectoryInvalid,
  HookReentrant,
  InstanceNotFound,
  PromptEmpty,
  PromptTooLong,
  RequestNotFound,
  RequestSettled,
  StartIncomplete,
  ThreadExists,
  ThreadNotFound,
  ThreadStopping,
  TurnInProgress,
  TurnNotCompleted,
  TurnNotFound,
  TurnVetoed
} from "./ServiceError.ts"

export interface StartSession {
  readonly threadId: ThreadId
  /** Needed for a new thread. Another instance than the thread's own swaps the agent and keeps the conversation. */
  readonly instanceId?: InstanceId | undefined
  /** Absolute path. Needed for a new thread; another one than the thread's own moves the conversation there. */
  readonly directory?: string | undefined
  /** Default: the thread's own, or `approval-required`. */
  readonly runtimeMode?: RuntimeMode | undefined
  /** Default: the thread's own, or the agent's. */
  readonly model?: ModelSelection | undefined
  readonly title?: string | undefined
  /** Default: the service's. */
  readonly onMissing?: MissingPolicy | undefined
  /** Where this thread wants it otherwise than the service. Kept with the thread; default: what was kept. */
  readonly compaction?: CompactionPolicy | undefined
}

export interface SessionInfo {
  readonly threadId: ThreadId
  readonly epoch: Epoch
  readonly instanceId: InstanceId
  readonly sessionId: SessionId
  /** Real path that the session works in. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly continuity: Continuity
}

export interface SendTurn {
  readonly threadId: ThreadId
  /** Your own id makes a repeated call fail with `TurnExists` instead of asking the agent twice. Default: a new one. */
  readonly turnId?: TurnId | undefined
  readonly prompt: string
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  readonly model?: ModelSelection | undefined
  readonly agent?: string | undefined
  /** While a turn runs: add this input to it instead of failing with `TurnInProgress`. */
  readonly steer?: boolean | undefined
  /** Default: the service's. */
  readonly onMissing?: MissingPolicy | undefined
}

export interface TurnAccepted {
  readonly threadId: ThreadId
  /** The running turn's, if `steered`. */
  readonly turnId: TurnId
  readonly epoch: Epoch
  /** What became of the past when this call had to start the session; `Resumed` if it was live. */
  readonly continuity: Continuity
  readonly steered: boolean
}

export interface TurnResult extends TurnAccepted {
  /** The agent's last message. */
  readonly text: string
  readonly usage: Usage
}

export interface CompactResult {
  readonly threadId: ThreadId
  readonly compactionId: string
  /** What became of it at the agent's; a veto and a failed snapshot are errors. */
  readonly outcome: CompactionOutcome
  readonly summary: string | undefined
  readonly reason: string | undefined
  readonly snapshot: SnapshotInfo | undefined
}

export interface ForkThread {
  readonly threadId: ThreadId
  readonly newThreadId: ThreadId
  /** Default: the source's. */
  readonly directory?: string | undefined
  readonly runtimeMode?: RuntimeMode | undefined
  readonly title?: string | undefined
}

export type StartError =
  | StartSessionError
  | InstanceNotFound
  | DirectoryInvalid
  | ThreadStopping
  | StoreFailed
  | EpochFenced

export type SendError =
  | StartError
  | SendTurnError
  | CapabilityMissing
  | ThreadNotFound
  | TurnInProgress
  | TurnExists
  | PromptEmpty
  | PromptTooLong
  | CompactionInProgress
  | TurnVetoed
  | HookReentrant

export class ProviderService extends Context.Service<ProviderService, {
  /** Makes the thread live: creates it, resumes it, moves it, or swaps its agent. Harmless if it is live as asked. */
  readonly startSession: (
    input: StartSession
  ) => Effect.Effect<
    SessionInfo,
    StartError | StartIncomplete | TurnInProgress | CompactionInProgress | HookReentrant
  >
  readonly createThread: (
    input: Required<Pick<StartSession, "threadId">> & Omit<StartSession, "instanceId" | "directory" | "onMissing"> & {
      readonly instanceId: InstanceId
      readonly directory: string
    }
  ) => Effect.Effect<Binding, InstanceNotFound | DirectoryInvalid | ThreadExists | StoreFailed>
  /** Succeeds once the provider has the turn. Starts or resumes the session if need be. */
  readonly sendTurn: (input: SendTurn) => Effect.Effect<TurnAccepted, SendError>
  /** Sends and waits for the end. Interrupting this effect interrupts the turn. */
  readonly runTurn: (input: SendTurn) => Effect.Effect<TurnResult, SendError | TurnNotCompleted>
  /** Succeeds once the turn is over, also when it was over before. Without `turnId`: whichever turn runs. */
  readonly interruptTurn: (input: {
    readonly threadId: ThreadId
    readonly turnId?: TurnId | undefined
  }) => Effect.Effect<void, ThreadNotFound | TurnNotFound | StoreFailed | EpochFenced>
  readonly respondToApproval: (input: {
    readonly threadId: ThreadId
    readonly requestId: RequestId
    readonly decision: ApprovalDecision
  }) => Effect.Effect<void, ThreadNotFound | RequestNotFound | RequestSettled | AgentError | StoreFailed | EpochFenced>
  readonly answerQuestion: (input: {
    readonly threadId: ThreadId
    readonly requestId: RequestId
    readonly answer: QuestionAnswer
  }) => Effect.Effect<void, ThreadNotFound | RequestNotFound | RequestSettled | AgentError | StoreFailed | EpochFenced>
  /** Ends the session; the thread stays. Cuts a start that is under way. Stopping a stopped thread succeeds. */
  readonly stopSession: (
    threadId: ThreadId
  ) => Effect.Effect<void, ThreadNotFound | StoreFailed | EpochFenced | HookReentrant>
  /**
   * Begins the conversation anew in a new session of the same agent; the archive stays. A running turn is interrupted.
   * Hooks see `session:end`, `session:reset` and `session:start`, in this order, and may still read the old session.
   */
  readonly resetThread: (threadId: ThreadId) => Effect.Effect<
    SessionInfo,
    StartError | ThreadNotFound | CompactionInProgress | HookReentrant
  >
  /**
   * Has the agent replace its context by a summary, once the transcript is saved and the guards agree; answers when it is
   * over. No turn may be running.
   */
  readonly compactThread: (threadId: ThreadId) => Effect.Effect<
    CompactResult,
    | StartError
    | ThreadNotFound
    | TurnInProgress
    | AgentError
    | CapabilityMissing
    | GateMissing
    | CompactionInProgress
    | CompactionRefused
    | HookReentrant
  >
  /** Copies the conversation into a new thread, on the same provider instance. No turn may be running. */
  readonly forkThread: (
    input: ForkThread
  ) => Effect.Effect<
    SessionInfo,
    | StartError
    | ThreadNotFound
    | ThreadExists
    | TurnInProgress
    | AgentError
    | CapabilityMissing
    | CompactionInProgress
    | HookReentrant
  >
  /** Stops the session and deletes all that is stored of the thread. The provider's own session is left alone. */
  readonly deleteThread: (
    threadId: ThreadId
  ) => Effect.Effect<void, ThreadNotFound | StoreFailed | EpochFenced | HookReentrant>
  /** Newest activity first; `before` is the last binding of the page before. */
  readonly listThreads: (page?: {
    readonly limit?: number | undefined
    readonly before?: Binding | undefined
  }) => Effect.Effect<ReadonlyArray<Binding>, StoreFailed>
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Binding, ThreadNotFound | StoreFailed>
  /** The archive, turn by turn, with that of the threads it was forked from. */
  readonly readTranscript: (
    threadId: ThreadId
  ) => Effect.Effect<ReadonlyArray<TranscriptTurn>, ThreadNotFound | StoreFailed>
  /**
   * Stored events after `after` (default 0: from the start), then live ones, in order and without a hole. Does not end
   * by itself.
   */
  readonly streamEvents: (input: {
    readonly threadId: ThreadId
    readonly after?: number | undefined
  }) => Stream.Stream<ThreadEvent, ThreadNotFound | StoreFailed>
}>()("effect-coding-agents/ProviderService") {}
