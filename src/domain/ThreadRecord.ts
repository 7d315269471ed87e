/**
 * The durable records of a thread: its binding to a provider instance, and the ledger of its turns.
 */
import { Schema } from "effect"
import { CompactionPolicy } from "./CompactionPolicy.ts"
import { Epoch, InstanceId, Position, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import { ModelSelection, TurnInput } from "./TurnInput.ts"

/**
 * What a thread is doing. It is live in every state but `stopped`.
 *
 * - `idle`: its session waits for the next turn.
 * - `running`: a turn is under way.
 * - `waiting`: the agent waits for an answer to an approval or a question.
 * - `compacting`: the agent replaces its context by a summary.
 * - `stopped`: there is no session. After a crash of its host every thread is stopped.
 */
export const ThreadStatus = Schema.Literals(["idle", "running", "waiting", "compacting", "stopped"])
export type ThreadStatus = typeof ThreadStatus.Type

/** The durable record of one thread. Times are in milliseconds since the epoch. */
export const Binding = Schema.Struct({
  threadId: ThreadId,
  instanceId: InstanceId,
  provider: ProviderName,
  /** Absent where the thread never had a session: it was made, and no agent was started for it yet. */
  sessionId: Schema.optionalKey(SessionId),
  /** Real path that the session works in. */
  directory: Schema.String,
  runtimeMode: RuntimeMode,
  model: Schema.optionalKey(ModelSelection),
  title: Schema.optionalKey(Schema.String),
  /** Where the thread's policy differs from the service's. */
  compaction: Schema.optionalKey(CompactionPolicy),
  status: ThreadStatus,
  /** 0 where no session was started yet. */
  epoch: Epoch,
  /** `seq` of the last stored event. */
  lastSeq: Schema.Int,
  /** Of the last commit that changed the thread. The store sets it; what a writer gives is not looked at. */
  position: Schema.optionalKey(Position),
  createdAt: Schema.Finite,
  /** Start or end of the last turn, or of the epoch. */
  activeAt: Schema.Finite
})
export type Binding = typeof Binding.Type

/** The record of a thread that has a session, or had one. */
export type BoundThread = Binding & { readonly sessionId: SessionId }

/** Whether the thread has a session, or had one. */
export const isBound = (binding: Binding): binding is BoundThread => binding.sessionId !== undefined

export const TurnRecord = Schema.Struct({
  turnId: TurnId,
  threadId: ThreadId,
  epoch: Epoch,
  /**
   * `intent` until the provider is known to have it, `accepted` until the terminal event; then how it ended. `refused`
   * turns never reached the provider and have no events.
   */
  status: Schema.Literals(["intent", "accepted", "refused", "completed", "failed", "interrupted", "unknown"]),
  /** The id under which the provider's history has the turn, where the adapter could choose one. */
  ref: Schema.UndefinedOr(Schema.String),
  input: TurnInput,
  intentAt: Schema.Finite,
  endedAt: Schema.UndefinedOr(Schema.Finite)
})
export type TurnRecord = typeof TurnRecord.Type
