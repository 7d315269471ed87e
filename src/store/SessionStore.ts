/**
 * What survives everything: bindings, cursors, the turn ledger and the event log of all threads.
 *
 * Each operation is one transaction. What is flushed reaches the disk before it returns; the rest is committed, and may
 * be lost with the power but never with the process. A turn is flushed twice: its intent and its end.
 *
 * A store has one owner: one living process. Opening it settles what a crashed owner left open: items are completed as
 * cut, approvals and questions are settled by `host-crash`, turns end as `TurnUnknown`, sessions as `SessionEnded`.
 *
 * **Gotchas**
 *
 * A write never joins a transaction that the caller has open on the same `SqlClient`, in which it would be neither
 * flushed nor kept: it fails with `StoreFailed`, reason `NestedTransaction`. Reads may be part of one.
 *
 * Reading is total, row by row. A thread or a turn that cannot be read fails on its own, or is reported beside the
 * others; an event that cannot be read comes as `Unrecognized`.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, type Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Epoch, InstanceId, ItemId, Position, RequestId, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { ThreadActivity } from "../domain/ThreadActivity.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { Binding, TurnRecord } from "../domain/ThreadRecord.ts"
import type { Spent } from "../domain/Usage.ts"
import { AgentProcesses } from "../process/AgentProcesses.ts"
import type { Commit, ImportBatch, ImportedThread, Intent, NewThread, ThreadChange } from "./Commit.ts"
import type { FeedPage, FeedQuery } from "./Feed.ts"
import type { HeldTurn } from "./HeldTurn.ts"
import { HookOutbox } from "./HookOutbox.ts"
import * as SqlSessionStore from "./internal/sqlSessionStore.ts"
import type { LogLimits, Pruning, Settled } from "./LogRetention.ts"
import type { Maintained } from "./Maintained.ts"
import type { ProjectionStep } from "./ProjectionStep.ts"
import { SnapshotIndex } from "./SnapshotIndex.ts"
import * as SqliteClient from "./SqliteClient.ts"
import type {
  EpochFenced,
  PageInvalid,
  StoreFailed,
  StoreOpenError,
  ThreadUnreadable,
  TurnExists,
  TurnUnreadable
} from "./StoreError.ts"
import type { ThreadFilter, ThreadPage } from "./ThreadPage.ts"
import type { TurnStart } from "./TurnStart.ts"

export { Binding, type TurnRecord } from "../domain/ThreadRecord.ts"
export type { Commit, ImportBatch, ImportedThread, Intent, NewThread, Part, ThreadChange } from "./Commit.ts"
export type { FeedPage, FeedQuery } from "./Feed.ts"
export type { LogLimits, Pruning, Settled } from "./LogRetention.ts"
export type { Maintained } from "./Maintained.ts"
export type { ProjectionStep } from "./ProjectionStep.ts"
export { EpochFenced, TurnExists } from "./StoreError.ts"
export type { ThreadFilter, ThreadPage, UnreadableThread } from "./ThreadPage.ts"
export type { ThreadWhere } from "./ThreadWhere.ts"
export type { TurnStart } from "./TurnStart.ts"

/**
 * What is left of a deleted thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tombstone {
  readonly position: Position
  /** Milliseconds since the epoch. */
  readonly at: number
}

/**
 * @category services
 * @since 0.1.0
 */
