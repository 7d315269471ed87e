/**
 * The durable records of a thread: its binding to a provider instance, and the ledger of its turns.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { CompactionPolicy } from "./CompactionPolicy.ts"
import { Epoch, InstanceId, Position, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { ProjectDecision } from "./ProjectConfig.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import { TurnCause } from "./TurnCause.ts"
import { ModelSelection, RecordedInput } from "./TurnInput.ts"

/**
 * What a thread is doing, as it is stored. It is live in every state but `stopped`. A start that is under way is not
 * stored before it has succeeded: only the service, which runs it, shows it (`starting` of `ThreadInfo`).
 *
 * - `idle`: its session waits for the next turn.
 * - `running`: a turn is under way.
 * - `waiting`: the agent waits for an answer to an approval or a question.
 * - `compacting`: the agent replaces its context by a summary.
 * - `stopped`: there is no session. After a crash of its host every thread is stopped.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ThreadStatus = Schema.Literals(["idle", "running", "waiting", "compacting", "stopped"])

/**
 * @since 0.1.0
 * @category models
 */
export type ThreadStatus = typeof ThreadStatus.Type

/**
 * The durable record of one thread. Times are in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Binding = Schema.Struct({
  threadId: ThreadId,
  instanceId: InstanceId,
  provider: ProviderName,
  /** Absent as long as no agent was started for the thread. */
  sessionId: Schema.optionalKey(SessionId),
  /** Real path that the session works in. */
  directory: Schema.String,
  runtimeMode: RuntimeMode,
  /** What holds of the directory's own configuration; decided anew at each start. */
  project: ProjectDecision,
  model: Schema.optionalKey(ModelSelection),
  /** The persona of turns that name none. */
  agent: Schema.optionalKey(Schema.String),
  title: Schema.optionalKey(Schema.String),
  /** Where the thread's policy differs from the service's. */
  compaction: Schema.optionalKey(CompactionPolicy),
  /** What the app finds the thread by. */
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** The app has put the thread away. It says nothing about its session, and the next turn does not change it. */
  archived: Schema.optionalKey(Schema.Literal(true)),
  status: ThreadStatus,
  /** 0 before the first session. */
  epoch: Epoch,
  /** `seq` of the last stored event. */
  lastSeq: Schema.Int,
  /** Of the last commit that changed the thread. The store sets it and ignores the writer's value. */
  position: Schema.optionalKey(Position),
  createdAt: Schema.Finite,
  /** Start or end of the last turn, or of the epoch. */
  activeAt: Schema.Finite
})

/**
 * @since 0.1.0
 * @category models
 */
export type Binding = typeof Binding.Type

/**
 * The record of a thread that has a session, or had one.
 *
 * @since 0.1.0
 * @category models
 */
export type BoundThread = Binding & { readonly sessionId: SessionId }

/**
 * Whether the thread has a session, or had one.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isBound = (binding: Binding): binding is BoundThread => binding.sessionId !== undefined

/**
 * The durable record of one turn. Times are in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnRecord = Schema.Struct({
  turnId: TurnId,
  threadId: ThreadId,
  epoch: Epoch,
  /**
   * `intent` until the provider is known to have the turn, `accepted` until its terminal event, then its outcome.
   * `refused` turns never reached the provider and have no events.
   */
  status: Schema.Literals(["intent", "accepted", "refused", "completed", "failed", "interrupted", "unknown"]),
  /** The turn's id in the provider's history, if the adapter could choose one. */
  ref: Schema.UndefinedOr(Schema.String),
  /** Absent for a turn that the agent began. */
  input: Schema.optionalKey(RecordedInput),
  /** Names the input as the caller gave it, where the caller chose the id. It goes with the input. */
  asked: Schema.optionalKey(Schema.String),
  /** Why the agent began it; absent for a turn that was sent. */
  cause: Schema.optionalKey(TurnCause),
  /** When it was recorded: before it was sent, or when the agent began it. */
  intentAt: Schema.Finite,
  endedAt: Schema.UndefinedOr(Schema.Finite)
})

/**
 * @since 0.1.0
 * @category models
 */
export type TurnRecord = typeof TurnRecord.Type
