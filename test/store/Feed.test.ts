/** The feed of all threads, as the store has it: one order, page by page, nothing passed and nothing twice. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Position, ThreadId } from "../../src/domain/Ids.ts"
import type { ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import {
  commit,
  message,
  numbered,
  onStore,
  openThread,
  stopped,
  temporaryFile,
  threadId,
  withStore
} from "../support/StoreFixture.ts"

const other = ThreadId.make("thread-2")

/** The whole feed after a position, by pages of this size. */
const feed = Effect.fnUntraced(function*(options: {
  readonly after?: Position | undefined
  readonly limit?: number
  readonly kinds?: ReadonlyArray<ThreadEvent["_tag"]>
} = {}) {
  const store = yield* SessionStore
  const found: Array<ThreadEvent> = []
  let after = options.after
  for (;;) {
    const page = yield* store.readFeed({ after, limit: options.limit ?? 100, kinds: options.kinds })
    found.push(...page.events)
    if (page.events.length === 0 && page.through === after) return found
    after = page.through
  }
})

const told = (events: ReadonlyArray<ThreadEvent>) =>
  events.map((event) => `${event.threadId} ${event.seq} ${event._tag}`)

const two = Effect.gen(function*() {
  yield* openThread()
  yield* openThread({ threadId: other })
  yield* commit(numbered(1, [message("a"), message("b"), message("c")]))
  yield* commit(numbered(1, [message("d")], { threadId: other }), { threadId: other })
})

const all = [
  "thread-1 1 SessionStarted",
  "thread-2 1 SessionStarted",
  "thread-1 2 Warning",
  "thread-1 3 Warning",
  "thread-1 4 Warning",
  "thread-2 2 Warning"
]

