/**
 * Deletes much, a little at a time: the event loop goes on in between, and the write-ahead log is copied back as it grows.
 */
import { Array as Arr, Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { BigIntColumn } from "./rows.ts"

/** What a batch may delete: rows, and bytes, unless one row alone has more. */
export const rows = 256
const bytes = 256 * 1024

/**
 * How many batches are written between two checkpoints. SQLite's own comes after 4 MB, which is too much at once; but each
 * waits for the disk twice, however little it copies.
 */
const perCheckpoint = 4

type Written<A> = Effect.Effect<A, SqlError.SqlError>

/** A row that may be deleted. */
export interface Sized {
  readonly id: BigIntColumn | string
  readonly bytes: BigIntColumn | null
}

const fitting = (found: ReadonlyArray<Sized>): ReadonlyArray<Sized["id"]> => {
  let sum = 0
  return Arr.takeWhile(found, (row, n) => {
    sum += Number(row.bytes ?? 0)
    return n === 0 || sum <= bytes
  }).map((row) => row.id)
}

/** Copies the write-ahead log into the database. False where another connection that reads the log keeps it from all. */
export const checkpoint = (sql: SqlClient.SqlClient, mode: "PASSIVE" | "TRUNCATE"): Written<boolean> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.map(
        sql<{ readonly busy: BigIntColumn }>`PRAGMA wal_checkpoint(${sql.literal(mode)})`,
        ([row]) => Number(row?.busy ?? 0) === 0
      ),
    orElse: () => Effect.succeed(true)
  })

/** To be called after the batch of this number: copies the write-ahead log back now and then, and lets others go on. */
export const goOn = (sql: SqlClient.SqlClient, batch: number): Written<void> =>
  batch % perCheckpoint === 0
    ? Effect.yieldNow.pipe(Effect.andThen(checkpoint(sql, "PASSIVE")), Effect.andThen(Effect.yieldNow))
    : Effect.yieldNow

/** Deletes one batch after the other, until none is left. */
export const run = (
  sql: SqlClient.SqlClient,
  next: Written<ReadonlyArray<Sized>>,
  remove: (ids: Arr.NonEmptyReadonlyArray<Sized["id"]>) => Written<unknown>
): Written<void> =>
  Effect.gen(function*() {
    for (let batch = 1;; batch++) {
      const ids = fitting(yield* next)
      if (!Arr.isReadonlyArrayNonEmpty(ids)) return
      yield* remove(ids)
      yield* goOn(sql, batch)
    }
  })
