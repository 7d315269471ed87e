/**
 * The labels of threads: in the thread's row as they are read, and one row each as they are looked for.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Labels } from "../../domain/AppData.ts"
import type { ThreadId } from "../../domain/Ids.ts"

/** Makes these the labels of the thread, whose row is there. To be called inside of a transaction. */
export const index = (
  sql: SqlClient.SqlClient,
  threadId: ThreadId,
  labels: Labels
): Effect.Effect<void, SqlError.SqlError> => {
  const rows = Object.entries(labels).map(([name, value]) => ({ thread_id: threadId, name, value }))
  const [first, ...rest] = rows
  const insert = first === undefined
    ? Effect.void
    : Effect.asVoid(sql`INSERT INTO eca_labels ${sql.insert([first, ...rest])}`)
  return Effect.andThen(sql`DELETE FROM eca_labels WHERE thread_id = ${threadId}`, insert)
}

/** The conditions that a thread's row meets if the thread has all of these labels. */
export const having = (sql: SqlClient.SqlClient, labels: Labels): ReadonlyArray<Statement.Fragment> =>
  Object.entries(labels).map(([name, value]) =>
    sql`thread_id IN (SELECT thread_id FROM eca_labels WHERE name = ${name} AND value = ${value})`
  )
