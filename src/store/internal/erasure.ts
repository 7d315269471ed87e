/**
 * Takes what a deleted thread has said out of the database, so that it cannot be read in its files either.
 *
 * The thread is gone with one small transaction, which also records that there is something to erase. Its events and
 * turns follow in batches, between which the event loop goes on; what a crash leaves is erased at the next opening. On
 * SQLite the connection overwrites what it deletes (`secure_delete`), and the write-ahead log, which still has the old
 * pages, is truncated at the end.
 */
import { Array as Arr, Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { BigIntColumn } from "./rows.ts"

/** What a batch may delete: rows, and bytes of JSON, unless one row alone has more. */
export const batchRows = 256
const batchBytes = 256 * 1024

type Written<A> = Effect.Effect<A, SqlError.SqlError>

/** A row that may be deleted. */
export interface Sized {
  readonly id: BigIntColumn | string
  readonly bytes: BigIntColumn | null
}

const fitting = (rows: ReadonlyArray<Sized>): ReadonlyArray<Sized["id"]> => {
  let bytes = 0
  return Arr.takeWhile(rows, (row, n) => {
    bytes += Number(row.bytes ?? 0)
    return n === 0 || bytes <= batchBytes
  }).map((row) => row.id)
}

/** Copies the write-ahead log into the database. False where another connection that reads the log keeps it from all. */
const checkpoint = (sql: SqlClient.SqlClient, mode: "PASSIVE" | "TRUNCATE"): Written<boolean> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.map(
        sql<{ readonly busy: BigIntColumn }>`PRAGMA wal_checkpoint(${sql.literal(mode)})`,
        ([row]) => Number(row?.busy ?? 0) === 0
      ),
    orElse: () => Effect.succeed(true)
  })

/** As {@link checkpoint}; then the log is empty. */
export const truncateLog = (sql: SqlClient.SqlClient): Written<boolean> => checkpoint(sql, "TRUNCATE")

/** How many free pages go back to the disk at once. */
const batchPages = 64

/** Gives the free pages of the file back to the disk, some at a time, and empties the log. */
export const shrink = (sql: SqlClient.SqlClient): Written<boolean> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.gen(function*() {
        let left = Number.POSITIVE_INFINITY
        for (;;) {
          const [row] = yield* sql<
            { readonly free: BigIntColumn }
          >`SELECT freelist_count AS free FROM pragma_freelist_count`
          const free = Number(row?.free ?? 0)
          // A file of an earlier layout does not shrink before it is maintained.
          if (free === 0 || free >= left) return yield* truncateLog(sql)
          left = free
          yield* sql`PRAGMA incremental_vacuum(${sql.literal(String(batchPages))})`
          yield* checkpoint(sql, "PASSIVE")
          yield* Effect.yieldNow
        }
      }),
    orElse: () => Effect.succeed(true)
  })

/** Deletes one batch after the other, until none is left. */
export const inBatches = (
  sql: SqlClient.SqlClient,
  next: Written<ReadonlyArray<Sized>>,
  remove: (ids: Arr.NonEmptyReadonlyArray<Sized["id"]>) => Written<unknown>
): Written<void> =>
  Effect.gen(function*() {
    for (;;) {
      const ids = fitting(yield* next)
      if (!Arr.isReadonlyArrayNonEmpty(ids)) return
      yield* remove(ids)
      yield* Effect.yieldNow
      // SQLite's own checkpoint comes after 4 MB, which is too much at once.
      yield* checkpoint(sql, "PASSIVE")
      yield* Effect.yieldNow
    }
  })

/**
 * From the end of the log to its beginning: a reader that is still on its way sees the log end early, and never a hole.
 */
const eraseThread = (sql: SqlClient.SqlClient, threadId: string): Written<void> =>
  Effect.andThen(
    inBatches(
      sql,
      sql<Sized>`SELECT seq AS id, octet_length(body) AS bytes FROM eca_events WHERE thread_id = ${threadId}
        ORDER BY seq DESC LIMIT ${batchRows}`,
      (seqs) => sql`DELETE FROM eca_events WHERE thread_id = ${threadId} AND seq >= ${Arr.lastNonEmpty(seqs)}`
    ),
    inBatches(
      sql,
      sql<Sized>`SELECT turn_id AS id, octet_length(input) AS bytes FROM eca_turns WHERE thread_id = ${threadId}
        LIMIT ${batchRows}`,
      (turnIds) => sql`DELETE FROM eca_turns WHERE ${sql.in("turn_id", turnIds)}`
    )
  )

/** Erases whatever deleted threads have left. False if the log could not be truncated, and has to be later. */
export const run = (sql: SqlClient.SqlClient): Written<boolean> =>
  Effect.gen(function*() {
    const left = yield* sql<{ readonly thread_id: string }>`SELECT thread_id FROM eca_erasures`
    if (left.length === 0) return true
    for (const row of left) yield* eraseThread(sql, row.thread_id)
    if (!(yield* shrink(sql))) return false
    for (const row of left) yield* sql`DELETE FROM eca_erasures WHERE thread_id = ${row.thread_id}`
    return true
  })
