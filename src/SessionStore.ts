/**
 * What survives everything: bindings, cursors, the turn ledger and the event log of all threads.
 *
 * Each operation is one transaction. Two of them per turn are flushed to the disk before they return (`recordIntent`
 * and `endTurn`); the others are committed but may be lost with the power (never with the process).
 *
 * A store has one owner: one living process. Opening it settles what a crashed owner left open: its turns end as
 * `TurnUnknown`, its approvals and questions as settled by `host-crash`, its sessions as `SessionEnded`.
 */
import { Context, type Effect, type Option, Schema } from "effect"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import type { RequestId } from "./Ids.ts"
import type { StoredCursor } from "./ResumeCursor.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import type { StoreFailed } from "./StoreError.ts"
import type { ThreadEvent } from "./ThreadEvent.ts"
import { ModelSelection, type TurnInput } from "./TurnInput.ts"

/** The durable record of one thread. Times are in milliseconds since the epoch. */
export const Binding = Schema.Struct({
  threadId: ThreadId,
  instanceId: InstanceId,
  provider: ProviderName,
  sessionId: SessionId,
  /** Real path that the session works in. */
  directory: Schema.String,
  runtimeMode: RuntimeMode,
  model: Schema.optionalKey(ModelSelection),
  title: Schema.optionalKey(Schema.String),
  status: Schema.Literals(["live", "stopped"]),
  epoch: Epoch,
  /** `seq` of the last stored event. */
  lastSeq: Schema.Int,
  createdAt: Schema.Finite,
  /** Start or end of the last turn, or of the epoch. */
  activeAt: Schema.Finite
})
export type Binding = typeof Binding.Type

export interface TurnRecord {
  readonly turnId: TurnId
  readonly threadId: ThreadId
  readonly epoch: Epoch
  /**
   * `intent` until the provider is known to have it, `accepted` until the terminal event; then how it ended. `refused`
   * turns never reached the provider and have no events.
   */
  readonly status: "intent" | "accepted" | "refused" | "completed" | "failed" | "interrupted" | "unknown"
  /** The id under which the provider's history has the turn, where the adapter could choose one. */
  readonly ref: string | undefined
  readonly input: TurnInput
  readonly intentAt: number
  readonly endedAt: number | undefined
}

/** The given turn id was used before. */
export class TurnExists extends Schema.TaggedError<TurnExists>()("TurnExists", { turnId: TurnId }) {
  readonly retryable = false
  override get message() {
    return `Turn ${this.turnId} was sent before`
  }
}

/** Somebody else has opened a later epoch of this thread: the write was not made. */
export class EpochFenced extends Schema.TaggedError<EpochFenced>()("EpochFenced", {
  threadId: ThreadId,
  epoch: Epoch
}) {
  readonly retryable = false
  override get message() {
    return `Epoch ${this.epoch} of thread ${this.threadId} is over`
  }
}

/** Appends are made under the epoch of their events; `seq`s follow the stored ones without a hole. */
export class SessionStore extends Context.Service<SessionStore, {
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Option.Option<Binding>, StoreFailed>
  /** Newest activity first. `before` is the last binding of the page before. */
  readonly listThreads: (page: {
    readonly limit: number
    readonly before?: { readonly activeAt: number; readonly threadId: ThreadId } | undefined
  }) => Effect.Effect<ReadonlyArray<Binding>, StoreFailed>
  /** Removes the thread with its cursors, turns and events. The only operation that removes a cursor. */
  readonly deleteThread: (threadId: ThreadId) => Effect.Effect<void, StoreFailed>

  /** The stored value as it is, even if it is not JSON (then the text itself). */
  readonly getCursor: (threadId: ThreadId, instanceId: InstanceId) => Effect.Effect<Option.Option<unknown>, StoreFailed>

  /** Writes the binding (status `live`), the cursor if there is one, and the events. */
  readonly openEpoch: (write: {
    readonly binding: Binding
    readonly cursor: Option.Option<StoredCursor>
    readonly dueAt: number
    readonly events: ReadonlyArray<ThreadEvent>
  }) => Effect.Effect<void, StoreFailed | EpochFenced>
  /** Sets the status to `stopped`, clears the due time, appends the events. */
  readonly closeEpoch: (write: {
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly at: number
    readonly events: ReadonlyArray<ThreadEvent>
  }) => Effect.Effect<void, StoreFailed | EpochFenced>

  /**
   * What opening the store does for every thread that a crashed owner left live, for one thread: ends its open turns as
   * unknown, settles its requests, appends `SessionEnded` and sets the status to `stopped`. For a thread that is live
   * here it must not be called; a stopped one is left as it is.
   */
  readonly settleThread: (threadId: ThreadId) => Effect.Effect<void, StoreFailed>

  /** Before anything is sent. Flushed to the disk. */
  readonly recordIntent: (turn: {
    readonly turnId: TurnId
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly ref: string | undefined
    readonly input: TurnInput
    readonly at: number
  }) => Effect.Effect<void, StoreFailed | TurnExists | EpochFenced>
  /** The provider has it: status `accepted`, no due time while the turn runs. */
  readonly acceptTurn: (write: {
    readonly turnId: TurnId
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly at: number
    readonly events: ReadonlyArray<ThreadEvent>
  }) => Effect.Effect<void, StoreFailed | EpochFenced>
  /** The provider proved not to have it. */
  readonly refuseTurn: (turnId: TurnId, at: number) => Effect.Effect<void, StoreFailed>
  /** Terminal status, the events up to and with the terminal one, the cursor if it changed. Flushed to the disk. */
  readonly endTurn: (write: {
    readonly turnId: TurnId
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly status: "completed" | "failed" | "interrupted" | "unknown"
    readonly at: number
    readonly dueAt: number
    readonly cursor: Option.Option<StoredCursor>
    readonly events: ReadonlyArray<ThreadEvent>
  }) => Effect.Effect<void, StoreFailed | EpochFenced>
  readonly getTurn: (turnId: TurnId) => Effect.Effect<Option.Option<TurnRecord>, StoreFailed>
  /** Turns that ended as unknown and were not reconciled with the provider's history yet, oldest first. */
  readonly unreconciledTurns: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TurnRecord>, StoreFailed>
  readonly reconcileTurn: (write: {
    readonly turnId: TurnId
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly events: ReadonlyArray<ThreadEvent>
  }) => Effect.Effect<void, StoreFailed | EpochFenced>

  /** Durable events in between, all of one thread and epoch. */
  readonly appendEvents: (
    events: readonly [ThreadEvent, ...ReadonlyArray<ThreadEvent>]
  ) => Effect.Effect<void, StoreFailed | EpochFenced>
  /** Stored events with a `seq` greater than `after`, in order. */
  readonly readEvents: (page: {
    readonly threadId: ThreadId
    readonly after: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed>
  /** Whether an approval or question of this thread was ever asked, and whether it is settled. */
  readonly requestStatus: (
    threadId: ThreadId,
    requestId: RequestId
  ) => Effect.Effect<"unknown" | "open" | "settled", StoreFailed>

  /** Live threads whose due time is not after `now`, earliest first: one index range, whatever else is stored. */
  readonly dueThreads: (query: {
    readonly now: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<{ readonly threadId: ThreadId; readonly epoch: Epoch }>, StoreFailed>
  /** Sets when the reaper shall look at a live thread again. Without effect once the epoch is over. */
  readonly setDue: (due: {
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly dueAt: number
  }) => Effect.Effect<void, StoreFailed>
}>()("effect-coding-agents/SessionStore") {}