export class SessionStore extends Context.Service<SessionStore, {
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Option.Option<Binding>, StoreFailed | ThreadUnreadable>
  /**
   * Newest activity first. `limit` is a whole number from 1 to 1000; `after` is the `next` of the page before, which was
   * asked for with the same `where`. Rows that cannot be read are reported beside the others.
   */
  readonly listThreads: (query: {
    readonly limit: number
    readonly after?: string | undefined
    readonly where?: ThreadFilter | undefined
  }) => Effect.Effect<ThreadPage, StoreFailed | PageInvalid>
  /** What these threads are doing beside their records. Every one of them is in the answer. */
  readonly activity: (
    threadIds: ReadonlyArray<ThreadId>
  ) => Effect.Effect<ReadonlyMap<ThreadId, ThreadActivity>, StoreFailed>
  /**
   * Removes the thread with its cursors, turns and events, and leaves a tombstone; answers its position. Only this, and a
   * reset, removes a cursor.
   *
   * What was said in it is overwritten in the file, in batches between which other work goes on, and its write-ahead log
   * is truncated. Where that fails, or another process reads the log, the thread is deleted all the same, and the rest is
   * done by the next deletion, `maintain` or opening. What hooks still have to be told stays until it is delivered.
   */
  readonly deleteThread: (threadId: ThreadId) => Effect.Effect<Position, StoreFailed>
  /**
   * Erases what deletions have left, and gives the file's free space back to the disk. On SQLite the file is written anew
   * (`VACUUM`), for which all else that is asked of the store waits, and which needs twice the size of what is stored on the disk:
   * fails with `StoreFailed`, reason `SpaceMissing`, and does not begin, if it is not there.
   */
  readonly maintain: Effect.Effect<Maintained, StoreFailed>
  /**
   * The last event of the thread's log that may be removed so that no more is left than these limits allow; nothing if none
   * may be. Turns that are open, or still to be compared with the agent's history, stay with all that follows, the latter
   * until `settledBefore`; so does
   * what the live epoch has left open, and the last event.
   */
  readonly prunable: (threadId: ThreadId, limits: LogLimits) => Effect.Effect<Option.Option<number>, StoreFailed>
  /**
   * Removes the beginning of a thread's log, in batches between which other work goes on, and gives the space back to the
   * disk. The ids of its turns stay taken; what was said in them is gone, and so is what was remembered of delivered
   * hooks. What hooks still have to be told stays. False, and nothing is done, if some of it has to stay.
   */
  readonly prune: (pruning: Pruning & Settled) => Effect.Effect<boolean, StoreFailed>
  /** What was removed of the thread's log. */
  readonly pruned: (threadId: ThreadId) => Effect.Effect<Option.Option<Pruning>, StoreFailed>
  /** When the thread of this id was last deleted, if it ever was. It stays where the id is used again. */
  readonly tombstone: (threadId: ThreadId) => Effect.Effect<Option.Option<Tombstone>, StoreFailed>
  /**
   * Makes a thread that no agent was started for: epoch 0, stopped, no session. Answers its position, or nothing if there
   * is a thread of this id. Flushed to the disk.
   */
  readonly createThread: (thread: NewThread) => Effect.Effect<Option.Option<Position>, StoreFailed>

  /**
   * Begins the import of a thread, which is seen by no reader of threads before `finishImport`. False if there is a thread
   * of this id. It ends with `finishImport` or `deleteThread`; one that neither has ended is deleted by the next opening.
   */
  readonly beginImport: (threadId: ThreadId) => Effect.Effect<boolean, StoreFailed>
  /** Which of these turns the thread has by now. */
  readonly importedTurns: (
    threadId: ThreadId,
    turnIds: ReadonlyArray<TurnId>
  ) => Effect.Effect<ReadonlySet<TurnId>, StoreFailed>
  readonly importEvents: (batch: ImportBatch) => Effect.Effect<void, StoreFailed>
  /** As `createThread`, with the events that were imported. Answers its position. */
  readonly finishImport: (thread: ImportedThread) => Effect.Effect<Position, StoreFailed>

  /**
   * Changes a thread's record; answers its position, or nothing if there is no such thread, or none whose live epoch is
   * the one that the change is for. Flushed to the disk.
   */
  readonly configureThread: (change: ThreadChange) => Effect.Effect<Option.Option<Position>, StoreFailed>

