/**
 * The one order over all threads: each event has the next position, and so has each commit without events.
 *
 * SQLite has one writer, which owns the store, so the counter is in memory and costs no statement. Elsewhere it is a row
 * that each transaction updates, which also puts the transactions in the order of their positions.
 */
import { Effect, Latch } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { BigIntColumn } from "./rows.ts"

export interface Positions {
  /** Takes the next so many positions, at least one, and answers the last. Inside of the transaction that they belong to. */
  readonly take: (count: number) => Effect.Effect<number, SqlError.SqlError>
  /** Takes one. */
  readonly next: Effect.Effect<number, SqlError.SqlError>
  /**
   * The last position that was taken. Of what is read after it, nothing up to it is still to come: its transactions are
   * committed, or never will be.
   */
  readonly last: Effect.Effect<number, SqlError.SqlError>
  /** Waits until a position after this one may be there. */
  readonly changed: (after: number) => Effect.Effect<void>
}

/**
 * A power cut may take back relaxed commits whose positions readers have seen. Each opening begins this far behind the
 * last position that it finds, so none of them is given to something else.
 */
const block = 2 ** 24

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

/**
 * Statements on the one connection wait for the transaction that is open on it. So a reader that is told of a position when
 * it is taken, and asks then, reads what was committed under it.
 */
const counter = (before: number): Positions => {
  let position = before
  const taken = Latch.makeUnsafe(false)
  const take = (count: number) =>
    Effect.sync(() => {
      position += Math.max(1, count)
      taken.openUnsafe()
      return position
    })
  return {
    take,
    next: take(1),
    last: Effect.sync(() => position),
    changed: (after) =>
      Effect.suspend(() => {
        if (position > after) return Effect.void
        taken.closeUnsafe()
        return taken.await
      })
  }
}

/** Other processes write too, and say so to no one: how often a reader that waits looks. */
const lookEvery = "200 millis"

/**
 * The row is locked from the update to the end of the transaction, so transactions commit in the order of their positions:
 * what a reader finds in the row has nothing in flight below it.
 */
const row = (sql: SqlClient.SqlClient): Positions => {
  type Row = { readonly value: BigIntColumn }
  const valueOf = (rows: ReadonlyArray<Row>) => Number(rows[0]?.value)
  const last = Effect.map(sql<Row>`SELECT value FROM eca_positions WHERE id = 1`, valueOf)
  const take = (count: number) =>
    Effect.map(
      sql<Row>`UPDATE eca_positions SET value = value + ${
        sql.literal(String(Math.max(1, count)))
      } WHERE id = 1 RETURNING value`,
      valueOf
    )
  return {
    take,
    next: take(1),
    last,
    // A reader asks again whatever it finds; a database that does not answer is its next question's failure.
    changed: () => Effect.sleep(lookEvery)
  }
}

/**
 * Waits for the commits that are in flight, and keeps others waiting until this transaction ends. It is its first statement:
 * who has rows of other tables and waits for this one would wait for a commit that waits for these rows.
 */
export const hold = (sql: SqlClient.SqlClient): Effect.Effect<unknown, SqlError.SqlError> =>
  sql.onDialectOrElse({
    // A transaction has the database for itself.
    sqlite: () => Effect.void,
    orElse: () => sql`UPDATE eca_positions SET value = value WHERE id = 1`
  })

/** Of an open store that has no other writer. */
export const open = (sql: SqlClient.SqlClient): Effect.Effect<Positions, SqlError.SqlError> =>
  sql.onDialectOrElse({
    sqlite: () => Effect.map(sql.withTransaction(openBlock(sql)), counter),
    orElse: () => Effect.sync(() => row(sql))
  })
