import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { DatabaseSync } from "node:sqlite"
import { Epoch, RequestId, SessionId, ThreadId } from "../../src/domain/Ids.ts"
import type { HookPattern, LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { EpochFenced, SessionStore } from "../../src/store/SessionStore.ts"
import {
  acceptedTurn,
  binding,
  commit,
  first,
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
  withStore
} from "../support/StoreFixture.ts"

/** Counts in the file, behind the store's back. */
const counted = (filename: string, query: string) =>
  Effect.sync(() => {
    const db = new DatabaseSync(filename)
    const count = Number(db.prepare(query).get()?.["n"])
    db.close()
    return count
  })

const known = (name: string, ...patterns: ReadonlyArray<HookPattern>) =>
  HookOutbox.use((outbox) => outbox.register({ name, patterns }))

const pending = (hook: string, now = 10_000) => HookOutbox.use((outbox) => outbox.pending({ hook, now, limit: 64 }))

const kinds = (events: ReadonlyArray<LifecycleEvent>) => events.map(({ _tag }) => _tag)

const endTurn = (id: string, after: number) =>
  commit(numbered(after, [message("in between"), { _tag: "TurnCompleted", turnId: turn(id), usage }]))

describe("HookOutbox: recording", () => {
  it.effect("P12 store: each hook gets what matches its patterns, in the order of its recording, with its thread's identity", () =>
    onStore(Effect.gen(function*() {
      yield* known("all", "*")
      yield* known("sessions", "session:*")
      yield* known("ends", "turn:end")
      yield* openThread()
      yield* acceptedTurn("a", 1)
      yield* endTurn("a", 2)
      yield* stopped(4)
      const all = yield* pending("all")
      assert.deepStrictEqual(kinds(all), ["session:start", "turn:start", "turn:end", "session:end"])
      assert.deepStrictEqual(all.map(({ seq }) => seq), [1, 2, 4, 5])
      assert.deepStrictEqual(kinds(yield* pending("sessions")), ["session:start", "session:end"])
      assert.deepStrictEqual(kinds(yield* pending("ends")), ["turn:end"])
      assert.strictEqual(new Set(all.map(({ eventId }) => eventId)).size, 4)
      const { instanceId, provider, sessionId, directory } = binding()
      for (const event of all) {
        assert.deepInclude(event, { threadId, epoch: first, instanceId, provider, sessionId, directory })
        assert.deepStrictEqual(event.delivery, { attempt: 1, recovered: false })
      }
    })))

  it.effect("P12 store: the start of an epoch is told with the session that it opens", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* known("all", "*")
      yield* stopped(1)
      const epoch = Epoch.make(2)
      const sessionId = SessionId.make("session-2")
      yield* commit(numbered(2, [sessionStarted], { epoch }), { binding: { ...binding({ epoch }), sessionId } })
      const sessions = (yield* pending("all")).map((event) => [event._tag, event.sessionId, event.epoch])
      assert.deepStrictEqual(sessions, [["session:end", "session-1", 1], ["session:start", "session-2", 2]])
    })))

  it.effect("P12 store: a write that is fenced records nothing", () =>
    onStore(Effect.gen(function*() {
      yield* known("all", "*")
      yield* openThread()
      const started = numbered(1, [{ _tag: "TurnStarted", turnId: turn("unknown"), input: { prompt: "" } }])
      const fenced = [
        commit(started, { epoch: Epoch.make(2) }),
        // Its events follow, but there is no such turn: found out after they were inserted.
        commit(started)
      ]
      for (const write of fenced) assert.instanceOf(yield* Effect.flip(write), EpochFenced)
      assert.deepStrictEqual(kinds(yield* pending("all")), ["session:start"])
    })))

  it.effect("P12 store: the same thing is recorded once, delivered or not", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* known("all", "approval:*")
      yield* openThread()
      const request = { requestId: RequestId.make("r1"), kind: "command", subject: "make", detail: null } as const
      const asked = { _tag: "ApprovalRequested", request } as const
      yield* commit(numbered(1, [asked, asked]))
      yield* commit(numbered(3, [asked]))
      const [event, ...more] = yield* pending("all")
      assert.deepStrictEqual(more, [])
      yield* outbox.acknowledge({ hook: "all", eventId: event?.eventId ?? "" })
      yield* commit(numbered(4, [asked]))
      assert.deepStrictEqual(yield* pending("all"), [])
    })))

  it.effect("P12 store: a new hook sees nothing that was recorded earlier; one that is registered again loses nothing", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* known("new", "*")
      assert.deepStrictEqual(yield* pending("new"), [])
      yield* acceptedTurn("a", 1)
      yield* known("new", "*")
      assert.deepStrictEqual(kinds(yield* pending("new")), ["turn:start"])
      yield* known("new", "session:*")
      yield* endTurn("a", 2)
      yield* stopped(4)
      assert.deepStrictEqual(kinds(yield* pending("new")), ["turn:start", "session:end"])
    })))

  it.effect.runIf(onSqlite)("P12 store: where no hook is known nothing is recorded", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, openThread())
      assert.strictEqual(yield* counted(filename, "SELECT COUNT(*) AS n FROM eca_hook_events"), 0)
    }))
})

