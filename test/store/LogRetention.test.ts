/** What the store removes of a thread's log, and what it never does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Struct } from "effect"
import { readFileSync, statSync } from "node:fs"
import { ItemId, RequestId, ThreadId } from "../../src/domain/Ids.ts"
import type { EventBody } from "../../src/domain/ThreadEvent.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  acceptedTurn,
  allEvents,
  behind,
  commit,
  first,
  numbered,
  onSqlite,
  onStore,
  openThread,
  stopped,
  temporaryFile,
  threadId,
  turn,
  usage,
  withStore
} from "../support/StoreFixture.ts"

const secret = "the launch code is 8341"

/** A turn of three events that began at this time; `after` is the event before. */
const ended = Effect.fnUntraced(function*(id: string, after: number, at = 2000, text = "words") {
  const store = yield* SessionStore
  const turnId = turn(id)
  const input = { prompt: text }
  yield* store.recordIntent({ turnId, threadId, epoch: first, ref: `ref-${id}`, input, at })
  const said: EventBody = {
    _tag: "ItemCompleted",
    turnId,
    item: { _tag: "AssistantMessage", itemId: ItemId.make(`${id}.1`), text }
  }
  yield* commit(
    numbered(after, [{ _tag: "TurnStarted", turnId, input }, said, { _tag: "TurnCompleted", turnId, usage }], { at })
  )
})

/** Turns t1, t2, ..., one second apart. The first event of turn `n` is `3 n - 1`. */
const turns = (count: number, text?: string) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => ended(`t${n + 1}`, 1 + 3 * n, 1000 * (n + 1), text))

const through = (limits: Parameters<SessionStore["Service"]["prunable"]>[1]) =>
  SessionStore.use((store) => Effect.map(store.prunable(threadId, limits), Option.getOrUndefined))

const seqs = Effect.map(allEvents(), (events) => events.map(({ seq }) => seq))

