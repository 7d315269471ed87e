/**
 * A thread that is imported in batches: its events are written first, under its id, and its row last. Until then the id is
 * in `eca_imports`; what is still there when the store is opened was never finished, and is deleted as a thread is.
 */
import { Clock, Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Epoch, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import type { ImportBatch, ImportedThread } from "../Commit.ts"
import * as erasure from "./erasure.ts"
import * as eventLog from "./eventLog.ts"
import type { Positions } from "./positions.ts"
import { type BigIntColumn, bindingRow, toNumber, toPosition, turnSubject } from "./rows.ts"
import { read, write } from "./run.ts"
import * as sqlLabels from "./sqlLabels.ts"

/** Deletes the thread and leaves a tombstone; its events are erased later. Inside of a transaction. */
export const remove = Effect.fnUntraced(
  function*(sql: SqlClient.SqlClient, positions: Positions, threadId: string) {
    const position = yield* positions.next
    const [thread] = yield* sql<
      { readonly epoch: BigIntColumn; readonly last_seq: BigIntColumn }
    >`SELECT epoch, last_seq
      FROM eca_threads WHERE thread_id = ${threadId}`
    for (const table of ["eca_cursors", "eca_threads", "eca_labels", "eca_pruned", "eca_imports"]) {
      yield* sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId}`
    }
    const row = {
      position,
      thread_id: threadId,
      epoch: toNumber(thread?.epoch),
      last_seq: toNumber(thread?.last_seq),
      at: yield* Clock.currentTimeMillis
    }
    yield* sql`INSERT INTO eca_tombstones ${sql.insert(row)}`
    yield* sql`INSERT INTO eca_erasures ${sql.insert({ thread_id: threadId, erased: 0 })} ON CONFLICT (thread_id)
      DO UPDATE SET erased = 0`
    return toPosition(position)
  }
)

/** Deletes what a crash has left of imports. */
export const removeUnfinished = (
  sql: SqlClient.SqlClient,
  positions: Positions
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(
    sql<{ readonly thread_id: string }>`SELECT thread_id FROM eca_imports`,
    Effect.forEach(({ thread_id }) => sql.withTransaction(remove(sql, positions, thread_id)), { discard: true })
  )

export const make = (sql: SqlClient.SqlClient, positions: Positions) => ({
  beginImport: (threadId: ThreadId) =>
    write(
      sql,
      "begin an import",
      "relaxed",
      sql.withTransaction(Effect.gen(function*() {
        const begun = yield* sql`INSERT INTO eca_imports (thread_id) SELECT CAST(${threadId} AS TEXT)
          WHERE NOT EXISTS (SELECT 1 FROM eca_threads WHERE thread_id = ${threadId})
          ON CONFLICT (thread_id) DO NOTHING RETURNING thread_id`
        if (begun.length === 0) return false
        yield* erasure.finish(sql, threadId)
        return true
      }))
    ),

  importedTurns: (threadId: ThreadId, turnIds: ReadonlyArray<TurnId>) =>
    read(
      "read imported turns",
      Effect.map(
        sql<{ readonly subject_id: string }>`SELECT subject_id FROM eca_events WHERE thread_id = ${threadId}
          AND ${sql.in("subject_id", turnIds.map(turnSubject))}`,
        (rows): ReadonlySet<TurnId> => {
          const found = new Set(rows.map((row) => row.subject_id))
          return new Set(turnIds.filter((turnId) => found.has(turnSubject(turnId))))
        }
      )
    ),

  importEvents: ({ blobs, events }: ImportBatch) =>
    write(
      sql,
      "import turns",
      "relaxed",
      sql.withTransaction(
        Effect.flatMap(positions.take(events.length), (position) => eventLog.insert(sql, events, position, blobs))
      )
    ),

  finishImport: ({ lastSeq, sessionId, ...thread }: ImportedThread) =>
    write(
      sql,
      "finish an import",
      "flushed",
      sql.withTransaction(Effect.gen(function*() {
        const position = yield* positions.next
        const binding = { ...thread, status: "stopped" as const, epoch: Epoch.make(0), lastSeq }
        const row = bindingRow(sessionId === undefined ? binding : { ...binding, sessionId }, {
          lastSeq,
          position,
          dueAt: null
        })
        yield* sql`INSERT INTO eca_threads ${sql.insert({ ...row })}`
        yield* sqlLabels.index(sql, thread.threadId, thread.labels ?? {})
        yield* sql`DELETE FROM eca_imports WHERE thread_id = ${thread.threadId}`
        return toPosition(position)
      }))
    )
})
