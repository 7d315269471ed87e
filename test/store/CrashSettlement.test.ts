/** What opening a store does with the rest of an owner that has crashed. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Option, Struct, Tracer } from "effect"
import { DatabaseSync } from "node:sqlite"
import { ItemId, RequestId, ThreadId } from "../../src/domain/Ids.ts"
import type { Item } from "../../src/domain/Item.ts"
import * as Usage from "../../src/domain/Usage.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { groupSize } from "../../src/store/internal/crashSettlement.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  acceptedTurn,
  allEvents,
  behind,
  commit,
  numbered,
  onSqlite,
  openThread,
  stopped,
  temporaryFile,
  threadId,
  turn,
  usage,
  withStore
} from "../support/StoreFixture.ts"

/** Leaves what the effect does in a file, as a host does that dies after it, and answers the file. */
const leftBy = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E, SessionStore | HookOutbox>) {
  const filename = yield* temporaryFile
  yield* withStore(filename, effect)
  return filename
})

/** The events that the settlement has appended after so many. */
const settled = (after: number, id?: ThreadId) =>
  Effect.map(
    allEvents(id),
    (events) =>
      events.slice(after).map((event): unknown => Struct.omit(event, ["seq", "threadId", "epoch", "at", "position"]))
  )

const command: Item = { _tag: "Command", itemId: ItemId.make("command"), command: "make", status: "running" }
const answer = (id: string): Item => ({ _tag: "AssistantMessage", itemId: ItemId.make(id), text: "half" })
const ended = { _tag: "SessionEnded", reason: "host-crash", endedAt: 2000 }

describe("Crash settlement: what was open", () => {
  it.effect("P4 P6 P16 store: items are completed as cut, requests and the compaction settled, the turn ended with its usage", () =>
    Effect.gen(function*() {
      const turnId = turn("a")
      const compactionId = "compaction"
      const request = { requestId: RequestId.make("r"), kind: "command", subject: "make", detail: null } as const
      const filename = yield* leftBy(Effect.gen(function*() {
        yield* openThread()
        yield* commit(numbered(1, [
          { _tag: "ItemStarted", item: answer("of no turn") },
          { _tag: "ItemStarted", item: answer("done") },
          { _tag: "ItemCompleted", item: answer("done") }
        ]))
        yield* acceptedTurn("a", 4)
        yield* commit(numbered(5, [
          { _tag: "ItemStarted", turnId, item: answer("said") },
          { _tag: "ItemCompleted", turnId, item: answer("said") },
          { _tag: "ItemStarted", turnId, item: command },
          { _tag: "ApprovalRequested", turnId, request },
          { _tag: "UsageUpdated", turnId, usage },
          { _tag: "CompactionGated", turnId, compactionId, trigger: "auto", vetoable: true }
        ]))
      }))
      yield* withStore(
        filename,
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* settled(11), [
            { _tag: "ItemCompleted", item: answer("of no turn"), cut: true },
            { _tag: "ItemCompleted", turnId, item: { ...command, status: "failed" }, cut: true },
            { _tag: "ApprovalSettled", turnId, requestId: request.requestId, by: "host-crash" },
            { _tag: "TurnUnknown", turnId, reason: "host-crash", usage },
            { _tag: "CompactionSettled", turnId, compactionId, trigger: "auto", outcome: "unknown" },
            ended
          ])
          const store = yield* SessionStore
          assert.deepStrictEqual((yield* store.unreconciledTurns(threadId)).map((record) => record.turnId), [turnId])
          assert.deepStrictEqual(yield* store.spent(threadId), Usage.spend(Usage.nothingSpent, usage))
          assert.strictEqual(Option.getOrThrow(yield* store.getThread(threadId)).status, "stopped")
          assert.strictEqual(yield* store.requestStatus(threadId, request.requestId), "settled")
        })
      )
    }))

  it.effect("P16 store: only what the live epoch has left open is closed", () =>
    Effect.gen(function*() {
      const filename = yield* leftBy(Effect.gen(function*() {
        yield* openThread()
        yield* acceptedTurn("a", 1)
        yield* commit(numbered(2, [
          { _tag: "ItemStarted", turnId: turn("a"), item: answer("said") },
          { _tag: "ItemCompleted", turnId: turn("a"), item: answer("said") },
          { _tag: "TurnCompleted", turnId: turn("a"), usage }
        ]))
        yield* acceptedTurn("b", 5)
        yield* commit(numbered(6, [{ _tag: "ItemStarted", turnId: turn("b"), item: answer("more") }]))
      }))
      const closed = yield* withStore(filename, settled(7))
      assert.deepStrictEqual(closed, [
        { _tag: "ItemCompleted", turnId: turn("b"), item: answer("more"), cut: true },
        { _tag: "TurnUnknown", turnId: turn("b"), reason: "host-crash" },
        ended
      ])
    }))

  it.effect("P12 store: it happens once, and hooks are told of it", () =>
    Effect.gen(function*() {
      const filename = yield* leftBy(Effect.gen(function*() {
        yield* HookOutbox.use((outbox) => outbox.register({ name: "all", patterns: ["*"] }))
        yield* openThread()
        yield* acceptedTurn("a", 1)
      }))
      for (let times = 0; times < 2; times++) {
        const heard = yield* withStore(
          filename,
          HookOutbox.use((outbox) => outbox.pending({ hook: "all", now: 1, limit: 64 }))
        )
        assert.deepStrictEqual(heard.map((event) => [event._tag, event.delivery.recovered]), [
          ["session:start", true],
          ["turn:start", true],
          ["turn:end", true],
          ["session:end", true]
        ])
      }
    }))

  it.effect("P12 store: a thread that was stopped is left as it is", () =>
    Effect.gen(function*() {
      const filename = yield* leftBy(Effect.andThen(openThread(), stopped(1)))
      assert.deepStrictEqual(yield* withStore(filename, settled(2)), [])
    }))
})