  /** Which of these sessions of the instance are those of threads, or such as they can return to, and of which. */
  readonly boundSessions: (
    instanceId: InstanceId,
    sessionIds: ReadonlyArray<SessionId>
  ) => Effect.Effect<ReadonlyMap<SessionId, ThreadId>, StoreFailed>

  /** The stored value as it is, even if it is not JSON (then the text itself). */
  readonly getCursor: (threadId: ThreadId, instanceId: InstanceId) => Effect.Effect<Option.Option<unknown>, StoreFailed>

  /**
   * Writes what happened in a thread; answers the position of the last event. A write is fenced, and changes
   * nothing, if an epoch is not what its part expects, if events do not follow the stored ones, or if a turn is not in
   * the state that an event moves it from.
   */
  readonly commit: (write: Commit) => Effect.Effect<Position, StoreFailed | EpochFenced>

  /**
   * Does for one thread what opening the store does for every thread that a crashed owner left live: closes what its
   * epoch has left open, appends `SessionEnded` and sets the status to `stopped`. It must not be called for a thread that
   * is live in this process. Of a stopped thread it only ends turns that have no terminal event.
   */
  readonly settleThread: (threadId: ThreadId) => Effect.Effect<void, StoreFailed>

  /** Records a turn before it is sent; one of the same thread that was refused may be sent again. Flushed to the disk. */
  readonly recordIntent: (turn: Intent) => Effect.Effect<void, StoreFailed | TurnExists | EpochFenced>
  /** Records that the provider proved not to have the turn. */
  readonly refuseTurn: (turnId: TurnId, at: number) => Effect.Effect<void, StoreFailed>
  readonly getTurn: (turnId: TurnId) => Effect.Effect<Option.Option<TurnRecord>, StoreFailed | TurnUnreadable>
  /** What the thread's turns have used together, as far as their agents have told. */
  readonly spent: (threadId: ThreadId) => Effect.Effect<Spent, StoreFailed>
  /** The ids under which the provider's history has the thread's turns, where the adapter chose them. */
  readonly turnRefs: (threadId: ThreadId) => Effect.Effect<ReadonlyMap<TurnId, string>, StoreFailed>
  /**
   * Turns of the thread that are in the log, newest first: those that were completed in this session, and those that ran in
   * others. Default of `limit`: all of them.
   */
  readonly heldTurns: (query: {
    readonly threadId: ThreadId
    readonly sessionId: SessionId
    readonly limit?: number | undefined
  }) => Effect.Effect<ReadonlyArray<HeldTurn>, StoreFailed>
  /**
   * Turns that have to be compared with the provider's history, oldest first: those whose outcome is unknown, whose
   * session was lost, or one of whose items was cut, and that were not reconciled yet. Only the session that a turn ran
   * in knows of it: there are none once another one has taken its place. Those that cannot be read are left out.
   */
  readonly unreconciledTurns: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TurnRecord>, StoreFailed>

