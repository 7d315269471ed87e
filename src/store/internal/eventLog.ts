/**
 * Writing to a thread's log. Everything that is written under an epoch first moves the thread's last `seq`, on the
 * condition that the epoch is the live one and that the events follow the stored ones: one conditional update is both
 * the fence and the numbering. What is written is recorded for hooks in the same transaction.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Epoch, ThreadId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import { EpochFenced } from "../StoreError.ts"
import { eventRow } from "./rows.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"

/** SQLite binds at most 32,766 values in a statement, PostgreSQL 65,535. */
const rowsPerInsert = 512

const insertRows = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<ThreadEvent>
): Effect.Effect<void, SqlError.SqlError> => {
  const [first, ...rest] = events
  if (first === undefined) return Effect.void
  if (events.length <= rowsPerInsert) {
    return Effect.asVoid(sql`INSERT INTO eca_events ${sql.insert([eventRow(first), ...rest.map(eventRow)])}`)
  }
  return Effect.andThen(
    insertRows(sql, events.slice(0, rowsPerInsert)),
    Effect.suspend(() => insertRows(sql, events.slice(rowsPerInsert)))
  )
}

/** Inserts events that are already numbered. To be called inside of a transaction. */
export const insert = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<ThreadEvent>
): Effect.Effect<void, SqlError.SqlError, StoreOutbox.StoreOutbox> =>
  Effect.andThen(
    insertRows(sql, events),
    StoreOutbox.StoreOutbox.use((outbox) => StoreOutbox.record(sql, outbox, events))
  )

/** Where something is written: fenced if it is not the thread's live epoch. */
export interface Place {
  readonly threadId: ThreadId
  readonly epoch: Epoch
}

/** Appends events and sets further columns of the thread. To be called inside of a transaction. */
export const append = (
  sql: SqlClient.SqlClient,
  { epoch, threadId }: Place,
  events: ReadonlyArray<ThreadEvent>,
  set: Statement.Fragment = sql.literal(""),
  status: "live" | "stopped" = "live"
): Effect.Effect<void, SqlError.SqlError | EpochFenced, StoreOutbox.StoreOutbox> => {
  const first = events[0]
  const follows = first === undefined ? sql.literal("") : sql` AND last_seq = ${first.seq - 1}`
  const fence = sql`UPDATE eca_threads SET last_seq = last_seq + ${events.length}${set}
    WHERE thread_id = ${threadId} AND epoch = ${epoch} AND status = ${status}${follows} RETURNING thread_id`
  return Effect.flatMap(
    fence,
    (rows): Effect.Effect<void, SqlError.SqlError | EpochFenced, StoreOutbox.StoreOutbox> =>
      rows.length === 0
        ? Effect.fail(new EpochFenced({ threadId, epoch }))
        : insert(sql, events)
  )
}