describe("HookOutbox: delivery", () => {
  it.effect("P12 store: a try is counted when it begins, is due again when it was postponed to, and ends with its acknowledgement", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* known("a", "*")
      yield* known("b", "*")
      yield* openThread()
      yield* stopped(1)
      const [start, end] = yield* pending("a")
      const eventId = start?.eventId ?? ""
      const hook = "a"
      yield* outbox.attempt({ hook, eventId })
      assert.deepStrictEqual((yield* pending("a")).map((event) => [event.eventId, event.delivery.attempt]), [
        [eventId, 2],
        [end?.eventId, 1]
      ])
      yield* outbox.postpone({ hook, eventId, dueAt: 500, error: "Broken" })
      const listed = yield* outbox.waiting({ limit: 3 })
      const rest = yield* outbox.waiting({ limit: 3, after: listed.next })
      assert.deepStrictEqual(
        [...listed.deliveries, ...rest.deliveries].map((one) => [
          one.hook,
          one.event._tag,
          one.attempts,
          one.dueAt,
          one.error
        ]),
        [
          ["a", "session:start", 1, 500, "Broken"],
          ["b", "session:start", 0, 0, undefined],
          ["a", "session:end", 0, 0, undefined],
          ["b", "session:end", 0, 0, undefined]
        ]
      )
      assert.strictEqual(rest.next, undefined)
      assert.deepStrictEqual(kinds(yield* pending("a", 499)), ["session:end"])
      assert.deepStrictEqual(kinds(yield* pending("a", 500)), ["session:end", "session:start"])
      yield* outbox.acknowledge({ hook, eventId: end?.eventId ?? "" })
      assert.strictEqual(yield* outbox.nextDue("a"), 500)
      yield* outbox.acknowledge({ hook, eventId })
      assert.strictEqual(yield* outbox.nextDue("a"), undefined)
      assert.deepStrictEqual(yield* pending("a"), [])
      assert.strictEqual(yield* outbox.nextDue("b"), 0)
      assert.deepStrictEqual((yield* pending("b")).map((event) => event.delivery.attempt), [1, 1])
    })))

  it.effect("P12 store: what is recorded while the app runs without a hook waits for it, and says that it is recovered", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, known("away", "*"))
      const before = yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* openThread()
          yield* stopped(1)
          return yield* pending("away")
        })
      )
      assert.deepStrictEqual(before.map(({ delivery }) => delivery.recovered), [false, false])
      yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* known("away", "*")
          const outbox = yield* HookOutbox
          const now = yield* pending("away")
          assert.deepStrictEqual(now.map(({ eventId }) => eventId), before.map(({ eventId }) => eventId))
          assert.deepStrictEqual(now.map(({ delivery }) => delivery.recovered), [true, true])
          for (const { eventId } of now) yield* outbox.acknowledge({ hook: "away", eventId })
          yield* openThread({ epoch: Epoch.make(2), after: 2 })
          assert.deepStrictEqual((yield* pending("away")).map(({ delivery }) => delivery.recovered), [false])
        })
      )
    }))

  it.effect("P12 store: the end of a session whose host has crashed is recorded when the store is opened, once", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* known("all", "*")
          yield* openThread()
          yield* acceptedTurn("a", 1)
        })
      )
      let ids: ReadonlyArray<string> = []
      for (let opening = 1; opening <= 2; opening++) {
        const found = yield* withStore(filename, pending("all"))
        assert.deepStrictEqual(kinds(found), ["session:start", "turn:start", "turn:end", "session:end"])
        const [, , turnEnd, end] = found
        assert.deepInclude(turnEnd, { outcome: "unknown" })
        assert.deepInclude(end, { reason: "host-crash", sessionId: SessionId.make("session-1") })
        assert.deepStrictEqual(found.map(({ delivery }) => delivery.recovered), [true, true, true, true])
        if (opening === 2) assert.deepStrictEqual(found.map(({ eventId }) => eventId), ids)
        ids = found.map(({ eventId }) => eventId)
      }
    }))

  it.effect("P12 store: what was given up is not due any more, is listed by pages, and is due again when it is sent again", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const giveUp = Effect.fnUntraced(function*(hook: string, event: LifecycleEvent | undefined) {
        assert.isDefined(event)
        const outbox = yield* HookOutbox
        yield* outbox.attempt({ hook, eventId: event.eventId })
        yield* outbox.giveUp({ hook, eventId: event.eventId, at: 7000, error: "Broken" })
        return event
      })
      const [started, ended] = yield* withStore(
        filename,
        Effect.gen(function*() {
          yield* known("one", "session:*")
          yield* known("two", "session:start")
          yield* openThread()
          yield* stopped(1)
          const [start, end] = yield* pending("one")
          yield* giveUp("two", start)
          return [yield* giveUp("one", start), yield* giveUp("one", end)] as const
        })
      )
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const outbox = yield* HookOutbox
          yield* outbox.limitDue({ hook: "one", dueAt: 0 })
          assert.deepStrictEqual(yield* pending("one", Number.MAX_SAFE_INTEGER - 1), [])
          assert.strictEqual(yield* outbox.nextDue("one"), undefined)
          assert.deepStrictEqual(yield* outbox.waiting({ limit: 2 }), { deliveries: [], next: undefined })
          const first = yield* outbox.givenUp({ limit: 2 })
          const rest = yield* outbox.givenUp({ limit: 2, after: first.next })
          assert.strictEqual(rest.next, undefined)
          assert.deepStrictEqual(
            [...first.deliveries, ...rest.deliveries].map(({ attempts, error, event, givenUpAt, hook }) => [
              hook,
              event.eventId,
              attempts,
              givenUpAt,
              error
            ]),
            [
              ["one", started.eventId, 1, 7000, "Broken"],
              ["two", started.eventId, 1, 7000, "Broken"],
              ["one", ended.eventId, 1, 7000, "Broken"]
            ]
          )
          assert.strictEqual((yield* Effect.flip(outbox.givenUp({ limit: 2, after: "nowhere" })))._tag, "PageInvalid")
          assert.strictEqual(yield* outbox.resend({ hook: "one", eventId: ended.eventId }), 1)
          assert.deepStrictEqual(
            (yield* pending("one")).map(({ delivery, eventId }) => [eventId, delivery.attempt]),
            [[ended.eventId, 1]]
          )
          assert.strictEqual(yield* outbox.resend({ hook: "one" }), 1)
          assert.strictEqual(yield* outbox.resend({ hook: "one" }), 0)
          assert.lengthOf((yield* outbox.givenUp({ limit: 10 })).deliveries, 1)
        })
      )
    }))

  it.effect("P12 store: a deleted thread's events are delivered all the same", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* known("all", "*")
      yield* openThread()
      yield* stopped(1, { reason: "deleted" })
      yield* store.deleteThread(threadId)
      const found = yield* pending("all")
      assert.deepStrictEqual(kinds(found), ["session:start", "session:end"])
      assert.deepInclude(found[1], { reason: "deleted", directory: "/project" })
    })))

  it.effect.runIf(onSqlite)(
    "P14 store: what a delivered event said is forgotten with its last acknowledgement",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const outbox = yield* HookOutbox
            const store = yield* SessionStore
            yield* known("a", "turn:*")
            yield* known("b", "turn:*")
            yield* openThread()
            yield* acceptedTurn("the prompt", 1)
            yield* store.deleteThread(threadId)
            const said = counted(filename, "SELECT COUNT(*) AS n FROM eca_hook_events WHERE body LIKE '%the prompt%'")
            const [event] = yield* pending("a")
            const eventId = event?.eventId ?? ""
            yield* outbox.acknowledge({ hook: "a", eventId })
            assert.strictEqual(yield* said, 1)
            yield* outbox.acknowledge({ hook: "b", eventId })
            assert.strictEqual(yield* said, 0)
          })
        )
      })
  )

  it.effect.runIf(onSqlite)(
    "P12 store: an event that cannot be read does not stand in the way of the others, and waits for a release that can",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const outbox = yield* HookOutbox
            yield* known("all", "*")
            yield* openThread()
            const [start] = yield* pending("all")
            yield* stopped(1)
            yield* counted(filename, "UPDATE eca_hook_events SET body = '{}' WHERE seq = 1 RETURNING 1 AS n")
            assert.deepStrictEqual(kinds(yield* pending("all")), ["session:end"])
            assert.deepStrictEqual(
              yield* outbox.pending({ hook: "all", now: 0, limit: 1 }).pipe(Effect.map(kinds)),
              ["session:end"]
            )
            assert.deepStrictEqual(yield* outbox.backlog, [{ hook: "all", waiting: 1, givenUp: 1 }])
            // The release that has written it is back.
            yield* Effect.sync(() => {
              const db = new DatabaseSync(filename)
              db.prepare("UPDATE eca_hook_events SET body = ? WHERE body = '{}'").run(JSON.stringify(start))
              db.close()
            })
            assert.strictEqual(yield* outbox.resend({ hook: "all" }), 1)
            assert.deepStrictEqual(kinds(yield* pending("all")), ["session:start", "session:end"])
          })
        )
      })
  )

  it.effect("P12 store: a purge forgets what is over and too old, and hooks that were not seen since, and nothing that is still due", () =>
    onStore(Effect.gen(function*() {
      const outbox = yield* HookOutbox
      yield* TestClock.setTime(1000)
      yield* known("gone", "*")
      yield* TestClock.setTime(3000)
      yield* known("here", "*")
      // Recorded at 2000, by the events themselves.
      yield* openThread()
      yield* outbox.purge(1500)
      assert.deepStrictEqual(kinds(yield* pending("gone")), [])
      assert.deepStrictEqual(kinds(yield* pending("here")), ["session:start"])
      yield* stopped(1)
      assert.deepStrictEqual(kinds(yield* pending("gone")), [])
      yield* outbox.purge(3000)
      const waiting = yield* pending("here")
      assert.deepStrictEqual(kinds(waiting), ["session:start", "session:end"])
      const [start, end] = waiting.map(({ eventId }) => eventId)
      yield* outbox.giveUp({ hook: "here", eventId: start ?? "", at: 2500, error: "Broken" })
      yield* outbox.acknowledge({ hook: "here", eventId: end ?? "" })
      yield* outbox.purge(2000)
      assert.deepStrictEqual(yield* outbox.backlog, [{ hook: "here", waiting: 0, givenUp: 1 }])
      yield* outbox.purge(3000)
      assert.deepStrictEqual(yield* outbox.backlog, [])
      yield* openThread({ threadId: ThreadId.make("thread-2") })
      assert.deepStrictEqual(kinds(yield* pending("here")), ["session:start"])
    })))
})