describe("the feed of the store", () => {
  it.effect("P11 store: events of all threads are in the order of their commits, however long the pages are", () =>
    onStore(Effect.gen(function*() {
      yield* two
      for (const limit of [1, 2, 3, 100]) assert.deepStrictEqual(told(yield* feed({ limit })), all)
    })))

  it.effect("P11 store: a reader goes on after any event, also in the middle of a commit, and after a commit's position", () =>
    onStore(Effect.gen(function*() {
      yield* two
      const events = yield* feed()
      for (const [n, { position }] of events.entries()) {
        assert.deepStrictEqual(told(yield* feed({ after: position })), all.slice(n + 1))
      }
      const last = yield* commit(numbered(4, [message("e"), message("f")]))
      assert.deepStrictEqual(yield* feed({ after: last }), [])
    })))

  it.effect("P11 store: kinds are left out and not what follows them; nothing of them fits and the reader goes on", () =>
    onStore(Effect.gen(function*() {
      yield* two
      assert.deepStrictEqual(told(yield* feed({ kinds: ["SessionStarted"], limit: 1 })), all.slice(0, 2))
      assert.deepStrictEqual(yield* feed({ kinds: ["TurnCompleted"] }), [])
    })))

  it.effect("P11 store: a deleted thread leaves its deletion, each time that it was deleted", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* two
      const before = yield* feed()
      yield* store.deleteThread(threadId)
      yield* openThread()
      yield* store.deleteThread(threadId)
      yield* openThread()
      const left = [
        "thread-2 1 SessionStarted",
        "thread-2 2 Warning",
        "thread-1 4 ThreadDeleted",
        "thread-1 1 ThreadDeleted",
        "thread-1 1 SessionStarted"
      ]
      for (const limit of [1, 2, 100]) assert.deepStrictEqual(told(yield* feed({ limit })), left)
      assert.deepStrictEqual(told(yield* feed({ after: before.at(-1)?.position })), left.slice(2))
      assert.deepStrictEqual(told(yield* feed({ kinds: ["ThreadDeleted"] })), left.slice(2, 4))
    })))

  it.effect("P11 store: what was pruned is one Gap where it ended, for readers who have not passed it", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* two
      const before = yield* feed()
      yield* stopped(4)
      assert.isTrue(yield* store.prune({ threadId, through: 3, items: 0 }))
      const left = [all[1], "thread-1 3 Gap", all[4], all[5], "thread-1 5 SessionEnded"]
      for (const limit of [1, 2, 100]) assert.deepStrictEqual<unknown>(told(yield* feed({ limit })), left)
      assert.deepStrictEqual<unknown>(told(yield* feed({ after: before[0]?.position })), left)
      assert.deepStrictEqual<unknown>(told(yield* feed({ after: before[3]?.position })), left.slice(2))
      assert.deepStrictEqual<unknown>(told(yield* feed({ after: before[4]?.position })), left.slice(3))
      assert.deepStrictEqual(told(yield* feed({ kinds: ["SessionEnded"] })), [
        "thread-1 3 Gap",
        "thread-1 5 SessionEnded"
      ])
    })))

  it.effect("P15 store: a position that no store has made is no page, and one behind the end is said to be ahead", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* two
      for (const spoilt of ["x", "1.2.3", "-1", "1e3"]) {
        const error = yield* Effect.flip(store.readFeed({ after: Position.make(spoilt), limit: 1 }))
        assert.strictEqual(error._tag, "PageInvalid")
      }
      const end = yield* store.deleteThread(other)
      assert.isFalse((yield* store.readFeed({ after: end, limit: 1 })).ahead)
      const behind = Position.make(String(Number(end) + 1))
      assert.deepStrictEqual(yield* store.readFeed({ after: behind, limit: 1 }), {
        events: [],
        through: end,
        ahead: true
      })
    })))

  it.effect("P11 store: a reader that waits is told of the next commit, and never reads past one that is in flight", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* SessionStore
      yield* openThread()
      const { through } = yield* store.readFeed({ limit: 100 })
      const woken = yield* Effect.forkChild(store.feedChanged(through), { startImmediately: true })
      // Another transaction is open: the commit waits for it, and so does a reader.
      const gate = yield* Deferred.make<void>()
      const slow = yield* Effect.forkChild(sql.withTransaction(Deferred.await(gate)), { startImmediately: true })
      const writing = yield* Effect.forkChild(commit(numbered(1, [message("a")])), { startImmediately: true })
      const reading = yield* Effect.forkChild(store.readFeed({ after: through, limit: 100 }), {
        startImmediately: true
      })
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach([slow, writing, woken], (fiber) => Fiber.join<unknown, unknown>(fiber))
      const early = yield* Fiber.join(reading)
      const late = yield* store.readFeed({ after: early.through, limit: 100 })
      assert.deepStrictEqual(told([...early.events, ...late.events]), ["thread-1 2 Warning"])
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))

  it.effect("P11 store: readers beside many writers see every event once and in one order, and go on after a reopening", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const threads = Array.from({ length: 20 }, (_, n) => ThreadId.make(`many-${n}`))
      const commits = 25
      const seen = yield* withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          const read = Effect.gen(function*() {
            const found: Array<ThreadEvent> = []
            let after: Position | undefined
            while (found.length < threads.length * (1 + 2 * commits)) {
              const page = yield* store.readFeed({ after, limit: 7 })
              found.push(...page.events)
              after = page.through
              if (page.events.length === 0) yield* store.feedChanged(after)
            }
            return found
          })
          const readers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(read, { startImmediately: true }))
          yield* Effect.forEach(threads, (threadId) =>
            Effect.gen(function*() {
              yield* openThread({ threadId })
              for (let n = 0; n < commits; n++) {
                yield* commit(numbered(1 + 2 * n, [message("a"), message("b")], { threadId }), { threadId })
                yield* Effect.yieldNow
              }
            }), { concurrency: "unbounded" })
          const [first, ...rest] = yield* Effect.forEach(readers, Fiber.join)
          for (const one of rest) assert.deepStrictEqual(one, first)
          return first ?? []
        })
      )
      for (const threadId of threads) {
        const numbers = seen.flatMap((event) => event.threadId === threadId ? [event.seq] : [])
        assert.deepStrictEqual(numbers, Array.from({ length: 1 + 2 * commits }, (_, n) => n + 1))
      }
      // The settlement of all threads at the next opening follows, one end for each.
      const after = yield* withStore(filename, feed({ after: seen.at(-1)?.position, limit: 3 }))
      assert.sameMembers(told(after), threads.map((threadId) => `${threadId} ${2 * commits + 2} SessionEnded`))
    }))
})
