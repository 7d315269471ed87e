/**
 * What makes the file of a store small again: everything that is deleted leaves it, and its free pages go back to the
 * disk.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { statfs } from "node:fs/promises"
import { dirname } from "node:path"
import type { Maintained } from "../Maintained.ts"
import { StoreFailed } from "../StoreError.ts"
import * as erasure from "./erasure.ts"
import type { BigIntColumn } from "./rows.ts"
import { outsideTransaction } from "./run.ts"
import * as sqliteBackground from "./sqliteBackground.ts"

const operation = "maintain the store"
const failed = StoreFailed.of(operation)

const sizes = (sql: SqlClient.SqlClient) => {
  type Row = { readonly file: string; readonly total: BigIntColumn; readonly free: BigIntColumn }
  return Effect.map(
    sql<
      Row
    >`SELECT (SELECT file FROM pragma_database_list WHERE name = 'main') AS file, page_count * page_size AS total,
      freelist_count * page_size AS free FROM pragma_page_count, pragma_page_size, pragma_freelist_count`,
    ([row]) => ({ file: row?.file ?? "", total: Number(row?.total ?? 0), free: Number(row?.free ?? 0) })
  )
}

/** SQLite writes the new file beside the old one, and then once more into the write-ahead log. */
const enoughSpace = Effect.fnUntraced(function*(file: string, bytes: number) {
  if (file === "") return
  const disk = yield* Effect.tryPromise({
    try: () => statfs(dirname(file)),
    catch: (cause) => new StoreFailed({ operation, reason: "SpaceUnknown", cause })
  })
  const needed = 2 * bytes
  const free = disk.bavail * disk.bsize
  if (free < needed) {
    return yield* new StoreFailed({ operation, reason: "SpaceMissing", code: "SQLITE_FULL", cause: { needed, free } })
  }
})

const vacuum = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const before = yield* Effect.mapError(sizes(sql), failed)
  yield* enoughSpace(before.file, before.total - before.free)
  const rewrite = sqliteBackground.use(
    sql,
    (apart) =>
      Effect.andThen(sqliteBackground.alone(sql, apart, Effect.asVoid(apart`VACUUM`)), erasure.truncateLog(sql, apart))
  )
  const after = Effect.andThen(rewrite, sizes(sql))
  return { bytesBefore: before.total, bytesAfter: (yield* Effect.mapError(after, failed)).total }
})

/** A server has its own ways of maintenance: there, only what deleted threads have left is erased. */
export const make = (sql: SqlClient.SqlClient): Effect.Effect<Maintained, StoreFailed> => {
  const compact: Effect.Effect<Maintained, StoreFailed | SqlError.SqlError> = sql.onDialectOrElse({
    sqlite: () => vacuum(sql),
    orElse: () => Effect.succeed({ bytesBefore: undefined, bytesAfter: undefined })
  })
  return outsideTransaction(
    sql,
    operation,
    Effect.andThen(
      Effect.mapError(erasure.run(sql), failed),
      Effect.mapError(compact, (error) => error._tag === "SqlError" ? failed(error) : error)
    )
  )
}
