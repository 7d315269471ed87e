/**
 * One sweep of the reaper: finding what is due in the store and deciding about each, 1,000 due threads among 10,000 and
 * among 1,000,000 live ones. It is `SessionReaper.run` itself on a real database, and `decide` is asked for every thread
 * that it hands out; the time is from the question to the store to the last decision.
 *
 * Stopping a session afterwards is work of its own, one flushed transaction each: see `stop of a due session`.
 */
import { Clock, Context, Deferred, Duration, Effect, Fiber, Layer, Stream } from "effect"
import { DatabaseSync } from "node:sqlite"
import { CodingAgents, ProviderService, SessionStore, type ThreadId } from "../src/index.ts"
import * as SessionReaper from "../src/thread/SessionReaper.ts"
import { alternate, figure, median } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const due = 1000
const rounds = { warmup: 20, measured: 60 }

/** Fills the table behind the open store's back, as a million starts would take an hour. */
export const fill = (filename: string, bindings: number, now: number) =>
  Effect.sync(() => {
    const db = new DatabaseSync(filename)
    db.exec("PRAGMA synchronous = OFF; BEGIN")
    const insert = db.prepare(
      `INSERT INTO eca_threads (thread_id, instance_id, provider, session_id, directory, runtime_mode, project, archived, status,
        epoch, last_seq, position, created_at, active_at, due_at)
        VALUES (?, 'mock', 'mock', ?, '/project', 'full-access', '{"config":"trust","by":"mode"}', 0, 'idle', 1, 1, 1, ?, ?, ?)`
    )
    for (let n = 0; n < bindings; n++) {
      // The due ones lie scattered over the table, as they would.
      const isDue = n % (bindings / due) === 0
      insert.run(`thread-${n}`, `session-${n}`, now, now - n, isDue ? now - 1 - n : now + 1_000_000 + n)
    }
    db.exec("COMMIT; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
  })

/** A store with so many live threads, and what runs one sweep on it and answers its milliseconds. */
const sweeper = Effect.fnUntraced(function*(filename: string, bindings: number) {
  const store = Context.get(
    yield* Layer.build(Layer.orDie(SessionStore.layerSqlite({ filename }))),
    SessionStore
  )
  const now = yield* Clock.currentTimeMillis
  yield* fill(filename, bindings, now)
  const idle = { busy: false, backgroundWork: false, exempt: false }
  const sweep = Effect.gen(function*() {
    const over = yield* Deferred.make<number>()
    let startedAt = 0
    let stops = 0
    const settings = { ...CodingAgents.defaults.reaper, sweepEvery: Duration.millis(1) }
    const clock = { now: () => now }
    const fiber = yield* SessionReaper.run({
      settings,
      clock,
      sleeps: SessionReaper.makeSleeps(clock, settings),
      due: (query) =>
        Effect.suspend(() => {
          startedAt = performance.now()
          return store.dueThreads(query)
        }),
      reap: (_, sleeps) =>
        Effect.suspend(() => {
          const decision = SessionReaper.decide(
            { ...idle, now, activeAt: 0, sleeps: sleeps() },
            CodingAgents.defaults.reaper
          )
          if (decision._tag === "Stop") stops++
          return stops === due ? Effect.asVoid(Deferred.succeed(over, performance.now() - startedAt)) : Effect.void
        }),
      trim: Effect.void
    }).pipe(Effect.forkChild)
    const took = yield* Deferred.await(over)
    yield* Fiber.interrupt(fiber)
    return [took]
  })
  return { sweep }
})

/** What it costs to really stop a due session: an idle one of the mock, by the service's own reaper. */
const stopping = Effect.fnUntraced(function*(directory: string) {
  const store = { filename: `${directory}/stopping.db` }
  const settings: CodingAgents.Settings = { reaper: { idleAfter: "1 second", sweepEvery: "3 seconds" } }
  return yield* Effect.gen(function*() {
    const agents = yield* ProviderService
    const ends = yield* Effect.forEach(Array.from({ length: due }), () => MockHost.newThread(directory))
    const endOf = (threadId: ThreadId) =>
      agents.streamEvents({ threadId }).pipe(
        Stream.filter((event) => event._tag === "SessionEnded"),
        Stream.runHead
      )
    const endings = yield* Effect.forEach(ends, endOf, { concurrency: "unbounded" })
    const times = endings.flatMap((event) => event._tag === "Some" ? [event.value.at] : [])
    return (Math.max(...times) - Math.min(...times)) / times.length
  }).pipe(Effect.provide(MockHost.layer({ store, settings })))
})

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const small = yield* sweeper(`${directory}/small.db`, 10_000)
  const large = yield* sweeper(`${directory}/large.db`, 1_000_000)
  const samples = yield* alternate(rounds, large.sweep, small.sweep)
  return [
    figure({
      name: "reaper sweep, 1,000 due of 1,000,000 bindings",
      unit: "ms",
      ours: samples.a,
      goal: { text: "under 5 ms", met: ({ ours }) => ours < 5 }
    }),
    figure({
      name: "the same, 1,000 due of 10,000 (ratio: 1,000,000 to it)",
      unit: "ms",
      ours: samples.b,
      goal: { text: "within 2x", met: ({ ours }) => median(samples.a) / ours <= 2 }
    }),
    figure({ name: "stop of a due session", unit: "ms", ours: [yield* stopping(directory)] })
  ]
})