describe("Crash settlement: many threads", () => {
  const many = (threads: number) =>
    Effect.forEach(Arr.range(1, threads), (n) => openThread({ threadId: ThreadId.make(`thread-${n}`) }), {
      discard: true
    })

  /** How many statements opening the file takes. */
  const statements = Effect.fnUntraced(function*(filename: string) {
    let count = 0
    const tracer = Tracer.make({
      span: (options) => {
        if (options.kind === "client") count++
        return new Tracer.NativeSpan(options)
      }
    })
    yield* withStore(filename, Effect.void).pipe(Effect.withTracer(tracer))
    return count
  })

  it.effect.runIf(onSqlite)(
    "P12 store: transactions and statements grow with groups of threads, not with threads",
    () =>
      Effect.gen(function*() {
        const few = yield* statements(yield* leftBy(many(10)))
        assert.isAbove(few, 0)
        assert.strictEqual(yield* statements(yield* leftBy(many(200))), few)
        const filename = yield* leftBy(many(groupSize + 20))
        const more = yield* statements(filename)
        assert.isAtMost(more, few * 2)
        const db = new DatabaseSync(filename)
        const found = db.prepare(
          `SELECT COUNT(*) AS ends, COUNT(DISTINCT e.position) AS places, COUNT(DISTINCT t.position) AS commits
            FROM eca_events e JOIN eca_threads t ON t.thread_id = e.thread_id WHERE e.type = 'SessionEnded'`
        ).get()
        db.close()
        assert.deepStrictEqual({ ...found }, { ends: groupSize + 20, places: groupSize + 20, commits: 2 })
      })
  )
})

describe("Crash settlement: rows that cannot be read", () => {
  it.effect.runIf(onSqlite)(
    "P15 store: of turns, threads and events: the store opens, and every other thread is settled",
    () =>
      Effect.gen(function*() {
        const filename = yield* leftBy(Effect.gen(function*() {
          yield* openThread()
          yield* acceptedTurn("a", 1)
          yield* commit(numbered(2, [{ _tag: "ItemStarted", turnId: turn("a"), item: command }]))
          yield* openThread({ threadId: ThreadId.make("fine") })
          // Ids are the app's own, whatever they mean in JavaScript.
          yield* openThread({ threadId: ThreadId.make("__proto__") })
          yield* openThread({ threadId: ThreadId.make("constructor") })
        }))
        const long = "x".repeat(513)
        yield* behind(
          filename,
          `INSERT INTO eca_turns (turn_id, thread_id, epoch, status, intent_at) VALUES
           ('', 'thread-1', 1, 'accepted', 1), ('${long}', 'thread-1', 1, 'intent', 1), (X'FF', 'nowhere', 1, 'intent', 1);
         INSERT INTO eca_inputs (turn_id, thread_id, body) VALUES
           ('', 'thread-1', '{"prompt":"hi"}'), ('${long}', 'thread-1', '{'), (X'FF', 'nowhere', '{}');
         INSERT INTO eca_threads SELECT '', instance_id, provider, session_id, directory, runtime_mode, project, model,
           agent, title, compaction, labels, archived, status, epoch, last_seq, position, created_at, active_at, due_at FROM eca_threads
           WHERE thread_id = 'fine';
         INSERT INTO eca_threads SELECT CAST(X'FF' AS TEXT), '', '', '', '', 'never', '[', '{', agent, title,
           compaction, '{', -1, 'asleep', -3,
           'many', position, 'then', 'now', due_at FROM eca_threads WHERE thread_id = 'fine';
         UPDATE eca_events SET body = '{"_tag":"ItemSta' WHERE type = 'ItemStarted'`
        )
        for (let times = 0; times < 2; times++) {
          yield* withStore(
            filename,
            Effect.gen(function*() {
              assert.deepStrictEqual(yield* settled(3), [
                { _tag: "TurnUnknown", turnId: "a", reason: "host-crash" },
                ended
              ])
              for (const id of ["fine", "__proto__", "constructor"]) {
                assert.deepStrictEqual(yield* settled(1, ThreadId.make(id)), [ended])
              }
            })
          )
        }
        const db = new DatabaseSync(filename)
        const left = db.prepare(`SELECT (SELECT COUNT(*) FROM eca_threads WHERE status <> 'stopped') AS threads,
        (SELECT COUNT(*) FROM eca_turns WHERE status IN ('intent', 'accepted')) AS turns`).get()
        db.close()
        assert.deepStrictEqual({ ...left }, { threads: 0, turns: 0 })
      })
  )
})
