/**
 * The test's side of the mock: scripts and faults in, observations out.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { InstanceId, RequestId, SessionId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import type {
  ApprovalDecision,
  ApprovalRequest,
  ElicitationRequest,
  QuestionRequest
} from "../../domain/UserRequest.ts"
import type { Offers } from "../../provider/Offers.ts"
import type {
  ProcessExit,
  ProviderTurn,
  SendTurnError,
  StartInput,
  StartSessionError
} from "../../provider/ProviderAdapter.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { Message, MockAgentDisk, Outcome, ReceivedAnswer, ReceivedTurn, SummaryRequest } from "../MockAgentDisk.ts"
import type { MockScript } from "../MockScript.ts"
import type { ReapOptions } from "./reapIdle.ts"

/**
 * A session as the agent has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockSession {
  readonly sessionId: SessionId
  readonly threadId: ThreadId
  readonly title: string | undefined
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model: ModelSelection | undefined
  /** The model's context, as the next prompt would find it. */
  readonly history: ReadonlyArray<Message>
  readonly turns: ReadonlyArray<{ readonly turnId: TurnId; readonly outcome: Outcome }>
  readonly live: boolean
  /** The compaction under way: `held` until the gate has answered, then `running` until the summary is there. */
  readonly compaction: "held" | "running" | undefined
  /** How often it was opened while an earlier handle of it was still live. */
  readonly overlaps: number
}

/**
 * An open request. The app may not have read of it yet.
 *
 * @category models
 * @since 0.1.0
 */
export type MockRequest =
  | {
    readonly _tag: "Approval"
    readonly sessionId: SessionId
    /** Absent if no turn waits for it. */
    readonly turnId: TurnId | undefined
    readonly request: ApprovalRequest
  }
  | {
    readonly _tag: "Question"
    readonly sessionId: SessionId
    readonly turnId: TurnId | undefined
    readonly request: QuestionRequest
  }
  | {
    readonly _tag: "Elicitation"
    readonly sessionId: SessionId
    readonly turnId: TurnId | undefined
    readonly request: ElicitationRequest
  }

