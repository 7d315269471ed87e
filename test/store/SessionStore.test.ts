import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { Epoch, InstanceId, ProviderName, RequestId, ThreadId } from "../../src/domain/Ids.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import * as migrations from "../../src/store/internal/migrations.ts"
import { EpochFenced, SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import {
  acceptedTurn,
  allEvents,
  behind,
  binding,
  commit,
  first,
  hash,
  instanceId,
  message,
  numbered,
  onSqlite,
  onStore,
  openThread,
  sessionStarted,
  stopped,
  temporaryFile,
  threadId,
  turn,
  usage,
  withoutTime,
  withStore
} from "../support/StoreFixture.ts"

const second = Epoch.make(2)
const cursor = { provider: ProviderName.make("acme"), version: 1, payload: { id: "s1" } }
const fenced = new EpochFenced({ threadId, epoch: first })
const inFirst = (id: string) => ({ turnId: turn(id), threadId, epoch: first })

const endTurn = (id: string, after: number, options: { readonly cursor?: typeof cursor } = {}) =>
  commit(numbered(after, [{ _tag: "TurnCompleted", turnId: turn(id), usage }], { at: 1700 }), {
    activeAt: 1700,
    dueAt: 9000,
    status: "idle",
    flush: true,
    ...options
  })

describe("SessionStore: threads and cursors", () => {
  it.effect("P1 store: what was written is there after the store was closed and opened", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const events = yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* openThread()
          yield* acceptedTurn("a", 1)
          yield* endTurn("a", 2, { cursor })
          return yield* allEvents()
        })
      )
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          const [settled] = numbered(3, [{ _tag: "SessionEnded", reason: "host-crash", endedAt: 1700 }])
          assert.deepStrictEqual<unknown>(
            (yield* allEvents()).map(withoutTime),
            [...events, settled].map(withoutTime)
          )
          assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.some(cursor))
          const found = Option.getOrThrow(yield* store.getThread(threadId))
          assert.deepStrictEqual([found.status, found.epoch, found.lastSeq], ["stopped", 1, 4])
          const record = Option.getOrThrow(yield* store.getTurn(turn("a")))
          assert.deepStrictEqual([record.status, record.input, record.endedAt], ["completed", { prompt: "a" }, 1700])
        })
      )
    }))

  it.effect("P3 store: a cursor outlives a stop, a new epoch and another instance; deleting the thread removes it", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.none())
      yield* acceptedTurn("a", 1)
      yield* endTurn("a", 2, { cursor })
      yield* acceptedTurn("b", 3)
      yield* endTurn("b", 4)
      yield* stopped(5)
      const other = InstanceId.make("other-1")
      yield* commit([], {
        binding: { ...binding({ epoch: second }), instanceId: other },
        cursor: { ...cursor, payload: 2 }
      })
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.some(cursor))
      assert.deepStrictEqual(yield* store.getCursor(threadId, other), Option.some({ ...cursor, payload: 2 }))
      yield* store.deleteThread(threadId)
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.none())
      assert.deepStrictEqual(yield* store.getCursor(threadId, other), Option.none())
      assert.deepStrictEqual(yield* store.getThread(threadId), Option.none())
      assert.deepStrictEqual(yield* store.getTurn(turn("a")), Option.none())
      assert.deepStrictEqual(yield* allEvents(), [])
    })))

  it.effect("P3 store: a cursor that is no JSON is handed out as the text it is", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, openThread())
      yield* behind(filename, "INSERT INTO eca_cursors VALUES ('thread-1', 'acme-1', 'session', '{\"provider\": \"ac')")
      const found = yield* withStore(filename, SessionStore.use((store) => store.getCursor(threadId, instanceId)))
      assert.deepStrictEqual(found, Option.some("{\"provider\": \"ac"))
    }))

  it.effect("P1 store: threads are listed by activity, page by page, ties included", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const ids = ["a", "b", "c", "d", "e"].map((id) => ThreadId.make(id))
      for (const [n, id] of ids.entries()) {
        yield* commit([], { binding: { ...binding({ threadId: id }), activeAt: n < 3 ? 1000 : 2000 } })
      }
      const seen: Array<string> = []
      let after: string | undefined
      do {
        const page = yield* store.listThreads({ limit: 2, after })
        assert.isAtMost(page.threads.length, 2)
        seen.push(...page.threads.map((found) => found.threadId))
        after = page.next
      } while (after !== undefined)
      assert.deepStrictEqual(seen, ["e", "d", "c", "b", "a"])
    })))
})

