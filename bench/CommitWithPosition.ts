/**
 * What the one order over all threads costs a commit of the store: ten events with their position and the index by which it
 * is read, in turn with the same on a store without that index. A sample is the mean of a block of commits, each on one of
 * many threads.
 */
import { Context, Effect, Layer } from "effect"
import { DatabaseSync } from "node:sqlite"
import { Epoch, InstanceId, ProviderName, SessionId, SessionStore, ThreadId } from "../src/index.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const threads = 100
const perCommit = 10
const block = 200
const rounds = { warmup: 5, measured: 30 }

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

/** A store whose file is changed before it is opened; commits blocks to its threads in turn. */
const blocksOn = Effect.fnUntraced(function*(filename: string, change: string) {
  const store = Layer.build(Layer.fresh(SessionStore.layerSqlite({ filename })))
  yield* Effect.scoped(store)
  const db = new DatabaseSync(filename)
  db.exec(change)
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
    yield* blocksOn(`${directory}/with.db`, "SELECT 1"),
    yield* blocksOn(`${directory}/without.db`, "DROP INDEX eca_events_position")
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
