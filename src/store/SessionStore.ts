/**
 * What survives everything: bindings, cursors, the turn ledger and the event log of all threads.
 *
 * Each operation is one transaction. Two of them per turn are flushed to the disk before they return (`recordIntent`
 * and `endTurn`); the others are committed but may be lost with the power (never with the process).
 *
 * A store has one owner: one living process. Opening it settles what a crashed owner left open: its turns end as
 * `TurnUnknown`, its approvals and questions as settled by `host-crash`, its sessions as `SessionEnded`.
 */
import { Context, Effect, Layer, type Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Epoch, InstanceId, RequestId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { Binding, TurnRecord } from "../domain/ThreadRecord.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { AgentProcesses } from "../process/AgentProcesses.ts"
import type { StoredCursor } from "../provider/ResumeCursor.ts"
import { HookOutbox } from "./HookOutbox.ts"
import * as MemoryHookOutbox from "./internal/memoryHookOutbox.ts"
import * as MemorySessionStore from "./internal/memorySessionStore.ts"
import * as SqlSessionStore from "./internal/sqlSessionStore.ts"
import { makeMemory as makeSnapshotIndex, SnapshotIndex } from "./SnapshotIndex.ts"
import * as SqliteClient from "./SqliteClient.ts"
import type { EpochFenced, StoreFailed, StoreOpenError, TurnExists } from "./StoreError.ts"

export { Binding, type TurnRecord } from "../domain/ThreadRecord.ts"
export { EpochFenced, TurnExists } from "./StoreError.ts"

/**
 * Appends are made under the epoch of their events; `seq`s follow the stored ones without a hole. A write fails with
 * `EpochFenced`, and changes nothing, if the epoch is not the thread's live one, if its events do not follow the stored
 * ones, or if its turn is not in the state that it is to leave.
 */
export class SessionStore extends Context.Service<SessionStore, {
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Option.Option<Binding>, StoreFailed>
  /** Newest activity first. `before` is the last binding of the page before. */
  readonly listThreads: (page: {
    readonly limit: number
    readonly before?: { readonly activeAt: number; readonly threadId: ThreadId } | undefined
  }) => Effect.Effect<ReadonlyArray<Binding>, StoreFailed>
  /** Removes the thread with its cursors, turns and events. Only this, and a reset, removes a cursor. */
  readonly deleteThread: (threadId: ThreadId) => Effect.Effect<void, StoreFailed>

  /** The stored value as it is, even if it is not JSON (then the text itself). */
  readonly getCursor: (threadId: ThreadId, instanceId: InstanceId) => Effect.Effect<Option.Option<unknown>, StoreFailed>

  /**
   * Writes the binding (status `live`), the cursor if there is one, and the events. `ends`: closes the thread's live epoch
   * in the same transaction, with its last events, which come before. `resets`: the conversation begins anew, so the
   * cursors that would find it again are removed.
   */
  readonly openEpoch: (write: {
    readonly binding: Binding
    readonly cursor: Option.Option<StoredCursor>
    readonly resets?: boolean | undefined
    readonly dueAt: number
    readonly ends?: { readonly epoch: Epoch; readonly events: ReadonlyArray<ThreadEvent> } | undefined
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
   * here it must not be called. Of a stopped one it ends only turns that have no terminal event; if there is none, it
   * is left as it is.
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
  /** The ids under which the provider's history has the thread's turns, where they were chosen by us. */
  readonly turnRefs: (threadId: ThreadId) => Effect.Effect<ReadonlyMap<TurnId, string>, StoreFailed>
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
  /** What is known of a stopped thread only now: appended under its last epoch. */
  readonly annotateThread: (
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
}>()("effect-coding-agents/SessionStore") {
  /** On any database that effect/sql speaks to, SQLite and PostgreSQL above all. */
  static readonly layer: Layer.Layer<Stores, StoreOpenError, SqlClient.SqlClient> = make()

  /** On one SQLite file. */
  static readonly layerSqlite = (
    options: SqliteClient.Options
  ): Layer.Layer<Stores, StoreOpenError> =>
    // A layer is built once wherever it is used: two files need two of them.
    make().pipe(Layer.provide(SqliteClient.layer(options)))

  /** In memory: nothing survives the layer, and agent processes are not recorded. */
  static readonly layerMemory: Layer.Layer<Stores> = Layer.mergeAll(
    Layer.effectContext(Effect.sync(() => {
      const outbox = MemoryHookOutbox.make()
      return Context.make(SessionStore, MemorySessionStore.make(outbox.record)).pipe(
        Context.add(HookOutbox, outbox.service)
      )
    })),
    Layer.sync(SnapshotIndex, () => SnapshotIndex.of(makeSnapshotIndex())),
    AgentProcesses.layerNoop
  )
}

/** All that is kept in one place: the session store itself and what belongs to it. */
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
