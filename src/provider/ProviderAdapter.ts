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
 * - A turn counts as accepted once the agent has confirmed it. An agent that confirms nothing before the end of a turn (ACP)
 *   has accepted it once it is written: what is lost after that ends with the session.
 * - `events` ends when the session is lost and only then. The service settles what was open.
 * - `SessionMissing` is only for what the provider's structure proves (a status, an error name, a second probing call).
 * - A session started or resumed enforces the runtime mode, or the start fails with `PolicyUnenforceable`.
 * - Before each compaction an adapter that declares `compactionGate: "blocking"` asks the gate it was given, and waits.
 * - Closing the scope stops the session and everything that it alone needed.
 *
 * @since 0.1.0
 */
import type { Effect, FileSystem, Option, Path, Scope, Stream } from "effect"
import type { AgentSessionPage } from "../domain/AgentSession.ts"
import type { InstanceId, ProviderName, RequestId, SessionId, TaskId, TurnId } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { ModelSelection, TurnInput } from "../domain/TurnInput.ts"
import type { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import type {
  AgentError,
  AgentStartError,
  AttachmentRefused,
  CapabilityMissing,
  DeliveryUncertain,
  GateMissing,
  ModelUnavailable,
  RequestGone,
  SessionMissing,
  TurnNotInSession,
  TurnRefused
} from "./AdapterError.ts"
import type { AgentCheck } from "./AgentCheck.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { NativeCopy } from "./NativeCopy.ts"
import type { Offers, OffersInput } from "./Offers.ts"
import type { ProviderHistory, TurnEvidence } from "./ProviderHistory.ts"
import type { StoredCursor } from "./ResumeCursor.ts"
import type { SignInFailed, SignInStep } from "./SignIn.ts"
import type { StartInput, StartSessionError } from "./StartInput.ts"

export type { Capabilities, CompactionGate } from "./Capabilities.ts"
export type { HistoryMessage, ProviderHistory, TurnEvidence } from "./ProviderHistory.ts"
export type { CompactionVerdict, StartFrom, StartInput, StartSessionError } from "./StartInput.ts"

/**
 * What can go wrong when a turn is handed over. Each but `DeliveryUncertain` proves that the agent does not have it. After
 * `SessionMissing` the session is of no use: the service starts it again, as its policy says, and sends the turn there.
 *
 * @category models
 * @since 0.1.0
 */
export type SendTurnError =
  | AgentError
  | TurnRefused
  | DeliveryUncertain
  | SessionMissing
  | AttachmentRefused
  | ModelUnavailable
  | GateMissing

/**
 * A turn as the service hands it to a session.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderTurn {
  readonly turnId: TurnId
  /** What `turnRef` answered for this turn; recorded before the turn is sent. */
  readonly ref: string | undefined
  readonly input: TurnInput
}

/**
 * A turn as a session finds it again: by the id that `turnRef` gave it, or by our own where the agent knows that.
 *
 * @category models
 * @since 0.1.0
 */
export interface TurnPlace {
  readonly turnId: TurnId
  readonly ref: string | undefined
}

