/**
 * Takes what was recorded as pruned out of the log, in batches, as a deleted thread is erased.
 */
import { Array as Arr, Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import * as batches from "./batches.ts"
import * as erasure from "./erasure.ts"
import { beginsTurn, type BigIntColumn, toNumber } from "./rows.ts"
import * as sqlBlobs from "./sqlBlobs.ts"
import * as sqliteBackground from "./sqliteBackground.ts"

type Written<A = void> = Effect.Effect<A, SqlError.SqlError>

/** What was said in these turns goes, and there is nothing to compare any more; their ids stay. */
export const narrowTurns = (
  sql: SqlClient.SqlClient,
  threadId: string,
  which: Statement.Fragment
): Written<unknown> => {
  const where = sql`thread_id = ${threadId} AND ${which}`
  return Effect.andThen(
    sql`DELETE FROM eca_inputs WHERE thread_id = ${threadId}
      AND turn_id IN (SELECT turn_id FROM eca_turns WHERE ${where})`,
    sql`UPDATE eca_turns SET ref = NULL, reconcile = 0 WHERE ${where}`
  )
}

/** Of events up to this one: the rows of their turns become narrow, and what hooks were told of them is forgotten. */
const narrow = (sql: SqlClient.SqlClient, threadId: string, through: number): Written<unknown> =>
  Effect.andThen(
    narrowTurns(
      sql,
      threadId,
      sql`turn_id IN (SELECT turn_id FROM eca_events
        WHERE thread_id = ${threadId} AND seq <= ${through} AND ${sql.literal(beginsTurn)})`
    ),
    sql`DELETE FROM eca_hook_events WHERE thread_id = ${threadId} AND seq <= ${through}
      AND NOT EXISTS (SELECT 1 FROM eca_hook_deliveries d WHERE d.event_id = eca_hook_events.event_id)`
  )

const removeEvents = (sql: SqlClient.SqlClient, threadId: string, through: number): Written =>
  batches.run(
    sql,
    sql<batches.Sized>`SELECT seq AS id, octet_length(body) AS bytes FROM eca_events
      WHERE thread_id = ${threadId} AND seq <= ${through} ORDER BY seq LIMIT ${batches.rows}`,
    (seqs) => {
      const last = toNumber(Arr.lastNonEmpty(seqs))
      return sql.withTransaction(
        Effect.all([
          narrow(sql, threadId, last),
          sql`DELETE FROM eca_events WHERE thread_id = ${threadId} AND seq <= ${last}`,
          sqlBlobs.release(sql, threadId, last)
        ], { discard: true })
      )
    }
  )

interface PrunedRow {
  readonly thread_id: string
  readonly through: BigIntColumn
}

const removeAll = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  apart: SqlClient.SqlClient,
  left: ReadonlyArray<PrunedRow>
) {
  for (const row of left) {
    const through = toNumber(row.through)
    yield* removeEvents(apart, row.thread_id, through)
    yield* sqlBlobs.sweep(apart)
    yield* apart`UPDATE eca_pruned SET removed = 1 WHERE thread_id = ${row.thread_id} AND through = ${through}`
  }
  yield* erasure.shrink(sql, apart)
})

/** Removes whatever was recorded as pruned and is still there. */
export const run = (sql: SqlClient.SqlClient): Written =>
  Effect.gen(function*() {
    const left = yield* sql<PrunedRow>`SELECT thread_id, through FROM eca_pruned WHERE removed = 0`
    if (left.length > 0) yield* sqliteBackground.use(sql, (apart) => removeAll(sql, apart, left))
  })
