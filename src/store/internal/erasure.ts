/**
 * Takes what a deleted thread has said out of the database, so that it cannot be read in its files either.
 *
 * The thread is gone with one small transaction, which also records that there is something to erase. Its events and
 * turns follow in batches, between which others write; what a crash leaves is erased at the next opening. On
 * SQLite the connection overwrites what it deletes (`secure_delete`), and the write-ahead log, which still has the old
 * pages, is truncated at the end. All that waits for the disk does so on a thread of its own
 * ({@link ./sqliteBackground.ts}), where the client has one.
 */
import { Array as Arr, Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as batches from "./batches.ts"
import type { BigIntColumn } from "./rows.ts"
import * as sqlBlobs from "./sqlBlobs.ts"
import * as sqliteBackground from "./sqliteBackground.ts"

type Written<A> = Effect.Effect<A, SqlError.SqlError>

/**
 * Copies the write-ahead log into the database, and empties it, for which it needs both to itself. False where another
 * process still reads it.
 */
export const truncateLog = (sql: SqlClient.SqlClient, apart: SqlClient.SqlClient): Written<boolean> =>
  batches.checkpoint(apart, "PASSIVE").pipe(
    Effect.andThen(sqliteBackground.alone(sql, apart, batches.checkpoint(apart, "TRUNCATE")))
  )

/** How many free pages go back to the disk at once. */
const batchPages = 64

/** Gives the free pages of the file back to the disk, some at a time, and empties the log. */
export const shrink = (sql: SqlClient.SqlClient, apart: SqlClient.SqlClient): Written<boolean> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.gen(function*() {
        let left = Number.POSITIVE_INFINITY
        for (let batch = 1;; batch++) {
          const [row] = yield* apart<
            { readonly free: BigIntColumn }
          >`SELECT freelist_count AS free FROM pragma_freelist_count`
          const free = Number(row?.free ?? 0)
          // A file of an earlier layout does not shrink before it is maintained.
          if (free === 0 || free >= left) return yield* truncateLog(sql, apart)
          left = free
          yield* apart`PRAGMA incremental_vacuum(${sql.literal(String(batchPages))})`
          yield* batches.goOn(apart, batch)
        }
      }),
    orElse: () => Effect.succeed(true)
  })

/**
 * Erases what is left of a deleted thread, at once. To be called in the transaction that writes the first row of another
 * thread of its id, which is never erased for it.
 */
export const finish = (sql: SqlClient.SqlClient, threadId: string): Written<void> =>
  Effect.flatMap(
    sql`UPDATE eca_erasures SET erased = 1 WHERE thread_id = ${threadId} AND erased = 0 RETURNING thread_id`,
    (left) =>
      left.length === 0 ? Effect.void : Effect.all([
        ...["eca_events", "eca_inputs", "eca_turns"].map((table) =>
          sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId}`
        ),
        sqlBlobs.release(sql, threadId, Number.MAX_SAFE_INTEGER)
      ], { discard: true })
  )

/**
 * From the end of the log to its beginning: a reader that is still on its way sees the log end early, and never a hole. It
 * ends where another connection makes a thread of the same id meanwhile.
 */
const eraseThread = (sql: SqlClient.SqlClient, threadId: string): Written<void> => {
  const left = sql`thread_id = ${threadId}
    AND EXISTS (SELECT 1 FROM eca_erasures WHERE thread_id = ${threadId} AND erased = 0)`
  return Effect.all([
    batches.run(
      sql,
      sql<batches.Sized>`SELECT seq AS id, octet_length(body) AS bytes FROM eca_events WHERE ${left}
        ORDER BY seq DESC LIMIT ${batches.rows}`,
      (seqs) => sql`DELETE FROM eca_events WHERE ${left} AND seq >= ${Arr.lastNonEmpty(seqs)}`
    ),
    batches.run(
      sql,
      sql<batches.Sized>`SELECT turn_id AS id, octet_length(body) AS bytes FROM eca_inputs WHERE ${left}
        LIMIT ${batches.rows}`,
      (turnIds) => sql`DELETE FROM eca_inputs WHERE ${left} AND ${sql.in("turn_id", turnIds)}`
    ),
    batches.run(
      sql,
      sql<batches.Sized>`SELECT turn_id AS id, 0 AS bytes FROM eca_turns WHERE ${left} LIMIT ${batches.rows}`,
      (turnIds) => sql`DELETE FROM eca_turns WHERE ${left} AND ${sql.in("turn_id", turnIds)}`
    ),
    sql.withTransaction(finish(sql, threadId))
  ], { discard: true })
}

/** Erases whatever deleted threads have left. False if the log could not be truncated, and has to be later. */
export const run = (sql: SqlClient.SqlClient): Written<boolean> =>
  Effect.gen(function*() {
    const left = yield* sql<{ readonly thread_id: string }>`SELECT thread_id FROM eca_erasures`
    return left.length === 0 || (yield* sqliteBackground.use(sql, (apart) => eraseAll(sql, apart, left)))
  })

const eraseAll = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  apart: SqlClient.SqlClient,
  left: ReadonlyArray<{ readonly thread_id: string }>
) {
  for (const row of left) yield* eraseThread(apart, row.thread_id)
  yield* sqlBlobs.sweep(apart)
  if (!(yield* shrink(sql, apart))) return false
  for (const row of left) yield* apart`DELETE FROM eca_erasures WHERE thread_id = ${row.thread_id} AND erased = 1`
  return true
})
