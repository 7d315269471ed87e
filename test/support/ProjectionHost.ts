/**
 * A host process for tests: a thread's events and a projection of them into a table, in the store's own file
 * (`shared`) or in one beside it (`apart`). With a number as third argument it is killed by `kill -9` once so many batches
 * have written their rows, before their position is kept; else it says when the projection has come to the end.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseSync } from "node:sqlite"
import type { Projected } from "../../src/hooks/index.ts"
import { CodingAgents, LifecycleHooks, SessionStore } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider } from "../../src/testing/index.ts"
import { behind, commit, message, numbered, openThread, threadId, withStore } from "./StoreFixture.ts"

const [folder = "", where = "", kill = ""] = process.argv.slice(2)

const filename = `${folder}/store.db`
const table = "CREATE TABLE IF NOT EXISTS seen (thread TEXT NOT NULL, seq INTEGER NOT NULL, code TEXT NOT NULL)"

/** One code for each event. */
export const codes = Array.from({ length: 12 }, (_, n) => `code-${n}`)

const fill = Effect.gen(function*() {
  yield* openThread()
  for (const [n, code] of codes.entries()) yield* commit(numbered(n + 1, [message(code)]))
})

let batches = 0

const dieOnce = Effect.sync(() => {
  if (++batches === Number(kill)) process.kill(process.pid, "SIGKILL")
})

const done = Deferred.makeUnsafe<void>()

type Batch = ReadonlyArray<Projected<"Warning">>

const rowsOf = (batch: Batch) =>
  batch.flatMap((event) => event._tag === "Warning" ? [{ thread: threadId, seq: event.seq, code: event.code }] : [])

const finish = (batch: Batch) =>
  rowsOf(batch).some(({ code }) => code === codes.at(-1)) ? Deferred.succeed(done, undefined) : Effect.void

const shared = LifecycleHooks.project({
  name: "seen",
  kinds: ["Warning"],
  limit: 5,
  transaction: true,
  run: Effect.fnUntraced(function*(batch) {
    const sql = yield* SqlClient.SqlClient
    for (const row of rowsOf(batch)) yield* sql`INSERT INTO seen ${sql.insert(row)}`
    yield* dieOnce
    yield* finish(batch)
  })
})

const apart = LifecycleHooks.project({
  name: "seen",
  kinds: ["Warning"],
  limit: 5,
  run: (batch) =>
    Effect.sync(() => {
      const db = new DatabaseSync(`${folder}/rows.db`)
      db.exec(table)
      const insert = db.prepare("INSERT INTO seen VALUES (?, ?, ?)")
      for (const { code, seq, thread } of rowsOf(batch)) insert.run(thread, seq, code)
      db.close()
    }).pipe(Effect.andThen(dieOnce), Effect.andThen(finish(batch)))
})

const app = CodingAgents.layer({
  agents: MockProvider.layer(),
  hooks: [where === "shared" ? shared : apart],
  store: SessionStore.layer
}).pipe(
  Layer.provideMerge(SqliteClient.layer({ filename })),
  Layer.provide(NodeServices.layer)
)

const program = Effect.gen(function*() {
  yield* Deferred.await(done)
  // The batch that says so is not kept yet.
  const store = yield* SessionStore
  const end = (yield* store.readFeed({ limit: 1000 })).through
  yield* Effect.repeat(Effect.andThen(Effect.yieldNow, store.projected("seen")), {
    until: (position) => position._tag === "Some" && position.value === end
  })
  yield* Console.log("done")
})

const filled = withStore(filename, fill).pipe(
  Effect.andThen(behind(filename, table)),
  Effect.andThen(Console.log("filled"))
)

// The test imports what it compares with.
if (process.argv[1]?.endsWith("ProjectionHost.ts") === true) {
  Effect.runFork(where === "fill" ? Effect.orDie(filled) : Effect.orDie(Effect.provide(program, app)))
}
