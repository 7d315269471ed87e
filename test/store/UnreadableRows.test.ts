/** What is stored can be read back row by row: one that cannot be is reported on its own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as Ids from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  acceptedTurn,
  allEvents,
  behind,
  commit,
  numbered,
  onSqlite,
  onStore,
  openThread,
  temporaryFile,
  threadId,
  turn,
  withStore
} from "../support/StoreFixture.ts"

const fine = Ids.ThreadId.make("fine")
const spoilt = Ids.ThreadId.make("spoilt")

/** Three threads, of which one cannot be read, and a row with an id that no thread can have. */
const spoiltFile = Effect.gen(function*() {
  const filename = yield* temporaryFile
  yield* withStore(
    filename,
    Effect.gen(function*() {
      for (const id of [threadId, spoilt, fine]) yield* openThread({ threadId: id })
    })
  )
  // Opening it once more settles them: what is spoilt is spoilt afterwards.
  yield* withStore(filename, Effect.void)
  yield* behind(
    filename,
    `UPDATE eca_threads SET runtime_mode = 'yolo' WHERE thread_id = 'spoilt';
     INSERT INTO eca_threads SELECT '', instance_id, provider, session_id, directory, runtime_mode, project, model,
       agent, title, compaction, labels, archived, status, epoch, last_seq, position, created_at, active_at, due_at FROM eca_threads
       WHERE thread_id = 'fine'`
  )
  return filename
})

describe("SessionStore: rows that cannot be read", () => {
  it.effect("P15 store: a thread's row is reported beside the others, on whichever page it is", () =>
    Effect.gen(function*() {
      yield* withStore(
        yield* spoiltFile,
        Effect.gen(function*() {
          const store = yield* SessionStore
          for (const limit of [1, 2, 1000]) {
            const threads: Array<string> = []
            const unreadable: Array<string> = []
            let after: string | undefined
            do {
              const page = yield* store.listThreads({ limit, after })
              threads.push(...page.threads.map((thread) => thread.threadId))
              unreadable.push(...page.unreadable.map((row) => row.threadId))
              for (const { reason } of page.unreadable) assert.isNotEmpty(reason)
              after = page.next
            } while (after !== undefined)
            assert.deepStrictEqual(threads, [threadId, fine])
            assert.deepStrictEqual(unreadable, [spoilt, ""])
          }
        })
      )
    }))

  it.effect("P15 store: reading one thread says that it cannot be read; its events can be, and it can be deleted", () =>
    Effect.gen(function*() {
      yield* withStore(
        yield* spoiltFile,
        Effect.gen(function*() {
          const store = yield* SessionStore
          const error = yield* Effect.flip(store.getThread(spoilt))
          assert.deepInclude(error, { _tag: "ThreadUnreadable", threadId: spoilt, retryable: false })
          assert.strictEqual(Option.getOrThrow(yield* store.getThread(fine)).threadId, fine)
          assert.lengthOf(yield* allEvents(spoilt), 2)
          yield* store.deleteThread(spoilt)
          assert.deepStrictEqual(yield* store.getThread(spoilt), Option.none())
        })
      )
    }))

  it.effect("P15 store: a turn's row fails on its own, and is left out where turns are listed", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* openThread()
          yield* acceptedTurn("a", 1)
          yield* commit(numbered(2, [{ _tag: "TurnUnknown", turnId: turn("a"), reason: "host-crash" }]))
          yield* behind(
            filename,
            `INSERT INTO eca_turns (turn_id, thread_id, epoch, status, ref, intent_at, reconcile) VALUES
               ('', 'thread-1', 1, 'unknown', 'r', 1, 1), ('broken', 'thread-1', 1, 'unknown', 'r', 1, 1);
             INSERT INTO eca_inputs (turn_id, thread_id, body) VALUES
               ('', 'thread-1', '{"prompt":"hi"}'), ('broken', 'thread-1', '{"prompt":')`
          )
          assert.deepStrictEqual((yield* store.unreconciledTurns(threadId)).map((one) => one.turnId), [turn("a")])
          assert.deepInclude(yield* Effect.flip(store.getTurn(turn("broken"))), {
            _tag: "TurnUnreadable",
            turnId: turn("broken")
          })
          assert.deepStrictEqual(Array.from((yield* store.turnRefs(threadId)).keys()), [turn("broken")])
        })
      )
    }))

  it.effect.runIf(onSqlite)(
    "P15 store: an event's row comes as Unrecognized, whatever is in its columns",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            yield* openThread()
            const long = "x".repeat(513)
            yield* behind(
              filename,
              `INSERT INTO eca_events VALUES
               (102, 'thread-1', 2, 'first', '', 'Warning', NULL, 'then', 1, '{"_tag":"Warning","turnId":"","code":"x"}'),
               (103, 'thread-1', 3, 1, '${long}', 'Warning', NULL, 7, 1, '${"[".repeat(9000)}'),
               (104, 'thread-1', 4, 1, NULL, 'Warning', NULL, 7, 1, '{"_tag":"Warning","code":"fine"}')`
            )
            const events = (yield* allEvents()).slice(1)
            assert.deepStrictEqual(events.map((event) => [event._tag, event.seq, event.epoch, event.at]), [
              ["Unrecognized", 2, 0, 0],
              ["Unrecognized", 3, 1, 7],
              ["Warning", 4, 1, 7]
            ])
            for (const event of events) assert.isFalse("turnId" in event)
          })
        )
      })
  )

  it.effect("P15 store: a page that cannot be asked for fails typed", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      for (const limit of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, 0, -1, 1001]) {
        assert.strictEqual((yield* Effect.flip(store.listThreads({ limit })))._tag, "PageInvalid")
      }
      for (const after of ["", "not a cursor", "W10"]) {
        assert.strictEqual((yield* Effect.flip(store.listThreads({ limit: 1, after })))._tag, "PageInvalid")
      }
    })))
})

describe("Ids", () => {
  it("P15 ids: those that are not well-formed are refused, as two of them would share a row", () => {
    for (const schema of [Ids.ThreadId, Ids.TurnId, Ids.SessionId, Ids.InstanceId, Ids.ItemId, Ids.RequestId]) {
      for (const id of ["z\ud800", "z\ud801", "\udc00", "\ude00\ud83d", ""]) {
        assert.isTrue(Option.isNone(Schema.decodeOption(schema)(id)), JSON.stringify(id))
      }
      for (const id of ["z", "\u{1f600}", "ä", "a/b c"]) {
        assert.isTrue(Option.isSome(Schema.decodeOption(schema)(id)), id)
      }
    }
  })
})
