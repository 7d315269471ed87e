/** P9 on the mock: the cap on live sessions stops idle ones, the least recently used first, and nothing that is in use. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, RequestId, ThreadId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Faulty from "../support/FaultyStore.ts"

const { awaitEvent, is, layer, mock, stored } = Agents

const [a, b, c, d] = [ThreadId.make("a"), ThreadId.make("b"), ThreadId.make("c"), ThreadId.make("d")]

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const capped = (maxLive: number, exempt?: ThreadId) =>
  layer({ settings: { reaper: { maxLive, exempt: ({ threadId }) => threadId === exempt } } })

/** Starts the threads one after another, a second apart. */
const start = Effect.fnUntraced(function*(...threads: ReadonlyArray<ThreadId>) {
  const agents = yield* ProviderService
  const directory = yield* Agents.folder
  return yield* Effect.forEach(
    threads,
    (threadId) =>
      Effect.tap(agents.startSession({ threadId, instanceId: mock, directory }), TestClock.adjust("1 second"))
  )
})

const live = Effect.gen(function*() {
  const agents = yield* ProviderService
  const { threads } = yield* agents.listThreads({})
  return threads.filter(({ status }) => status !== "stopped").map(({ threadId }) => threadId).toSorted()
})

/** A turn that runs until it is interrupted. */
const work = Effect.fnUntraced(function*(threadId: ThreadId) {
  const agents = yield* ProviderService
  yield* MockProvider.use((agent) => agent.nextTurn(() => [MockStep.hang]))
  yield* agents.sendTurn({ threadId, prompt: "go" })
})

/** What is logged about the cap meanwhile. */
const warnings = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const caps: Array<unknown> = []
  const logger = Logger.make(({ fiber, logLevel }) => {
    const { maxLive } = fiber.getRef(References.CurrentLogAnnotations)
    if (maxLive !== undefined && logLevel === "Warn") caps.push(maxLive)
  })
  yield* Effect.provide(effect, Logger.layer([logger]))
  return caps
})

describe("the cap on live sessions", () => {
  it.effect("P9 mock: a start above it stops the session that was used least recently; its conversation goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* start(a, b)
      yield* agents.runTurn({ threadId: a, prompt: "remember 42" })
      yield* TestClock.adjust("1 second")
      yield* start(c)
      assert.deepStrictEqual(yield* live, [a, c])
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"), b)).reason, "reaped")
      assert.strictEqual((yield* agent.sessions).filter((session) => session.live).length, 2)
      const turn = yield* agents.runTurn({ threadId: b, prompt: "still there?" })
      assert.strictEqual(turn.continuity._tag, "Resumed")
      assert.deepStrictEqual(yield* live, [b, c])
      const again = yield* agents.runTurn({ threadId: a, prompt: "what was it?" })
      assert.strictEqual(again.continuity._tag, "Resumed")
      assert.deepStrictEqual(yield* live, [a, b])
    }).pipe(Effect.provide(capped(2))))

  it.effect("P9 mock: sessions in use are never stopped for it: the start goes on with a warning, and a sweep comes back to it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* start(a)
      yield* work(a)
      assert.deepStrictEqual(yield* warnings(start(b)), [1])
      assert.deepStrictEqual(yield* live, [a, b])
      yield* work(b)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* live, [a, b])
      yield* agents.interruptTurn({ threadId: b })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* live, [a])
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"), b)).reason, "reaped")
      assert.isEmpty((yield* stored(a)).filter(is("SessionEnded")))
    }).pipe(Effect.provide(capped(1))))

  it.effect("P9 mock: neither an exempt thread is stopped for it, nor one that works in the background", () =>
    Effect.gen(function*() {
      const [, worker] = yield* start(a, b)
      if (worker !== undefined) yield* MockProvider.use((agent) => agent.backgroundWork(worker.sessionId, true))
      yield* start(c)
      assert.deepStrictEqual(yield* live, [a, b, c])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* warnings(start(d)), [2])
      assert.deepStrictEqual(yield* live, [a, b, d])
    }).pipe(Effect.provide(capped(2, a))))

  it.effect("P9 mock: what an agent asked while the store failed keeps its session, though the log does not have it yet", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const faults = yield* Faulty.FaultyStore
      const [asker] = yield* start(a)
      yield* faults.fail("append events")
      const request = { requestId: RequestId.make("late"), kind: "command", subject: "make", detail: null } as const
      if (asker !== undefined) yield* agent.emit(asker.sessionId, [{ _tag: "ApprovalRequested", request }])
      assert.deepStrictEqual(yield* warnings(start(b)), [1])
      yield* faults.heal
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* live, [a, b])
      assert.isEmpty((yield* stored(a)).filter(is("ApprovalSettled")))
    }).pipe(Effect.provide(Faulty.layer({ settings: { reaper: { maxLive: 1 } } }))))

  it.effect("P9 mock: starts at once make room for each of them, and no more than that", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      yield* start(a, b)
      yield* Effect.forEach(
        [c, d],
        (threadId) => agents.startSession({ threadId, instanceId: mock, directory }),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(yield* live, [c, d])
    }).pipe(Effect.provide(capped(2))))

  it.effect("P9 mock: a session that is being started is in use, and a reset needs no place of its own", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* start(a)
      assert.deepStrictEqual(yield* warnings(agents.resetThread({ threadId: a })), [])
      yield* agents.stopSession({ threadId: a })
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)))
      const starting = yield* background(agents.startSession({ threadId: a }))
      yield* Deferred.await(reached)
      assert.deepStrictEqual(yield* warnings(start(b)), [1])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(starting)
      assert.deepStrictEqual(yield* live, [a, b])
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* live, 1)
    }).pipe(Effect.provide(capped(1))))
})