  /** Stored events with a `seq` greater than `after`, in order. Of a deleted thread there are none. */
  readonly readEvents: (page: {
    readonly threadId: ThreadId
    readonly after: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed>
  /**
   * What happened in all threads, in one order: every event by its position, `ThreadDeleted` where a thread was deleted, and
   * one `Gap` in place of events that were pruned. A page never passes a commit that is still in flight.
   */
  readonly readFeed: (query: FeedQuery) => Effect.Effect<FeedPage, StoreFailed | PageInvalid>
  /** Waits until the feed may go on after this position. */
  readonly feedChanged: (after: Position) => Effect.Effect<void>
  /** How far the projection of this name has come; none before its first step. */
  readonly projected: (name: string) => Effect.Effect<Option.Option<Position>, StoreFailed>
  /** Takes one step of a projection. False, and nothing is kept of it, if another process has taken it. */
  readonly project: <E, R>(step: ProjectionStep<E, R>) => Effect.Effect<boolean, E | StoreFailed, R>
  /** Where turns begin in the thread's log, read from one end of this part of it: after `after`, before `before`. */
  readonly turnStarts: (page: {
    readonly threadId: ThreadId
    readonly after: number
    readonly before: number | undefined
    readonly from: "start" | "end"
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<TurnStart>, StoreFailed>
  /** Where this turn begins in the thread's log. */
  readonly turnStart: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<Option.Option<TurnStart>, StoreFailed>
  /**
   * What was told after the event `after` of turns that may have ended before: input that joined them, items that were
   * recovered or cut, the ends of detached items, and what the app recorded of them. In order.
   */
  readonly lateEvents: (query: {
    readonly threadId: ThreadId
    readonly after: number
    readonly turnIds: ReadonlyArray<TurnId>
    readonly itemIds: ReadonlyArray<ItemId>
  }) => Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed>
  /** What the app recorded of the thread and of no turn: after the event `after`, before the event `before`. In order. */
  readonly annotations: (query: {
    readonly threadId: ThreadId
    readonly after: number
    readonly before: number | undefined
  }) => Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed>
  /** The bytes of this hash that an event of the thread names; nothing if none does, though another thread may have them. */
  readonly readBlob: (threadId: ThreadId, sha256: string) => Effect.Effect<Option.Option<Uint8Array>, StoreFailed>
  /** The `ThreadRewound` of a thread after the event `after`, in order. */
  readonly rewinds: (threadId: ThreadId, after: number) => Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed>
  /** Where the thread's log ends, if there is such a thread; known even where its record cannot be read. */
  readonly endOfLog: (threadId: ThreadId) => Effect.Effect<
    Option.Option<{ readonly lastSeq: number; readonly epoch: Epoch; readonly position: Position }>,
    StoreFailed
  >
  /** Whether an approval, question or elicitation of this thread was ever asked, and whether it is settled. */
  readonly requestStatus: (
    threadId: ThreadId,
    requestId: RequestId
  ) => Effect.Effect<"unknown" | "open" | "settled", StoreFailed>

  /** Live threads whose due time is not after `now`, earliest first: one index range, whatever else is stored. */
  readonly dueThreads: (query: {
    readonly now: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<{ readonly threadId: ThreadId; readonly epoch: Epoch }>, StoreFailed>
  /** Sets when the reaper looks at a live thread again. Without effect once the epoch is over. */
  readonly setDue: (due: {
    readonly threadId: ThreadId
    readonly epoch: Epoch
    readonly dueAt: number
  }) => Effect.Effect<void, StoreFailed>
}>()("effect-coding-agents/SessionStore") {
  /** On any database that effect/sql speaks to. Tested: SQLite, and PostgreSQL 15 through `@effect/sql-pg`. */
  static readonly layer: Layer.Layer<Stores, StoreOpenError, SqlClient.SqlClient> = make()

  /** On one SQLite file. */
  static readonly layerSqlite = (
    options: SqliteClient.Options
  ): Layer.Layer<Stores, StoreOpenError> =>
    // A layer is built once wherever it is used: two files need two of them.
    make().pipe(Layer.provide(SqliteClient.layer(options)))

  /** In memory, by the same code: nothing survives the layer. */
  static readonly layerMemory: Layer.Layer<Stores> = Layer.orDie(
    make().pipe(Layer.provide(SqliteClient.layer({ filename: ":memory:" })))
  )
}

/**
 * All that is kept in one place: the session store itself and what belongs to it.
 *
 * @category models
 * @since 0.1.0
 */
export type Stores = SessionStore | AgentProcesses | HookOutbox | SnapshotIndex

function make(): Layer.Layer<Stores, StoreOpenError, SqlClient.SqlClient> {
  return Layer.effectContext(
    Effect.map(
      SqlSessionStore.make,
      ({ outbox, processes, snapshots, store }) =>
        Context.make(SessionStore, store).pipe(
          Context.add(AgentProcesses, processes),
          Context.add(HookOutbox, outbox),
          Context.add(SnapshotIndex, snapshots)
        )
    )
  )
}
