/**
 * The one order over all threads: each commit takes the next position.
 *
 * SQLite has one writer, which owns the store, so the counter is in memory and costs no statement. Elsewhere it is a row
 * that each transaction updates, which also puts the transactions in the order of their positions.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { BigIntColumn } from "./rows.ts"

export interface Positions {
  /** Takes the next position. Must be called inside of the transaction that it belongs to. */
  readonly next: Effect.Effect<number, SqlError.SqlError>
}

/**
 * A power cut may take back relaxed commits whose positions readers have seen. Each opening begins this far behind the
 * last position that it finds, so none of them is given to something else.
 */
const block = 2 ** 20

/** Begins a block of positions that no earlier opening of the store has used; answers the one before its first. */
const openBlock = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  type Row = { readonly last: BigIntColumn | null }
  const found = [
    ...(yield* sql<Row>`SELECT value AS last FROM eca_positions WHERE id = 1`),
    ...(yield* sql<Row>`SELECT MAX(position) AS last FROM eca_events`),
    ...(yield* sql<Row>`SELECT MAX(position) AS last FROM eca_tombstones`)
  ]
  const last = Math.max(...found.map((row) => Number(row.last ?? 0)))
  const before = last === 0 ? 0 : last + block
  // Commits without events leave no trace in the log, so where this block begins is kept too.
  yield* sql`UPDATE eca_positions SET value = ${before + 1} WHERE id = 1`
  return before
})

const counter = (before: number): Positions => {
  let position = before
  return { next: Effect.sync(() => ++position) }
}

/** Of an open store that has no other writer. */
export const open = (sql: SqlClient.SqlClient): Effect.Effect<Positions, SqlError.SqlError> =>
  sql.onDialectOrElse({
    sqlite: () => Effect.map(sql.withTransaction(openBlock(sql)), counter),
    orElse: () =>
      Effect.succeed<Positions>({
        next: Effect.map(
          sql<
            { readonly value: BigIntColumn }
          >`UPDATE eca_positions SET value = value + 1 WHERE id = 1 RETURNING value`,
          ([row]) => Number(row?.value)
        )
      })
  })