describe("SessionStore: turns", () => {
  it.effect("P5 store: a turn id is used once in the whole store", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* endTurn("a", 2)
      const other = ThreadId.make("thread-2")
      yield* openThread({ threadId: other })
      const again = { turnId: turn("a"), ref: undefined, input: { prompt: "again" }, at: 3000 }
      for (const id of [threadId, other]) {
        const error = yield* Effect.flip(store.recordIntent({ ...again, threadId: id, epoch: first }))
        assert.deepStrictEqual([error._tag, "turnId" in error && error.turnId], ["TurnExists", "a"])
      }
      assert.strictEqual(Option.getOrThrow(yield* store.getTurn(turn("a"))).input?.prompt, "a")
    })))

  it.effect("P5 store: an intent is on the record before it is accepted, a refusal after", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* store.recordIntent({ ...inFirst("a"), ref: "msg_1", input: { prompt: "hi" }, at: 1500 })
      const record = {
        ...inFirst("a"),
        status: "intent",
        ref: "msg_1",
        input: { prompt: "hi" },
        intentAt: 1500,
        endedAt: undefined
      }
      assert.deepStrictEqual<unknown>(yield* store.getTurn(turn("a")), Option.some(record))
      yield* store.refuseTurn(turn("a"), 1600)
      const refused = { ...record, status: "refused", endedAt: 1600 }
      assert.deepStrictEqual<unknown>(yield* store.getTurn(turn("a")), Option.some(refused))
    })))

  it.effect("P5 store: the id of a refused turn can be sent again in its own thread, and in no other", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const other = ThreadId.make("thread-2")
      yield* openThread()
      yield* openThread({ threadId: other })
      const intent = { ...inFirst("a"), ref: undefined, input: { prompt: "hi" }, at: 1500 }
      yield* store.recordIntent(intent)
      yield* store.refuseTurn(turn("a"), 1600)
      const error = yield* Effect.flip(store.recordIntent({ ...intent, threadId: other }))
      assert.strictEqual(error._tag, "TurnExists")
      assert.deepInclude(Option.getOrThrow(yield* store.getTurn(turn("a"))), { threadId, status: "refused" })
      yield* store.recordIntent(intent)
      assert.deepInclude(Option.getOrThrow(yield* store.getTurn(turn("a"))), { threadId, status: "intent" })
    })))

  it.effect("P4 store: a turn ends once", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* endTurn("a", 2)
      assert.deepStrictEqual<unknown>(yield* Effect.flip(endTurn("a", 3)), fenced)
      yield* store.refuseTurn(turn("a"), 1)
      assert.strictEqual(Option.getOrThrow(yield* store.getTurn(turn("a"))).status, "completed")
      assert.lengthOf(yield* allEvents(), 3)
    })))

  it.effect("P5 store: an unknown turn is handed out for reconciling until it was reconciled", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* commit(numbered(2, [{ _tag: "TurnUnknown", turnId: turn("a"), reason: "delivery-uncertain" }]))
      assert.deepStrictEqual((yield* store.unreconciledTurns(threadId)).map((record) => record.turnId), [turn("a")])
      yield* commit(numbered(3, [{ _tag: "TurnReconciled", turnId: turn("a"), evidence: "never-delivered" }]))
      assert.deepStrictEqual(yield* store.unreconciledTurns(threadId), [])
      assert.strictEqual((yield* allEvents()).at(-1)?._tag, "TurnReconciled")
    })))
})