/**
 * How an agent's process ended: by itself with an exit code, or by a signal (`SIGKILL`), and the last words of its log,
 * without secrets. What is not known is absent.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessExit {
  readonly exitCode?: number
  readonly signal?: string
  readonly stderr?: string
}

/**
 * A live session. Its Scope is the one `startSession` was given; closing it stops the session.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderSession {
  readonly sessionId: SessionId
  /** Real path of the directory that the session works in. Never a path that it was merely asked to work in. */
  readonly directory: string
  /** Of the agent's program, as it says it. */
  readonly agentVersion?: string | undefined
  /** How the provider's own session began: new, resumed where it was, or resumed and moved from another directory. */
  readonly origin:
    | { readonly _tag: "New" }
    | { readonly _tag: "Resumed" }
    | { readonly _tag: "Moved"; readonly from: string }
  /** The cursor, once the provider can really resume from it. The service asks after the start and after every turn. */
  readonly cursor: Effect.Effect<Option.Option<StoredCursor>>
  /** Everything that happens, in order. Ends when the session is lost, and only then. Read once, by the service. */
  readonly events: Stream.Stream<ProviderEvent>
  /**
   * How the agent's process ended. Asked once `events` has ended; answers within a second or so. `undefined` if the
   * process is not the adapter's own, or still runs.
   */
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /**
   * The id under which the provider's history will have the next turn, if the client may choose it. Recorded before the
   * turn is sent, so that an uncertain delivery can be settled after a crash.
   */
  readonly turnRef: (turnId: TurnId) => Effect.Effect<string | undefined>
  /** Fails where the agent proves not to offer the model; it is asked before a model is kept for the turns to come. */
  readonly checkModel: (model: ModelSelection) => Effect.Effect<void, AgentError | ModelUnavailable>
  /** Tells the agent the thread's title, which the app has changed. Where the agent has no titles it does nothing. */
  readonly rename: (title: string) => Effect.Effect<void, AgentError>
  /**
   * Holds the session to another of its runtime modes from its next tool on, also while a turn runs; requests that are open
   * stay open. False, and nothing has changed, where that takes a restart. It never grants trust: what the session has
   * taken of its directory's configuration stays as it was.
   */
  readonly switchMode: (runtimeMode: RuntimeMode) => Effect.Effect<boolean, AgentError>
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
  readonly answerElicitation: (
    requestId: RequestId,
    answer: ElicitationAnswer
  ) => Effect.Effect<void, AgentError | RequestGone>
  /** What this session can do: never more than the adapter declares, and less where its agent's version or setup is. */
  readonly capabilities: Capabilities
  /** Asks for a compaction and answers once it has begun; its end follows in `events`. */
  readonly compact: Effect.Effect<void, AgentError | CapabilityMissing | GateMissing>
  /**
   * Copies the conversation into a new session of the provider and answers that session's cursor. With `at`, the copy ends
   * with that turn (`forkAt`). The service never calls it while a turn runs.
   */
  readonly fork: (at?: TurnPlace) => Effect.Effect<StoredCursor, AgentError | CapabilityMissing | TurnNotInSession>
  /**
   * Takes the conversation back to before the turn, for good. Either all of it is taken back, or a second call can go on
   * with what a failed one has begun. What happens to files is declared. The service never calls it while a turn runs.
   */
  readonly rewind: (before: TurnPlace) => Effect.Effect<void, AgentError | CapabilityMissing | TurnNotInSession>
  /**
   * A copy of the session for another home: of all of it, or of what came after the checkpoint `since`. Where the session
   * does not have that checkpoint any more (it was rewound, say), the copy holds all of it and has no `since`. The service
   * never calls it while a turn runs.
   */
  readonly exportSession: (since?: string) => Effect.Effect<NativeCopy, AgentError | CapabilityMissing>
  readonly history: Effect.Effect<ProviderHistory, AgentError | CapabilityMissing>
  readonly evidence: (turn: TurnPlace) => Effect.Effect<TurnEvidence, AgentError | CapabilityMissing>
  /** Asks the agent to end a task that it has told of; `TaskEnded` follows in `events`. */
  readonly stopTask: (taskId: TaskId) => Effect.Effect<void, AgentError | CapabilityMissing>
}

/**
 * Which of the agent's sessions are asked for: at most `limit`, those of one directory, those after a page's `next`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SessionQuery {
  /** Absolute path. */
  readonly directory?: string | undefined
  readonly limit: number
  readonly after?: string | undefined
}

/**
 * What can go wrong when the agent's sessions are listed.
 *
 * @category models
 * @since 0.1.0
 */
export type ListSessionsError = AgentStartError | CapabilityMissing

/**
 * The files of the machine that an agent works on.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentFiles {
  /** No other machine has this name. */
  readonly name: Effect.Effect<string>
  readonly fileSystem: FileSystem.FileSystem
  readonly path: Path.Path
}

/**
 * One configured agent. Its Layer registers it with the `ProviderRegistry`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProviderAdapter {
  readonly provider: ProviderName
  readonly instanceId: InstanceId
  readonly capabilities: Capabilities
  /** What the app set for all sessions of this instance that are not told otherwise. */
  readonly projectConfig?: ProjectConfig | undefined
  /**
   * The machine that it works on, as far as the service itself looks there: at the directories of its threads. Default: the
   * service's own. What the adapter does there it does by the services of its own Layer (`AgentHost.layer`); one that
   * `Adapter.make` has made has its host from the same.
   */
  readonly host?: AgentFiles | undefined
  readonly startSession: (input: StartInput) => Effect.Effect<ProviderSession, StartSessionError, Scope.Scope>
  /**
   * Sessions that the agent has and that this library did not make, subagents' left out, newest first. Absent where
   * `adopt` is not among the capabilities. Nothing of a directory runs for it.
   */
  readonly listSessions?: ((query: SessionQuery) => Effect.Effect<AgentSessionPage, ListSessionsError>) | undefined
  /**
   * What the agent offers in a directory, asked anew each time; the service caches it. Absent: the agent takes words and
   * nothing else, and the service refuses commands, skills and plans before they are sent. Where it is there, the session
   * runs each offered command, natively and never as words, and takes each offered skill, mode and option; the service
   * has held them against the offers before.
   */
  readonly offers?: ((input: OffersInput) => Effect.Effect<Offers, AgentStartError>) | undefined
  /**
   * Signs in by one of the methods that `check` lists. Ends after `SignedIn`; a reader that goes away earlier ends the
   * attempt. Absent where the agent has no way that needs no secret of the app's.
   */
  readonly signIn?: ((method: string) => Stream.Stream<SignInStep, SignInFailed | AgentStartError>) | undefined
  /** Whether the agent can be used. Absent where the adapter has no way to tell. */
  readonly check?: Effect.Effect<AgentCheck> | undefined
}
