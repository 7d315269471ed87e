/**
 * Writing to a thread's log. Everything that is written under an epoch first moves the thread's last `seq`, on the
 * condition that the epoch is the live one and that the events follow the stored ones: one conditional update is both
 * the fence and the numbering.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Epoch, ThreadId } from "../../domain/Ids.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import type { Blob } from "../Blobs.ts"
import { EpochFenced } from "../StoreError.ts"
import { eventRow } from "./rows.ts"
import * as sqlBlobs from "./sqlBlobs.ts"

/** SQLite binds at most 32,766 values in a statement, PostgreSQL 65,535. */
const rowsPerInsert = 512

const insertRows = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<NumberedEvent>,
  position: number
): Effect.Effect<void, SqlError.SqlError> => {
  const [first, ...rest] = events
  if (first === undefined) return Effect.void
  if (events.length <= rowsPerInsert) {
    const before = position - rest.length
    const rows = [eventRow(first, before), ...rest.map((event, n) => eventRow(event, before + n + 1))] as const
    return Effect.asVoid(sql`INSERT INTO eca_events ${sql.insert(rows)}`)
  }
  return Effect.andThen(
    insertRows(sql, events.slice(0, rowsPerInsert), position - events.length + rowsPerInsert),
    Effect.suspend(() => insertRows(sql, events.slice(rowsPerInsert), position))
  )
}

/**
 * Inserts events that are already numbered, and the bytes that they name. The last one has this position, those before it
 * have the positions before. To be called inside of a transaction.
 */
export const insert = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<NumberedEvent>,
  position: number,
  blobs: ReadonlyArray<Blob> = []
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.andThen(insertRows(sql, events, position), sqlBlobs.record(sql, events, blobs))

/** Where something is written: fenced if it is not the thread's epoch, live or stopped as the writer expects. */
export interface Target {
  readonly threadId: ThreadId
  readonly epoch: Epoch
  readonly expect: "live" | "stopped"
}

/** A condition that a row does not meet: it was written under an epoch that is over. */
export const fencedUnless = ({ epoch, threadId }: Omit<Target, "expect">) => (rows: ReadonlyArray<unknown>) =>
  rows.length === 0 ? Effect.fail(new EpochFenced({ threadId, epoch })) : Effect.void

/** The events follow the stored ones. */
export const follows = (sql: SqlClient.SqlClient, events: ReadonlyArray<NumberedEvent>): Statement.Fragment => {
  const first = events[0]
  return first === undefined ? sql.literal("") : sql` AND eca_threads.last_seq = ${first.seq - 1}`
}

/** Appends events and sets further columns of the thread. To be called inside of a transaction. */
export const append = (
  sql: SqlClient.SqlClient,
  target: Target,
  events: ReadonlyArray<NumberedEvent>,
  blobs: ReadonlyArray<Blob>,
  position: number,
  set: Statement.Fragment
): Effect.Effect<void, SqlError.SqlError | EpochFenced> => {
  const status = target.expect === "live" ? sql.literal("status <> 'stopped'") : sql.literal("status = 'stopped'")
  return sql`UPDATE eca_threads SET last_seq = last_seq + ${events.length}, position = ${position}${set}
    WHERE thread_id = ${target.threadId} AND epoch = ${target.epoch} AND ${status}${follows(sql, events)}
    RETURNING thread_id`.pipe(
    Effect.flatMap(fencedUnless(target)),
    Effect.andThen(insert(sql, events, position, blobs))
  )
}
