/**
 * Rows of the event log as readers ask for them, hundreds at a time. They are fetched as arrays: an object of `node:sqlite`
 * for each row takes twice the time (docs/performance.md).
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { EventRow } from "./rows.ts"

/** Of `eca_events e`: what an {@link EventRow} has. */
export const columns = "e.thread_id, e.seq, e.epoch, e.turn_id, e.type, e.at, e.position, e.version, e.body"

const toRow = (
  [thread_id, seq, epoch, turn_id, type, at, position, version, body]: ReadonlyArray<unknown>
): EventRow => ({ thread_id: String(thread_id), seq, epoch, turn_id, type, at, position, version, body: String(body) })

/** `which`: all that follows the columns: the condition, the order and the limit. */
export const select = (
  sql: SqlClient.SqlClient,
  which: Statement.Fragment
): Effect.Effect<ReadonlyArray<EventRow>, SqlError.SqlError> =>
  Effect.map(
    sql`SELECT ${sql.literal(columns)} FROM eca_events e ${which}`.values,
    (rows) => rows.map(toRow)
  )
