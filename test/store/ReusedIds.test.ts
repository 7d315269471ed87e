/** An id that a deleted thread had may be given to another one, whatever is still to be erased. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { DatabaseSync } from "node:sqlite"
import { ThreadId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  allEvents,
  behind,
  binding,
  commit,
  message,
  numbered,
  onSqlite,
  openThread,
  temporaryFile,
  threadId,
  withStore
} from "../support/StoreFixture.ts"

const other = ThreadId.make("other")

/** What was recorded of the thread. */
const said = Effect.map(
  allEvents(),
  (events) => events.flatMap((event) => event._tag === "Warning" ? [event.code] : [])
)

/** The ways in which the store gets a thread's first row. */
const made: Readonly<Record<string, Effect.Effect<unknown, unknown, SessionStore>>> = {
  started: openThread(),
  created: SessionStore.use((store) => {
    const { epoch: _epoch, lastSeq: _lastSeq, sessionId: _sessionId, status: _status, ...thread } = binding()
    return store.createThread(thread)
  }).pipe(Effect.andThen(openThread()))
}

describe.runIf(onSqlite)("SessionStore: the id of a deleted thread", () => {
  for (const [how, make] of Object.entries(made)) {
    it.effect(`P3 store: a thread of it that is ${how} is not erased for the one before`, () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            yield* openThread({ threadId: other })
            yield* openThread()
            yield* commit(numbered(1, [message("old")]), { flush: true })
            // The log cannot be emptied while it is read, so the erasure stays recorded.
            const reader = new DatabaseSync(filename)
            reader.exec("BEGIN; SELECT COUNT(*) FROM eca_events")
            yield* store.deleteThread(threadId)
            yield* make
            yield* commit(numbered(1, [message("new")]), { flush: true })
            reader.close()
            yield* store.deleteThread(other)
            assert.deepStrictEqual(yield* said, ["new"])
          })
        )
        yield* withStore(
          filename,
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* said, ["new"])
            assert.isTrue(Option.isSome(yield* SessionStore.use((store) => store.getThread(threadId))))
          })
        )
      }))

    it.effect(`P3 store: a thread of it that is ${how} has nothing of the one before, whose erasure failed`, () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            yield* openThread({ threadId: other })
            yield* openThread()
            yield* commit(numbered(1, [message("old")]), { flush: true })
            yield* behind(
              filename,
              `DELETE FROM eca_threads WHERE thread_id = '${threadId}';
               INSERT INTO eca_erasures (thread_id, erased) VALUES ('${threadId}', 0)`
            )
            yield* make
            yield* commit(numbered(1, [message("new")]), { flush: true })
            assert.deepStrictEqual(yield* said, ["new"])
            yield* store.deleteThread(other)
            assert.deepStrictEqual(yield* said, ["new"])
          })
        )
      }))
  }
})
