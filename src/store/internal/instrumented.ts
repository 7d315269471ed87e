/**
 * The writes of the store, told to the app's telemetry. Reads are not: they are many, and the operations that make them
 * have spans.
 */
import type { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { ThreadId } from "../../domain/Ids.ts"
import type { Instrumentation } from "../../domain/Instrumentation.ts"
import type * as sqlWrites from "./sqlWrites.ts"

type Writes = ReturnType<typeof sqlWrites.make>

export const make = (sql: SqlClient.SqlClient, instrumentation: Instrumentation | undefined, store: Writes): Writes => {
  if (instrumentation === undefined) return store
  // By their names in the conventions for databases.
  const database = sql.onDialectOrElse({
    sqlite: () => "sqlite",
    pg: () => "postgresql",
    orElse: () => "other_sql"
  })
  const told = <A, E, R>(operation: string, threadId: ThreadId | undefined, write: Effect.Effect<A, E, R>) =>
    instrumentation.around({ _tag: "StoreWrite", threadId, database, operation }, write)
  return {
    ...store,
    commit: (write) => told(write.name, write.threadId, store.commit(write)),
    createThread: (thread) => told("create a thread", thread.threadId, store.createThread(thread)),
    configureThread: (change) => told("configure a thread", change.threadId, store.configureThread(change)),
    deleteThread: (threadId) => told("delete a thread", threadId, store.deleteThread(threadId)),
    settleThread: (threadId) => told("settle a thread", threadId, store.settleThread(threadId)),
    recordIntent: (turn) => told("record a turn", turn.threadId, store.recordIntent(turn)),
    refuseTurn: (turnId, at) => told("refuse a turn", undefined, store.refuseTurn(turnId, at)),
    finishImport: (thread) => told("finish an import", thread.threadId, store.finishImport(thread)),
    maintain: told("maintain the store", undefined, store.maintain)
  }
}