describe("SessionStore: epochs", () => {
  it.effect("P8 store: nothing is written under an epoch that is over", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* store.recordIntent({ ...inFirst("b"), ref: undefined, input: { prompt: "b" }, at: 1 })
      yield* openThread({ epoch: second, after: 2 })
      const late = [
        commit(numbered(3, [message("late")])),
        commit(numbered(3, [message("late")]), { expect: "stopped" }),
        stopped(3),
        store.recordIntent({ ...inFirst("c"), ref: undefined, input: { prompt: "c" }, at: 1 }),
        commit(numbered(3, [{ _tag: "TurnStarted", turnId: turn("b"), input: { prompt: "b" } }])),
        endTurn("a", 3, { cursor }),
        commit(numbered(3, [{ _tag: "TurnReconciled", turnId: turn("a"), evidence: "completed" }])),
        commit(numbered(3, [message("late")]), { binding: binding(), cursor })
      ]
      for (const write of late) assert.deepStrictEqual<unknown>(yield* Effect.flip(write), fenced)
      yield* store.setDue({ threadId, epoch: first, dueAt: 1 })
      const found = Option.getOrThrow(yield* store.getThread(threadId))
      assert.deepStrictEqual([found.status, found.epoch, found.lastSeq], ["idle", 2, 3])
      assert.lengthOf(yield* allEvents(), 3)
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.none())
      assert.deepStrictEqual(yield* store.dueThreads({ now: 4000, limit: 10 }), [])
      assert.strictEqual(Option.getOrThrow(yield* store.getTurn(turn("a"))).status, "accepted")
    })))

  it.effect("P8 store: a closed epoch takes no more events, and a thread never goes back to an epoch", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* stopped(1)
      assert.deepStrictEqual<unknown>(yield* Effect.flip(commit(numbered(2, [message("late")]))), fenced)
      assert.deepStrictEqual<unknown>(yield* Effect.flip(openThread({ after: 2 })), fenced)
    })))

  it.effect("P11 store: events follow without a hole and without an overlap, or are not written at all", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      for (const after of [0, 2]) {
        const error = yield* Effect.flip(commit(numbered(after, [message("x"), message("y")])))
        assert.strictEqual(error._tag, "EpochFenced")
      }
      const many = Arr.makeBy(1500, (n) => message(`n${n}`))
      yield* commit(numbered(1, many))
      const seen: Array<number> = []
      for (let after = 0;;) {
        const page = yield* store.readEvents({ threadId, after, limit: 400 })
        seen.push(...page.map((event) => event.seq))
        const last = page.at(-1)
        if (last === undefined) break
        after = last.seq
      }
      assert.deepStrictEqual(seen, Arr.range(1, 1501))
    })))

  it.effect("P9 store: due threads are those that are live, idle and due, earliest first", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      for (const [id, dueAt] of [["late", 3000], ["early", 1000], ["later", 9000], ["stopped", 500]] as const) {
        yield* openThread({ threadId: ThreadId.make(id), dueAt })
      }
      yield* openThread({ dueAt: 100 })
      yield* acceptedTurn("a", 1)
      yield* stopped(1, { threadId: ThreadId.make("stopped") })
      const due = (now: number, limit = 10) =>
        Effect.map(store.dueThreads({ now, limit }), (found) => found.map(({ threadId }) => threadId))
      assert.deepStrictEqual<ReadonlyArray<string>>(yield* due(3000), ["early", "late"])
      assert.deepStrictEqual<ReadonlyArray<string>>(yield* due(3000, 1), ["early"])
      yield* endTurn("a", 2)
      yield* store.setDue({ threadId: ThreadId.make("early"), epoch: first, dueAt: 20_000 })
      assert.deepStrictEqual<ReadonlyArray<string>>(yield* due(9000), ["late", "later", threadId])
    })))

  it.effect.runIf(onSqlite)(
    "P9 store: finding due threads, live threads and open turns reads an index and no more",
    () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* migrations.run
        const plan = (query: string) =>
          Effect.map(
            sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${query}`),
            (rows) => rows.map((row) => row.detail).join("; ")
          )
        assert.strictEqual(
          yield* plan("SELECT thread_id, epoch FROM eca_threads WHERE due_at <= 5 ORDER BY due_at LIMIT 10"),
          "SEARCH eca_threads USING COVERING INDEX eca_threads_due (due_at<?)"
        )
        assert.include(yield* plan("SELECT thread_id FROM eca_threads WHERE status <> 'stopped'"), "eca_threads_live")
        assert.include(
          yield* plan("SELECT thread_id FROM eca_turns WHERE status IN ('intent', 'accepted')"),
          "eca_turns_open"
        )
        assert.include(
          yield* plan(
            "SELECT type FROM eca_events WHERE thread_id = 'a' AND subject_id = 'b' ORDER BY seq DESC LIMIT 1"
          ),
          "eca_events_subject"
        )
      }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )
})

describe("SessionStore: events", () => {
  it.effect("P6 store: a request is unknown, open or settled", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const requestId = RequestId.make("r1")
      yield* openThread()
      assert.strictEqual(yield* store.requestStatus(threadId, requestId), "unknown")
      yield* commit(numbered(1, [{ _tag: "QuestionAsked", request: { requestId, questions: [] } }]))
      assert.strictEqual(yield* store.requestStatus(threadId, requestId), "open")
      assert.strictEqual(yield* store.requestStatus(ThreadId.make("thread-2"), requestId), "unknown")
      yield* commit(numbered(2, [{ _tag: "QuestionSettled", requestId, by: "user" }]))
      assert.strictEqual(yield* store.requestStatus(threadId, requestId), "settled")
    })))

  it.effect("P11 store: an event that this version does not know, or cannot read, is handed out with its raw value", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, openThread())
      yield* behind(
        filename,
        `UPDATE eca_threads SET last_seq = 4;
         INSERT INTO eca_events VALUES
           (102, 'thread-1', 2, 1, 'a', 'Telepathy', NULL, 7, 9, '{"_tag":"Telepathy","turnId":"a","thought":42}'),
           (103, 'thread-1', 3, 1, NULL, 'Warning', NULL, 7, 1, '{"_tag":"Warning","code":5}'),
           (104, 'thread-1', 4, 1, NULL, 'Warning', NULL, 7, 1, '{"_tag":"Warn')`
      )
      const events = yield* withStore(filename, allEvents())
      const place = { threadId, epoch: first, at: 7 }
      const at = (seq: number) => ({ ...place, seq, position: String(100 + seq) })
      assert.deepStrictEqual<unknown>(events.slice(1, 4), [
        {
          _tag: "Unrecognized",
          type: "Telepathy",
          turnId: "a",
          raw: { _tag: "Telepathy", turnId: "a", thought: 42 },
          ...at(2)
        },
        { _tag: "Unrecognized", type: "Warning", raw: { _tag: "Warning", code: 5 }, ...at(3) },
        { _tag: "Unrecognized", type: "Warning", raw: "{\"_tag\":\"Warn", ...at(4) }
      ])
    }))
})

describe("SessionStore: opening", () => {
  const opening = (filename: string) =>
    Effect.flip(Effect.scoped(Layer.build(SessionStore.layerSqlite({ filename, busyTimeout: "10 millis" }))))

  it.effect.runIf(onSqlite)(
    "P3 store: a store of a newer release is refused and left as it is",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(filename, openThread())
        yield* behind(filename, "INSERT INTO eca_migrations (migration_id, name) VALUES (900, 'tomorrow')")
        const before = hash(filename)
        const error = yield* opening(filename)
        assert.deepInclude(error, { _tag: "StoreNewer", found: 900, supported: migrations.supported })
        assert.strictEqual(hash(filename), before)
      })
  )

  for (
    const [what, rows, found] of [
      ["of many migrations", "(1, '', 'threads'), (2, '', 'cursors'), (9, '', 'compaction_policies')", 9],
      ["of two", "(1, '', 'layout'), (2, '', 'erasures')", 2]
    ] as const
  ) {
    it.effect.runIf(onSqlite)(
      `P3 store: a store with a layout from before the first release, ${what}, is refused and left as it is`,
      () =>
        Effect.gen(function*() {
          const filename = yield* temporaryFile
          yield* behind(
            filename,
            `PRAGMA journal_mode = WAL;
           CREATE TABLE eca_migrations (migration_id INTEGER PRIMARY KEY, created_at TEXT, name TEXT NOT NULL);
           INSERT INTO eca_migrations VALUES ${rows};
           CREATE TABLE eca_threads (thread_id TEXT PRIMARY KEY NOT NULL)`
          )
          const before = hash(filename)
          assert.deepInclude(yield* opening(filename), { _tag: "StoreOlder", found, retryable: false })
          assert.strictEqual(hash(filename), before)
        })
    )
  }

  it("the first release has one migration", () => assert.strictEqual(migrations.supported, 1))

  it.effect.runIf(onSqlite)("P8 store: a store has one owner at a time", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const error = yield* opening(filename)
          assert.deepInclude(error, { _tag: "StoreOwned", pid: process.pid, host: yield* ProcessIdentity.HostName })
          yield* openThread()
        })
      )
      yield* withStore(filename, Effect.void)
    }))

  const ownedBy = Effect.fnUntraced(function*(filename: string, changes: Partial<ProcessIdentity.ProcessIdentity>) {
    const self = yield* ProcessIdentity.self
    const { boot, host, pid, startTime } = { ...self, ...changes }
    yield* withStore(filename, Effect.void)
    yield* behind(
      filename,
      `INSERT INTO eca_owner VALUES (1, 'token', '${host}', '${boot}', ${pid}, '${startTime}', 1234)`
    )
    return yield* Effect.exit(withStore(filename, Effect.void))
  })

  it.effect("P8 store: an owner whose id was given to another process, or of an earlier boot, is succeeded", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      assert.strictEqual((yield* ownedBy(filename, { startTime: "1" }))._tag, "Success")
      assert.strictEqual((yield* ownedBy(filename, { boot: "another-boot" }))._tag, "Success")
    }))

  it.effect("P8 store: an owner that lives, or that is on another host, is not", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ownedBy(yield* temporaryFile, {}))._tag, "Failure")
      assert.strictEqual((yield* ownedBy(yield* temporaryFile, { host: "elsewhere" }))._tag, "Failure")
    }))

  it.effect("P4 store: a turn without an end is ended at the next opening, even in a thread that was stopped", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* openThread()
          yield* acceptedTurn("a", 1)
        })
      )
      yield* behind(filename, "UPDATE eca_threads SET status = 'stopped'")
      const tags = Effect.map(allEvents(), (events) => events.map((event) => event._tag))
      for (let times = 0; times < 2; times++) {
        assert.deepStrictEqual(yield* withStore(filename, tags), ["SessionStarted", "TurnStarted", "TurnUnknown"])
      }
    }))

  it.effect("P12 store: a settled thread goes on in a new epoch", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, openThread())
      yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* openThread({ epoch: second, after: 2 })
          const events = yield* allEvents()
          assert.deepStrictEqual(events.map((event) => [event.seq, event.epoch, event._tag]), [
            [1, 1, sessionStarted._tag],
            [2, 1, "SessionEnded"],
            [3, 2, sessionStarted._tag]
          ])
        })
      )
    }))
})
