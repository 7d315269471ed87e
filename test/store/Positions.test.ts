/** The one order over all threads of a store. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { copyFileSync, existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  allEvents,
  commit,
  message,
  numbered,
  onSqlite,
  onStore,
  openThread,
  temporaryFile,
  threadId,
  withStore
} from "../support/StoreFixture.ts"

const other = ThreadId.make("thread-2")

/** Positions are opaque to readers; the store can put them in order. */
const ascend = (positions: ReadonlyArray<string>) => {
  const places = positions.map((position) => Option.getOrThrow(EventPosition.parse(position)))
  assert.deepStrictEqual(places, places.toSorted((a, b) => a - b))
  assert.strictEqual(new Set(positions).size, positions.length)
}

describe("Positions", () => {
  it.effect("P11 store: each event has the next position, whichever thread it is of; its commit and its thread have that of the last", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const seen = [
        yield* openThread(),
        yield* openThread({ threadId: other }),
        yield* commit(numbered(1, [message("a"), message("b")])),
        yield* commit(numbered(1, [message("c")], { threadId: other }), { threadId: other }),
        yield* commit([], { dueAt: 1 })
      ]
      ascend(seen)
      assert.deepStrictEqual<unknown>((yield* allEvents()).map((event) => event.position), [
        seen[0],
        String(Number(seen[2]) - 1),
        seen[2]
      ])
      assert.strictEqual(Option.getOrThrow(yield* store.getThread(threadId)).position, seen[4])
      assert.strictEqual(Option.getOrThrow(yield* store.getThread(other)).position, seen[3])
    })))

  it.effect("P11 store: a commit that fails takes no position that another has", () =>
    onStore(Effect.gen(function*() {
      const before = yield* openThread()
      yield* Effect.flip(commit(numbered(7, [message("late")])))
      ascend([before, yield* commit(numbered(1, [message("a")]))])
    })))

  it.effect("P11 store: a deleted thread leaves a tombstone with its position, which outlives the use of its id", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      assert.deepStrictEqual(yield* store.tombstone(threadId), Option.none())
      const opened = yield* openThread()
      yield* TestClock.setTime(4000)
      const position = yield* store.deleteThread(threadId)
      ascend([opened, position])
      assert.deepStrictEqual(yield* store.tombstone(threadId), Option.some({ position, at: 4000 }))
      assert.deepStrictEqual(yield* allEvents(), [])
      ascend([position, yield* openThread()])
      assert.deepStrictEqual(yield* store.tombstone(threadId), Option.some({ position, at: 4000 }))
    })))

  it.effect("P11 store: positions go on after the store was closed and opened, also of commits that left no event", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const first = yield* withStore(filename, openThread())
      const second = yield* withStore(filename, SessionStore.use((store) => store.deleteThread(threadId)))
      const third = yield* withStore(filename, openThread())
      const settled = yield* withStore(filename, allEvents())
      ascend([first, second, third, settled.at(-1)?.position ?? ""])
    }))

  it.effect.runIf(onSqlite)(
    "P11 store: a position that readers have seen is not given again, though a power cut took back its commit",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const restored = `${filename}.restored`
        const seen = yield* withStore(
          filename,
          Effect.gen(function*() {
            yield* openThread()
            // The disk as the power cut leaves it: without what was not flushed.
            yield* Effect.sync(() => {
              for (const part of ["", "-wal"]) {
                if (existsSync(filename + part)) copyFileSync(filename + part, restored + part)
              }
              const db = new DatabaseSync(restored)
              db.exec("DELETE FROM eca_owner")
              db.close()
            })
            return [yield* commit(numbered(1, [message("a")])), yield* commit(numbered(2, [message("b")]))]
          })
        )
        const after = yield* withStore(
          restored,
          Effect.gen(function*() {
            const store = yield* SessionStore
            return [yield* store.deleteThread(threadId), yield* openThread()]
          })
        )
        ascend([...seen, ...after])
      })
  )
})
