/**
 * What the one order over all threads costs a commit of the store: ten events, kept in the order of their positions, in turn
 * with the same on a store whose events are in no order over all threads. A sample is the mean of a block of commits, each on
 * one of many threads.
 */
import { Context, Effect, Layer } from "effect"
import { DatabaseSync } from "node:sqlite"
import { Epoch, InstanceId, ProviderName, SessionId, SessionStore, ThreadId } from "../src/index.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const threads = 100
const perCommit = 10
const block = 200
const rounds = { warmup: 10, measured: 100 }

const epoch = Epoch.make(1)
const idOf = (n: number) => ThreadId.make(`thread-${n}`)

const opened = (threadId: ThreadId) => ({
  threadId,
  instanceId: InstanceId.make("mock"),
  provider: ProviderName.make("mock"),
  sessionId: SessionId.make(`session of ${threadId}`),
  directory: "/project",
  runtimeMode: "full-access" as const,
  status: "idle" as const,
  project: { config: "trust" as const, by: "mode" as const },
  epoch,
  lastSeq: 0,
  createdAt: 1,
  activeAt: 1
})

const eventsOf = (threadId: ThreadId, after: number) =>
  Array.from({ length: perCommit }, (_, n) => ({
    _tag: "Warning" as const,
    code: "words of about the length that an event has",
    seq: after + n + 1,
    threadId,
    epoch,
    at: 1
  }))

/** Makes the table of events again, with the same indexes, and with the position as a column like any other. */
const unordered = (db: DatabaseSync) => {
  const made = db.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = 'eca_events' AND sql IS NOT NULL").all()
  const [table, ...indexes] = made.map(({ sql }) => String(sql))
  const key = "position INTEGER PRIMARY KEY"
  if (table?.includes(key) !== true) {
    throw new Error("The events of a store are not kept in the order of their positions")
  }
  db.exec("DROP TABLE eca_events")
  for (const statement of [table.replace(key, "position BIGINT"), ...indexes]) db.exec(statement)
}

/** A store whose file is changed before it is opened; commits blocks to its threads in turn. */
const blocksOn = Effect.fnUntraced(function*(filename: string, change: (db: DatabaseSync) => void) {
  const store = Layer.build(Layer.fresh(SessionStore.layerSqlite({ filename })))
  yield* Effect.scoped(store)
  const db = new DatabaseSync(filename)
  change(db)
  db.close()
  const { commit } = Context.get(yield* store, SessionStore)
  const write = (n: number, after: number, opens: boolean) => {
    const threadId = idOf(n)
    return commit({
      name: "bench",
      threadId,
      flush: false,
      parts: [{
        epoch,
        expect: opens ? "none" : "live",
        binding: opens ? opened(threadId) : undefined,
        resets: undefined,
        events: eventsOf(threadId, after),
        lifecycle: []
      }]
    })
  }
  for (let n = 0; n < threads; n++) yield* write(n, 0, true)
  let next = threads
  return Effect.map(
    millis(Effect.gen(function*() {
      for (let n = 0; n < block; n++, next++) {
        yield* write(next % threads, Math.floor(next / threads) * perCommit, false)
      }
    })),
    (took) => [took / block]
  )
})

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const samples = yield* alternate(
    rounds,
    yield* blocksOn(`${directory}/with.db`, () => undefined),
    yield* blocksOn(`${directory}/without.db`, unordered)
  )
  return [
    figure({
      name: "commit of ten events, in one order over all threads",
      unit: "ms",
      ours: samples.a,
      raw: samples.b,
      goal: { text: "1.05x", met: ({ ratio }) => ratio <= 1.05 }
    })
  ]
})
