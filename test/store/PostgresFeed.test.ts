/**
 * The feed on PostgreSQL, where several transactions write at once and the order of their numbers is not that of their
 * commits by itself (`.ci/postgres` runs this). Commits are delayed where they really are: by a trigger that the database
 * runs when a transaction commits.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { type Position, ThreadId } from "../../src/domain/Ids.ts"
import type { ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Postgres from "../support/Postgres.ts"
import { commit, message, numbered, onSqlite, openThread } from "../support/StoreFixture.ts"

/** Has every commit of such rows of the log do this first. */
const atCommit = (action: string, rows = "TRUE") =>
  SqlClient.SqlClient.use((sql) =>
    Effect.forEach(
      [
        `CREATE FUNCTION delay() RETURNS trigger AS $$ BEGIN PERFORM ${action}; RETURN NULL; END $$ LANGUAGE plpgsql`,
        `CREATE CONSTRAINT TRIGGER delayed AFTER INSERT ON eca_events DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (${rows}) EXECUTE FUNCTION delay()`
      ],
      (statement) => sql.unsafe(statement),
      { discard: true }
    )
  )

const place = ({ _tag, seq, threadId }: ThreadEvent) => `${threadId} ${seq} ${_tag}`

const store = () => Layer.provideMerge(SessionStore.layer, Postgres.client(undefined, 12))

describe.runIf(!onSqlite)("the feed on PostgreSQL", () => {
  it.live(
    "P11 store: a reader never passes a commit that is held back in flight, whatever is written after it",
    () =>
      Effect.gen(function*() {
        const key = 8341
        const [held, other] = [ThreadId.make("held"), ThreadId.make("other")]
        const store = yield* SessionStore
        const sql = yield* SqlClient.SqlClient
        for (const threadId of [held, other]) yield* openThread({ threadId })
        yield* atCommit(`pg_advisory_xact_lock(${key})`, `NEW.thread_id = '${held}'`)
        const { through } = yield* store.readFeed({ limit: 100 })
        const locked = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        const holding = yield* SqlClient.SqlClient.use((sql) =>
          sql.withTransaction(Effect.gen(function*() {
            yield* sql`SELECT pg_advisory_xact_lock(${key})`
            yield* Deferred.succeed(locked, undefined)
            yield* Deferred.await(gate)
          }))
        ).pipe(Effect.provide(Postgres.client()), Effect.forkChild({ startImmediately: true }))
        yield* Deferred.await(locked)
        const write = (threadId: ThreadId) =>
          Effect.forkChild(commit(numbered(1, [message("a"), message("b")], { threadId }), { threadId }))
        /** Once so many transactions of this schema wait for a lock. */
        const waiting = (count: number) =>
          sql<{ readonly count: number }>`SELECT CAST(COUNT(DISTINCT l.pid) AS INTEGER) AS count FROM pg_locks l
          JOIN pg_locks m ON m.pid = l.pid AND m.relation = CAST('eca_positions' AS regclass)
          WHERE NOT l.granted`.pipe(
            Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: ([row]) => row?.count === count })
          )
        const first = yield* write(held)
        yield* waiting(1)
        const second = yield* write(other)
        yield* Effect.raceFirst(waiting(2), Fiber.await(second))
        for (const limit of [1, 100]) {
          assert.deepStrictEqual(yield* store.readFeed({ after: through, limit }), {
            events: [],
            through,
            ahead: false
          })
        }
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.forEach([holding, first, second], (fiber) => Fiber.join<unknown, unknown>(fiber))
        const { events } = yield* store.readFeed({ after: through, limit: 100 })
        assert.deepStrictEqual(events.map(place), [
          "held 2 Warning",
          "held 3 Warning",
          "other 2 Warning",
          "other 3 Warning"
        ])
      }).pipe(Effect.provide(store())),
    30_000
  )

  it.live(
    "P11 store: readers beside writers whose commits take their time see every event once, in one order",
    () =>
      Effect.gen(function*() {
        const store = yield* SessionStore
        const threads = Array.from({ length: 8 }, (_, n) => ThreadId.make(`slow-${n}`))
        const commits = 6
        yield* atCommit("pg_sleep(random() * 0.02)")
        const read = Effect.gen(function*() {
          const found: Array<ThreadEvent> = []
          let after: Position | undefined
          while (found.length < threads.length * (1 + commits)) {
            const page = yield* store.readFeed({ after, limit: 5 })
            found.push(...page.events)
            after = page.through
          }
          return found.map(place)
        })
        const readers = yield* Effect.forEach([1, 2], () => Effect.forkChild(read, { startImmediately: true }))
        yield* Effect.forEach(threads, (threadId) =>
          Effect.gen(function*() {
            yield* openThread({ threadId })
            for (let n = 1; n <= commits; n++) {
              yield* commit(numbered(n, [message("a")], { threadId }), { threadId })
            }
          }), { concurrency: "unbounded" })
        const [first, second] = yield* Effect.forEach(readers, Fiber.join)
        assert.deepStrictEqual(first, second)
        for (const threadId of threads) {
          const mine = first?.filter((one) => one.startsWith(`${threadId} `))
          assert.deepStrictEqual(mine?.map((one) => Number(one.split(" ")[1])), [1, 2, 3, 4, 5, 6, 7])
        }
      }).pipe(Effect.provide(store())),
    60_000
  )
})