/**
 * What a test can do to the mock, and ask of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockControls {
  readonly instanceId: InstanceId
  readonly disk: MockAgentDisk

  /** Replaces the script for all turns to come. */
  readonly script: (script: MockScript) => Effect.Effect<void>
  /** Answers one turn; several are used up in their order before the script is asked again. */
  readonly nextTurn: (script: MockScript) => Effect.Effect<void>

  /** The agent offers something else from now on, and every live session says so. */
  readonly changeOffers: (offers: Partial<Offers>) => Effect.Effect<void>

  readonly failNextStart: (error: StartSessionError) => Effect.Effect<void>
  /** The next start waits for `effect` before anything is created. */
  readonly slowStart: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
  /**
   * The next `sendTurn` fails. With `delivered` the agent has the turn all the same and works on it, which is what
   * `DeliveryUncertain` is about; without, it never saw it.
   */
  readonly failNextSend: (
    error: SendTurnError | ((turn: ProviderTurn) => SendTurnError),
    options?: { readonly delivered?: boolean | undefined }
  ) => Effect.Effect<void>
  /** The next `sendTurn` answers only after `effect`, while the agent works on the turn already. */
  readonly slowSend: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
  /** Every request fails with `AgentUnreachable` (`ECONNREFUSED`, or the given code). Live sessions work on. */
  readonly unreachable: (on: boolean | string) => Effect.Effect<void>
  /**
   * While on, the gate has not loaded in the agent: sessions that were given a gate refuse `sendTurn`, `steerTurn` and
   * `compact` with `GateMissing`. A turn that runs already would compact without asking.
   */
  readonly loseGate: (on: boolean) => Effect.Effect<void>
  /** The agent goes on with the compaction that it asks the gate about, as one does whose hook program was killed. */
  readonly passGate: (sessionId: SessionId) => Effect.Effect<void>
  /** While on, the agent has not written the last message of the session: its history lacks it, and says so. */
  readonly historyBehind: (sessionId: SessionId, on: boolean) => Effect.Effect<void>
  /** Removes the session from the agent's disk. A live handle finds out when it is next used. */
  readonly loseSession: (sessionId: SessionId) => Effect.Effect<void>
  /**
   * Takes the last turns of the session from the agent's disk, as where it was restored from a backup. False, and all
   * stays, where a compaction has taken one of them in.
   */
  readonly loseTurns: (sessionId: SessionId, turns: number) => Effect.Effect<boolean>
  /**
   * A session that the agent's own program made, and no thread of ours: its model has `words` in its context. It is
   * listed and can be adopted.
   */
  readonly makeSession: (made: { readonly directory: string; readonly words: string }) => Effect.Effect<SessionId>
  /**
   * The process of a live session, or of all, dies: `events` ends without a terminal event. `exit` is what the session
   * then answers to `exit`. Default: nothing is known.
   */
  readonly crash: (sessionId?: SessionId, exit?: ProcessExit) => Effect.Effect<void>
  /** As `kill -9` of host and agents at once: nothing more is emitted or written, and no stream ends. */
  readonly killHost: Effect.Effect<void>
  /** While on, closing a session's scope does not return; `false` lets all those go. */
  readonly hangStop: (on: boolean) => Effect.Effect<void>
  /** While on, `events` of sessions that stop stays open, for `emit` with `stopped`. */
  readonly keepTalking: (on: boolean) => Effect.Effect<void>
  /**
   * Late or foreign frames, exactly as given: from the session's newest live handle, or from the one that was told to
   * stop last (`hangStop`, `keepTalking`). Does nothing where there is none.
   */
  readonly emit: (
    sessionId: SessionId,
    events: ReadonlyArray<ProviderEvent>,
    from?: "live" | "stopped"
  ) => Effect.Effect<void>
  /** A live session begins a task beside its turns, or ends all that it has. */
  readonly backgroundWork: (sessionId: SessionId, on: boolean) => Effect.Effect<void>
  /**
   * A live session begins a turn of its own, answered by `script`, whose prompt is empty. Answers its id, or nothing
   * where a turn runs or there is no such session.
   */
  readonly beginTurn: (
    sessionId: SessionId,
    cause: TurnCause,
    script?: MockScript
  ) => Effect.Effect<TurnId | undefined>
  /** A live session asks for an approval that is of no turn, as a subagent in the background does: its task, if it has one. */
  readonly askBeside: (
    sessionId: SessionId,
    about: Pick<ApprovalRequest, "kind" | "subject" | "taskId">
  ) => Effect.Effect<RequestId | undefined>
  /**
   * Moves the `TestClock` to the sweep in which the reaper stops the thread's session, and no further, then waits until
   * it is stopped: until each hook of its `session:end` was called, whatever real I/O it does. (In one adjustment past
   * that sweep the clock would go on while a hook waits for its I/O, and the hook's `timeout` would pass in a moment.)
   * Answers whether it was reaped: a busy, pinned, exempt or stopped session is not. `options` are the service's own
   * settings of its reaper; without them its defaults, 30 minutes and 1 minute.
   */
  readonly reapIdle: (
    threadId: ThreadId,
    options?: ReapOptions
  ) => Effect.Effect<boolean, Effect.Error<ReturnType<ProviderService["Service"]["getThread"]>>, ProviderService>
  /** Answers an open approval as if in the agent's own interface. `false` if it is not open. */
  readonly settleElsewhere: (requestId: RequestId, decision: ApprovalDecision) => Effect.Effect<boolean>

  /** Every session on the agent's disk, oldest first. */
  readonly sessions: Effect.Effect<ReadonlyArray<MockSession>>
  /** Every call of `startSession`, failed ones included. */
  readonly starts: Effect.Effect<ReadonlyArray<StartInput>>
  /** Every input that reached the agent, in order: a turn id twice in here was delivered twice. */
  readonly received: Effect.Effect<ReadonlyArray<ReceivedTurn>>
  readonly answers: Effect.Effect<ReadonlyArray<ReceivedAnswer>>
  /** Every summary that the model was asked for: none of a compaction that is held, or was vetoed. */
  readonly summaries: Effect.Effect<ReadonlyArray<SummaryRequest>>
  /** Requests that wait for an answer. */
  readonly pending: Effect.Effect<ReadonlyArray<MockRequest>>

  /** The first received input that fits, now or later. */
  readonly awaitTurn: (
    predicate?: (turn: ReceivedTurn) => boolean
  ) => Effect.Effect<ReceivedTurn>
  /** The first session that fits, now or later: live, stopped, with a turn that ended, ... */
  readonly awaitSession: (predicate: (session: MockSession) => boolean) => Effect.Effect<MockSession>
  /** The first open request that fits, now or later. */
  readonly awaitRequest: (predicate?: (request: MockRequest) => boolean) => Effect.Effect<MockRequest>
  /** The first summary asked for that fits, now or later. */
  readonly awaitSummary: (
    predicate?: (request: SummaryRequest) => boolean
  ) => Effect.Effect<SummaryRequest>
  /** Waits until `startSession` was called `count` times. */
  readonly awaitStarts: (count: number) => Effect.Effect<void>
}
