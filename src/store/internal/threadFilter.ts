/**
 * The conditions of a {@link ThreadFilter} on rows of `eca_threads`.
 */
import type { SqlClient, Statement } from "effect/sql"
import type { ThreadFilter } from "../ThreadPage.ts"
import * as sqlLabels from "./sqlLabels.ts"

export const conditions = (
  sql: SqlClient.SqlClient,
  { archived, directory, instanceId, labels = {}, status }: ThreadFilter
): ReadonlyArray<Statement.Fragment> => {
  const among = (column: string, values: ReadonlyArray<string>) =>
    values.length === 0 ? sql.literal("1 = 0") : sql.in(column, values)
  return [
    ...(archived === undefined ? [] : [sql`archived = ${archived ? 1 : 0}`]),
    ...sqlLabels.having(sql, labels),
    ...(instanceId === undefined ? [] : [sql`instance_id = ${instanceId}`]),
    ...(directory === undefined ? [] : [sql`directory = ${directory}`]),
    ...(status === undefined ? [] : [
      sql.or([
        among("thread_id", status.fitting),
        sql`${among("status", status.stored)} AND NOT (${among("thread_id", status.known)})`
      ])
    ])
  ]
}
