/** What one commit does besides appending events: the ledger of turns, the thread's row, cursors, hooks. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { SqlClient, Statement } from "effect/sql"
import type { Continuity } from "../../src/domain/Continuity.ts"
import { Epoch, InstanceId, ItemId, ProviderName, SessionId, ThreadId } from "../../src/domain/Ids.ts"
import type { EventBody, NumberedEvent } from "../../src/domain/ThreadEvent.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import * as ledger from "../../src/store/internal/ledger.ts"
import * as LifecycleRecord from "../../src/store/LifecycleRecord.ts"
import { type Part, SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import type { EpochFenced, StoreFailed, TurnExists } from "../../src/store/StoreError.ts"
import {
  acceptedTurn,
  allEvents,
  binding,
  commit,
  first,
  instanceId,
  message,
  numbered,
  onSqlite,
  onStore,
  openThread,
  sessionStarted,
  stopped,
  threadId,
  turn,
  usage,
  writing
} from "../support/StoreFixture.ts"

const second = Epoch.make(2)
const cursor = { provider: ProviderName.make("acme"), version: 1, payload: { id: "s1" } }

const intent = (id: string) =>
  SessionStore.use((store) =>
    store.recordIntent({ turnId: turn(id), threadId, epoch: first, ref: undefined, input: { prompt: id }, at: 1500 })
  )

const started = (id: string): EventBody => ({ _tag: "TurnStarted", turnId: turn(id), input: { prompt: id } })
const completed = (id: string): EventBody => ({ _tag: "TurnCompleted", turnId: turn(id), usage })

const statusOf = (id: string) =>
  SessionStore.use((store) => Effect.map(store.getTurn(turn(id)), (found) => Option.getOrThrow(found).status))

const thread = SessionStore.use((store) => Effect.map(store.getThread(threadId), Option.getOrThrow))

const due = SessionStore.use((store) =>
  Effect.map(store.dueThreads({ now: 10_000, limit: 10 }), (found) => found.map((one) => one.threadId))
)

const toReconcile = SessionStore.use((store) =>
  Effect.map(store.unreconciledTurns(threadId), (found) => found.map((one) => one.turnId))
)

describe("Commit: the ledger", () => {
  it.effect("P4 store: each terminal event moves its turn to its outcome, from wherever it was open", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      const failure = { _tag: "OutputFiltered" } as const
      const endings: ReadonlyArray<readonly [string, EventBody]> = [
        ["completed", completed("completed")],
        ["failed", { _tag: "TurnFailed", turnId: turn("failed"), failure, usage }],
        ["interrupted", { _tag: "TurnInterrupted", turnId: turn("interrupted"), by: "user", usage }],
        ["unknown", { _tag: "TurnUnknown", turnId: turn("unknown"), reason: "delivery-uncertain" }]
      ]
      let seq = 1
      for (const [id, ending] of endings) {
        yield* intent(id)
        yield* commit(numbered(seq++, [ending], { at: 2500 }))
        assert.strictEqual(yield* statusOf(id), id)
      }
      const store = yield* SessionStore
      assert.strictEqual(Option.getOrThrow(yield* store.getTurn(turn("failed"))).endedAt, 2500)
    })))

  it.effect("P4 store: several turns move in one commit, in the order of their events", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* intent("b")
      yield* intent("c")
      yield* commit(numbered(2, [completed("a"), started("b"), completed("b"), started("c")]))
      assert.deepStrictEqual(yield* Effect.all([statusOf("a"), statusOf("b"), statusOf("c")]), [
        "completed",
        "completed",
        "accepted"
      ])
    })))

  it.effect("P4 store: if one turn does not move, nothing is written at all", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("a", 1)
      const other = ThreadId.make("thread-2")
      yield* openThread({ threadId: other })
      const wrong = [
        // Not recorded, started already, of another thread; ended twice, and started after its end, in one commit.
        commit(numbered(2, [completed("a"), started("unknown")]), { cursor }),
        commit(numbered(2, [started("a")]), { cursor }),
        commit(numbered(1, [completed("a")], { threadId: other }), { threadId: other, cursor }),
        commit(numbered(2, [completed("a"), completed("a")]), { cursor }),
        commit(numbered(2, [completed("a"), started("a")]), { cursor })
      ]
      for (const write of wrong) assert.strictEqual((yield* Effect.flip(write))._tag, "EpochFenced")
      assert.strictEqual(yield* statusOf("a"), "accepted")
      assert.lengthOf(yield* allEvents(), 2)
      assert.strictEqual((yield* thread).lastSeq, 2)
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.none())
    })))

  it.effect("P5 P16 store: turns to reconcile are those that are unknown, lost, or have a cut item, until they were", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      for (const id of ["unknown", "lost", "failed", "cut", "fine"]) yield* intent(id)
      const item = { _tag: "AssistantMessage", itemId: ItemId.make("i"), text: "half" } as const
      const lost = { _tag: "SessionLost" } as const
      yield* commit(numbered(1, [
        started("unknown"),
        { _tag: "TurnUnknown", turnId: turn("unknown"), reason: "host-crash" },
        { _tag: "TurnFailed", turnId: turn("lost"), failure: lost, usage },
        { _tag: "TurnFailed", turnId: turn("failed"), failure: { _tag: "ContextOverflow" }, usage },
        { _tag: "ItemCompleted", turnId: turn("cut"), item, cut: true },
        { _tag: "TurnInterrupted", turnId: turn("cut"), by: "stop", usage },
        { _tag: "ItemCompleted", turnId: turn("fine"), item },
        completed("fine")
      ]))
      assert.deepStrictEqual((yield* toReconcile).toSorted(), [turn("cut"), turn("lost"), turn("unknown")])
      yield* commit(numbered(9, [
        { _tag: "TurnReconciled", turnId: turn("lost"), evidence: "unfinished" },
        { _tag: "TurnReconciled", turnId: turn("cut"), evidence: "interrupted" }
      ]))
      assert.deepStrictEqual(yield* toReconcile, [turn("unknown")])
      assert.strictEqual(yield* statusOf("lost"), "failed")
    })))

  it.effect.each<readonly [Continuity["_tag"], Continuity, boolean]>([
    ["Resumed", { _tag: "Resumed" }, true],
    ["Moved", { _tag: "Moved", from: "/before" }, true],
    ["Created", { _tag: "Created" }, false]
  ])("P5 store: what became of a turn is asked of its own session, resumed or moved, and of no other: %s", ([
    ,
    continuity,
    asked
  ]) =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* intent("unknown")
      yield* commit(numbered(1, [
        started("unknown"),
        { _tag: "TurnUnknown", turnId: turn("unknown"), reason: "host-crash" }
      ]))
      yield* stopped(3)
      yield* commit(numbered(4, [{ ...sessionStarted, continuity }], { epoch: second }), {
        binding: binding({ epoch: second })
      })
      assert.deepStrictEqual(yield* toReconcile, asked ? [turn("unknown")] : [])
    })))

  it.effect("P5 store: a restored turn is not in the ledger", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* commit(numbered(1, [{
        _tag: "TurnRestored",
        source: { _tag: "Snapshot", snapshotId: "s" },
        turnId: turn("old"),
        input: { prompt: "old" },
        startedAt: 1,
        items: [],
        outcome: "unknown"
      }]))
      assert.deepStrictEqual(yield* store.getTurn(turn("old")), Option.none())
    })))

  it("P4 store: a turn that starts and ends in one commit moves once", () => {
    const changes = ledger.project(numbered(0, [started("a"), completed("a")]))
    assert.deepStrictEqual(changes, [
      {
        turnId: turn("a"),
        from: "intent",
        to: "completed",
        endedAt: 2000,
        spent: { tokens: 3, costUsd: 0 }
      }
    ])
  })
})

describe("Commit: the thread", () => {
  it.effect("P9 store: what is absent stays; null clears the due time; the status is the caller's", () =>
    onStore(Effect.gen(function*() {
      yield* openThread({ dueAt: 5000 })
      const before = yield* thread
      yield* commit(numbered(1, [message("x")]))
      assert.deepStrictEqual([(yield* thread).status, (yield* thread).activeAt], ["idle", before.activeAt])
      assert.deepStrictEqual(yield* due, [threadId])
      yield* commit(numbered(2, [message("x")]), { dueAt: null, activeAt: 3000, status: "waiting" })
      assert.deepStrictEqual([(yield* thread).status, (yield* thread).activeAt], ["waiting", 3000])
      assert.deepStrictEqual(yield* due, [])
      yield* commit([], { dueAt: 4000 })
      assert.deepStrictEqual(yield* due, [threadId])
    })))

  it.effect("P9 store: SessionEnded stops the thread, and clears the due time", () =>
    onStore(Effect.gen(function*() {
      yield* openThread({ dueAt: 5000 })
      yield* stopped(1, { status: "running" })
      assert.strictEqual((yield* thread).status, "stopped")
      assert.deepStrictEqual(yield* due, [])
    })))

  it.effect("P8 store: what is known of a stopped thread only afterwards is written under its last epoch, and no other", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      const late = (after: number, epoch = first) =>
        commit(numbered(after, [message("late")], { epoch }), { expect: "stopped", epoch })
      assert.strictEqual((yield* Effect.flip(late(1)))._tag, "EpochFenced")
      yield* stopped(1)
      yield* late(2)
      assert.strictEqual((yield* Effect.flip(late(3, second)))._tag, "EpochFenced")
      assert.strictEqual((yield* thread).status, "stopped")
    })))

  it.effect("P1 store: a thread returns to no session that had a turn which was taken back in another", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const otherId = InstanceId.make("acme-2")
      const swapped = { ...binding({ epoch: second }), instanceId: otherId, sessionId: SessionId.make("session-2") }
      const runs = (id: string, after: number, epoch: Epoch) =>
        Effect.andThen(
          store.recordIntent({ turnId: turn(id), threadId, epoch, ref: undefined, input: { prompt: id }, at: 1500 }),
          commit(numbered(after, [started(id), completed(id)], { epoch }), { epoch, cursor })
        )
      const kept = Effect.all([store.getCursor(threadId, instanceId), store.getCursor(threadId, otherId)])
      const rewound = (after: number, before: string) =>
        commit(numbered(after, [{ _tag: "ThreadRewound", before: turn(before), files: "kept" }], { epoch: second }), {
          epoch: second
        })
      yield* openThread()
      yield* runs("a", 1, first)
      yield* stopped(3)
      yield* commit(numbered(4, [sessionStarted], { epoch: second }), { binding: swapped })
      yield* runs("b", 5, second)
      // The first session had only the turn before.
      yield* rewound(7, "b")
      assert.deepStrictEqual(yield* kept, [Option.some(cursor), Option.some(cursor)])
      // The second one is the thread's own: there the turn is taken back.
      yield* rewound(8, "a")
      assert.deepStrictEqual(yield* kept, [Option.none(), Option.some(cursor)])
    })))

  it.effect("P8 P12 store: a reset is one commit: the end of one epoch and the opening of the next, or neither", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* HookOutbox.use((outbox) => outbox.register({ name: "all", patterns: ["*"] }))
      yield* openThread()
      yield* commit(numbered(1, [message("x")]), { cursor })
      const part = (events: ReadonlyArray<NumberedEvent>, of: Omit<Part, "events" | "lifecycle">): Part => ({
        ...of,
        events,
        lifecycle: events.flatMap((event) => LifecycleRecord.of(event, binding()) ?? [])
      })
      const reset = (from: Epoch) =>
        store.commit({
          ...writing([], { dueAt: 7000, flush: true }),
          parts: [
            part(numbered(2, [{ _tag: "SessionEnded", reason: "reset" }], { epoch: from }), {
              epoch: from,
              expect: "live"
            }),
            part(numbered(3, [sessionStarted], { epoch: second }), {
              epoch: second,
              expect: "none",
              binding: binding({ epoch: second }),
              resets: true
            })
          ]
        })
      assert.strictEqual((yield* Effect.flip(reset(second)))._tag, "EpochFenced")
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.some(cursor))
      const position = yield* reset(first)
      assert.deepStrictEqual(yield* store.getCursor(threadId, instanceId), Option.none())
      const { epoch, lastSeq, status } = yield* thread
      assert.deepStrictEqual([epoch, lastSeq, status], [2, 4, "idle"])
      assert.deepStrictEqual(yield* due, [threadId])
      const positions = (yield* allEvents()).slice(2).map((event) => event.position)
      assert.deepStrictEqual<unknown>(positions, [EventPosition.before(position, 1), position])
      const heard = yield* HookOutbox.use((outbox) => outbox.pending({ hook: "all", now: 1, limit: 64 }))
      assert.deepStrictEqual(heard.map((event) => event._tag), ["session:start", "session:end", "session:start"])
    })))

  it.effect("P1 store: a thread can be made without a session, once, and is started as any other", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const { createdAt, directory, instanceId, project, provider, runtimeMode } = binding()
      const thread = { threadId, createdAt, directory, instanceId, project, provider, runtimeMode, activeAt: createdAt }
      const position = yield* store.createThread(thread)
      assert.deepStrictEqual<unknown>(
        yield* store.getThread(threadId),
        Option.some({ ...thread, status: "stopped", epoch: 0, lastSeq: 0, position: Option.getOrThrow(position) })
      )
      assert.deepStrictEqual(yield* store.createThread(thread), Option.none())
      yield* openThread()
      assert.strictEqual(Option.getOrThrow(yield* store.getThread(threadId)).epoch, 1)
      assert.deepStrictEqual(yield* store.createThread(thread), Option.none())
    })))
})

describe("Commit: what it costs", () => {
  it.effect.runIf(onSqlite)(
    "P5 store: a turn takes nine statements and two more for each batch of events, whatever else is stored",
    () =>
      onStore(Effect.gen(function*() {
        yield* openThread()
        const statements = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
          let count = 0
          const counting = (statement: Statement.Statement<unknown>) => {
            count++
            return Effect.succeed(statement)
          }
          yield* Effect.provideService(effect, Statement.CurrentTransformer, counting)
          return count
        })
        assert.strictEqual(yield* statements(intent("a")), 2)
        assert.strictEqual(yield* statements(commit(numbered(1, [started("a")]), { dueAt: null, activeAt: 1 })), 3)
        assert.strictEqual(yield* statements(commit(numbered(2, [message("x"), message("y")]))), 2)
        assert.strictEqual(
          yield* statements(commit(numbered(4, [completed("a")]), { cursor, dueAt: 1, activeAt: 2 })),
          4
        )
      }))
  )
})

describe("Commit: a transaction of the caller's", () => {
  it.effect("P5 store: no write joins a transaction that is open on the same client; the app's own is kept", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* SessionStore
      const outbox = yield* HookOutbox
      yield* openThread()
      yield* sql`CREATE TABLE app (n BIGINT)`
      const delivery = { hook: "h", eventId: "e" }
      const writes: ReadonlyArray<Effect.Effect<unknown, StoreFailed | TurnExists | EpochFenced>> = [
        store.commit(writing(numbered(1, [message("x")]))),
        store.recordIntent({
          turnId: turn("a"),
          threadId,
          epoch: first,
          ref: undefined,
          input: { prompt: "a" },
          at: 1
        }),
        store.refuseTurn(turn("a"), 1),
        store.setDue({ threadId, epoch: first, dueAt: 1 }),
        store.settleThread(threadId),
        store.deleteThread(threadId),
        store.createThread({ ...binding(), threadId: ThreadId.make("new") }),
        outbox.register({ name: "h", patterns: ["*"] }),
        outbox.attempt(delivery),
        outbox.postpone({ ...delivery, dueAt: 1, error: "Broken" }),
        outbox.acknowledge(delivery),
        outbox.purge(1)
      ]
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* sql`INSERT INTO app VALUES (1)`
        for (const write of writes) {
          assert.deepInclude(yield* Effect.flip(write), {
            _tag: "StoreFailed",
            reason: "NestedTransaction",
            retryable: false
          })
        }
        assert.strictEqual(Option.getOrThrow(yield* store.getThread(threadId)).lastSeq, 1)
      }))
      assert.lengthOf(yield* sql`SELECT n FROM app`, 1)
      yield* commit(numbered(1, [message("x")]))
      assert.lengthOf(yield* allEvents(), 2)
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))

  it.effect("P5 store: a write of another fiber waits for the app's transaction, and is not rolled back with it", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* openThread()
      const begun = yield* Deferred.make<void>()
      const write = yield* Effect.forkChild(
        Effect.andThen(Deferred.await(begun), commit(numbered(1, [message("x")])))
      )
      const rolledBack = sql.withTransaction(Effect.gen(function*() {
        yield* Deferred.succeed(begun, undefined)
        for (let n = 0; n < 10; n++) yield* Effect.yieldNow
        assert.lengthOf(yield* allEvents(), 1)
        return yield* Effect.fail("rolled back")
      }))
      assert.strictEqual(yield* Effect.flip(rolledBack), "rolled back")
      yield* Fiber.join(write)
      assert.lengthOf(yield* allEvents(), 2)
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))
})