describe("SessionStore: retention of a thread's log", () => {
  it.effect("P3 store: removes whole turns, by their number, their age and their bytes", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* turns(5)
      assert.isUndefined(yield* through({}))
      assert.isUndefined(yield* through({ keepTurns: 5 }))
      assert.strictEqual(yield* through({ keepTurns: 2 }), 10)
      assert.strictEqual(yield* through({ since: 3000 }), 7)
      assert.strictEqual(yield* through({ since: 2001 }), 7)
      assert.strictEqual(yield* through({ keepTurns: 4, since: 3000 }), 7)
      const bytes = (yield* allEvents()).slice(10).map((event) =>
        JSON.stringify(Struct.omit(event, ["seq", "threadId", "epoch", "at", "position"])).length
      )
      const last = bytes.reduce((sum, size) => sum + size, 0)
      assert.strictEqual(yield* through({ maxBytes: last }), 10)
      assert.strictEqual(yield* through({ maxBytes: last - 1 }), 13)
      // The last event says where the log goes on.
      assert.strictEqual(yield* through({ keepTurns: 0 }), 15)
      assert.strictEqual(yield* through({ since: 1e12 }), 15)
    })))

  it.effect("P5 store: the ids of pruned turns stay taken, and nothing of what was said is left of them", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* turns(3)
      const spent = yield* store.spent(threadId)
      assert.isAbove(spent.tokens, 0)
      assert.isTrue(yield* store.prune({ threadId, through: 7, items: 4 }))
      assert.deepStrictEqual(yield* store.spent(threadId), spent)
      assert.deepStrictEqual(yield* seqs, [8, 9, 10])
      assert.deepStrictEqual(yield* store.pruned(threadId), Option.some({ threadId, through: 7, items: 4 }))
      const again = { turnId: turn("t1"), threadId, epoch: first, ref: undefined, input: { prompt: "again" }, at: 9 }
      assert.strictEqual((yield* Effect.flip(store.recordIntent(again)))._tag, "TurnExists")
      const record = Option.getOrThrow(yield* store.getTurn(turn("t1")))
      assert.deepInclude(record, { status: "completed", ref: undefined, threadId })
      assert.notProperty(record, "input")
      assert.property(Option.getOrThrow(yield* store.getTurn(turn("t3"))), "input")
      // The log goes on where it was.
      yield* ended("t4", 10)
      assert.deepStrictEqual(yield* seqs, [8, 9, 10, 11, 12, 13])
    })))

  it.effect("P4 store: a turn that is open or still to be compared, and what waits for an answer, stay", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* turns(2)
      yield* acceptedTurn("unknown", 7)
      yield* commit(numbered(8, [{ _tag: "TurnUnknown", turnId: turn("unknown"), reason: "delivery-uncertain" }]))
      yield* ended("t3", 9)
      assert.strictEqual(yield* through({ keepTurns: 0 }), 7)
      assert.isFalse(yield* store.prune({ threadId, through: 8, items: 0 }))
      assert.lengthOf(yield* seqs, 12)
      yield* commit(numbered(12, [{ _tag: "TurnReconciled", turnId: turn("unknown"), evidence: "never-delivered" }]))
      assert.strictEqual(yield* through({ keepTurns: 0 }), 12)
      const request = { requestId: RequestId.make("r1"), questions: [] }
      yield* commit(numbered(13, [{ _tag: "QuestionAsked", request }]))
      yield* ended("t4", 14)
      assert.strictEqual(yield* through({ keepTurns: 0 }), 13)
      yield* commit(numbered(17, [{ _tag: "QuestionSettled", requestId: request.requestId, by: "user" }]))
      yield* acceptedTurn("open", 18)
      assert.strictEqual(yield* through({ keepTurns: 0 }), 18)
      yield* commit(numbered(19, [{ _tag: "TurnCompleted", turnId: turn("open"), usage }]))
      yield* stopped(20)
      assert.strictEqual(yield* through({ keepTurns: 0 }), 20)
    })))

  it.effect("P4 store: a turn that was never compared counts as settled after the stated age, and is not compared then", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* acceptedTurn("unknown", 1)
      yield* commit(
        numbered(2, [{ _tag: "TurnUnknown", turnId: turn("unknown"), reason: "delivery-uncertain" }], { at: 5000 })
      )
      yield* ended("t1", 3, 6000)
      assert.strictEqual(yield* through({ keepTurns: 1 }), 1)
      assert.strictEqual(yield* through({ keepTurns: 1, settledBefore: 5000 }), 1)
      assert.strictEqual(yield* through({ keepTurns: 1, settledBefore: 5001 }), 3)
      assert.isFalse(yield* store.prune({ threadId, through: 3, items: 1, settledBefore: 5000 }))
      assert.lengthOf(yield* store.unreconciledTurns(threadId), 1)
      assert.isTrue(yield* store.prune({ threadId, through: 3, items: 1, settledBefore: 5001 }))
      assert.lengthOf(yield* store.unreconciledTurns(threadId), 0)
      assert.deepStrictEqual(yield* store.pruned(threadId), Option.some({ threadId, through: 3, items: 1 }))
      assert.strictEqual(Option.getOrThrow(yield* store.getTurn(turn("unknown"))).status, "unknown")
      // A turn that is open is needed however old it is.
      yield* acceptedTurn("open", 6)
      assert.strictEqual(yield* through({ keepTurns: 0, settledBefore: 1e12 }), 6)
    })))

  it.effect("P12 store: what hooks still have to be told stays; what is remembered of the rest goes", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const outbox = yield* HookOutbox
      yield* outbox.register({ name: "audit", patterns: ["turn:end"] })
      yield* openThread()
      yield* turns(3)
      const pending = yield* outbox.pending({ hook: "audit", now: 1e15, limit: 10 })
      assert.lengthOf(pending, 3)
      yield* outbox.acknowledge({ hook: "audit", eventId: pending[0]?.eventId ?? "" })
      yield* store.prune({ threadId, through: 7, items: 0 })
      assert.deepStrictEqual(yield* outbox.pending({ hook: "audit", now: 1e15, limit: 10 }), pending.slice(1))
    })))

  it.effect.runIf(onSqlite)(
    "P14 store: what is pruned is in no file of the store, and the file shrinks",
    () =>
      Effect.flatMap(temporaryFile, (filename) =>
        withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            yield* openThread()
            yield* turns(200, `${secret} ${"x".repeat(20_000)}`)
            const before = statSync(filename).size
            yield* store.prune({ threadId, through: 1 + 3 * 200 - 1, items: 0 })
            yield* ended("after", 601)
            for (const suffix of ["", "-wal", "-shm"]) assert.notInclude(`${readFileSync(filename + suffix)}`, secret)
            assert.isBelow(statSync(filename).size, before / 20)
          })
        ))
  )

  it.effect("P3 store: what a crash has left of a pruning is removed at the next opening", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.andThen(openThread(), turns(3))
      )
      yield* behind(
        filename,
        `INSERT INTO eca_pruned (thread_id, through, items, removed, position, epoch, at)
          VALUES ('${threadId}', 4, 2, 0, 1, 1, 1)`
      )
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          assert.strictEqual((yield* seqs)[0], 5)
          // A thread that is deleted leaves nothing of it.
          yield* store.deleteThread(threadId)
          assert.isTrue(Option.isNone(yield* store.pruned(threadId)))
          const other = ThreadId.make("unheard of")
          assert.isFalse(yield* store.prune({ threadId: other, through: 0, items: 1 }))
        })
      )
    }))
})
