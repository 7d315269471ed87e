/**
 * The feed on PostgreSQL, where several transactions write at once and the order of their numbers is not that of their
 * commits by itself (`.ci/postgres` runs this). Commits are delayed where they really are: by a trigger that the database
 * runs when a transaction commits.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { type Position, ThreadId } from "../../src/domain/Ids.ts"
import type { ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Postgres from "../support/Postgres.ts"
import * as PostgresHold from "../support/PostgresHold.ts"
import { commit, message, numbered, onSqlite, openThread } from "../support/StoreFixture.ts"

const place = ({ _tag, seq, threadId }: ThreadEvent) => `${threadId} ${seq} ${_tag}`

const store = () => Layer.provideMerge(SessionStore.layer, Postgres.client(undefined, 12))

describe.runIf(!onSqlite)("the feed on PostgreSQL", () => {
  it.live(
    "P11 store: a reader never passes a commit that is held back in flight, whatever is written after it",
    () =>
      Effect.gen(function*() {
        const [held, other] = [ThreadId.make("held"), ThreadId.make("other")]
        const store = yield* SessionStore
        for (const threadId of [held, other]) yield* openThread({ threadId })
        const { through } = yield* store.readFeed({ limit: 100 })
        const { release } = yield* PostgresHold.hold({
          on: "INSERT ON eca_events",
          deferred: true,
          rows: `NEW.thread_id = '${held}'`
        })
        const write = (threadId: ThreadId) =>
          Effect.forkChild(commit(numbered(1, [message("a"), message("b")], { threadId }), { threadId }))
        const first = yield* write(held)
        yield* PostgresHold.waiting(1)
        const second = yield* write(other)
        yield* Effect.raceFirst(PostgresHold.waiting(2), Fiber.await(second))
        for (const limit of [1, 100]) {
          assert.deepStrictEqual(yield* store.readFeed({ after: through, limit }), {
            events: [],
            through,
            ahead: false
          })
        }
        yield* release
        yield* Effect.forEach([first, second], Fiber.join)
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
        yield* PostgresHold.trigger({
          on: "INSERT ON eca_events",
          deferred: true,
          action: "pg_sleep(random() * 0.02)"
        })
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
