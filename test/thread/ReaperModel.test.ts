/** The reaper, proved: random schedules against a model, and every failure that is known from the field by name. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TaskId } from "../../src/domain/Ids.ts"
import { ProviderService, RequestId, SessionStore, ThreadId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Faulty from "../support/FaultyStore.ts"
import * as HostClock from "../support/HostClock.ts"
import * as PlainAgent from "../support/PlainAgent.ts"
import * as ReaperModel from "../support/ReaperModel.ts"

const { awaitEvent, endings, is, layer, mock, stored, threadId } = Agents

describe("SessionReaper: the model", () => {
  it.effect.prop(
    "P9 mock: in any schedule no busy session is reaped, every idle one is, and no cursor or turn is lost",
    [ReaperModel.Schedule],
    ([schedule]) => ReaperModel.check(schedule),
    { arbitrary: { runs: 200, seed: "the reaper" }, timeout: 120_000 }
  )

  it.effect.prop(
    "P9 mock: in any schedule with a cap of one, a session starts beside another only where that one is in use",
    [ReaperModel.Schedule],
    ([schedule]) => ReaperModel.check(schedule, 1),
    { arbitrary: { runs: 100, seed: "the cap" }, timeout: 120_000 }
  )
})

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const status = (id: ThreadId = threadId) =>
  Effect.map(ProviderService.use((agents) => agents.getThread({ threadId: id })), (binding) => binding.status)

const isLive = Effect.map(status(), (now) => assert.notStrictEqual(now, "stopped"))

const isReaped = Effect.gen(function*() {
  assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
  assert.strictEqual(yield* status(), "stopped")
})

/** A turn that works for so long, from its acceptance on. */
const workFor = Effect.fnUntraced(function*(minutes: number) {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  yield* agent.nextTurn(() => [MockStep.sleep(`${minutes} minutes`), MockStep.text("done")])
  yield* agents.sendTurn({ threadId, prompt: "go" })
})

const long = { turnDeadline: "3 days", noProgressDeadline: "3 days" } as const

describe("SessionReaper: what went wrong in the field", () => {
  it.effect("P9 mock: a session that ran longer than the threshold is not reaped right after its turn ends", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      yield* workFor(120)
      yield* TestClock.adjust("119 minutes")
      yield* isLive
      yield* TestClock.adjust("1 minute")
      yield* awaitEvent(is("TurnCompleted"))
      yield* TestClock.adjust("29 minutes")
      yield* isLive
      yield* TestClock.adjust("2 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer({ settings: long }))))

  it.effect("P9 mock: idleness counts from the end of the last turn, not from an older sign of life", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* TestClock.adjust("29 minutes")
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* TestClock.adjust("87 seconds")
      yield* isLive
      yield* TestClock.adjust("27 minutes")
      yield* isLive
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: background agents and shells keep their session, and it is reaped once they are done", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agent.backgroundWork(sessionId, true)
      yield* TestClock.adjust("3 hours")
      yield* isLive
      yield* agent.backgroundWork(sessionId, false)
      yield* TestClock.adjust("31 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: a task that never ends pins nothing past the cap", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const task = { taskId: TaskId.make("t"), kind: "command", title: "sleep", status: "running" } as const
      yield* PlainAgent.register({
        events: Stream.concat(Stream.make({ _tag: "TaskStarted", task } as const), Stream.never)
      })
      yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
      yield* TestClock.adjust("230 minutes")
      yield* isLive
      yield* TestClock.adjust("15 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: threshold, sweep and cap are settings, and threads can be exempt", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const kept = ThreadId.make("kept")
      const worked = ThreadId.make("worked")
      const directory = yield* Agents.folder
      yield* Agents.start({ directory })
      yield* agents.startSession({ threadId: kept, instanceId: mock, directory })
      const { sessionId } = yield* agents.startSession({ threadId: worked, instanceId: mock, directory })
      yield* MockProvider.use((agent) => agent.backgroundWork(sessionId, true))
      yield* TestClock.adjust("9 seconds")
      yield* isLive
      yield* TestClock.adjust("2 seconds")
      yield* isReaped
      assert.strictEqual(yield* status(worked), "idle")
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual(yield* status(worked), "stopped")
      assert.strictEqual(yield* status(kept), "idle")
    }).pipe(Effect.provide(layer({
      settings: {
        reaper: {
          idleAfter: "10 seconds",
          sweepEvery: "1 second",
          pinCap: "1 minute",
          exempt: (binding) => binding.threadId === "kept"
        }
      }
    }))))

  it.effect("P9 mock: the host's sleep is not idleness, neither at waking nor later", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* TestClock.adjust("10 minutes")
      yield* host.sleep("9 hours")
      yield* TestClock.adjust("10 minutes")
      yield* host.sleep("2 hours")
      yield* TestClock.adjust("9 minutes")
      yield* isLive
      yield* TestClock.adjust("3 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P9 mock: two nights with a minute between them are two nights of sleep", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      yield* host.sleep("9 hours")
      yield* TestClock.adjust("1 minute")
      yield* host.sleep("9 hours")
      yield* TestClock.adjust("28 minutes")
      yield* isLive
      yield* TestClock.adjust("4 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P9 mock: a wall clock that is set back delays no reaping, of sessions from before or after it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const host = yield* HostClock.HostClock
      const later = ThreadId.make("later")
      const directory = yield* Agents.folder
      yield* Agents.start({ directory })
      yield* TestClock.adjust("20 minutes")
      yield* host.setBack("1 hour")
      yield* agents.startSession({ threadId: later, instanceId: mock, directory })
      yield* TestClock.adjust("9 minutes")
      yield* isLive
      yield* TestClock.adjust("3 minutes")
      yield* isReaped
      yield* TestClock.adjust("17 minutes")
      assert.strictEqual(yield* status(later), "idle")
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(yield* status(later), "stopped")
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P9 mock: a host that sleeps and is set back while it does so has slept for the rest", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      yield* TestClock.adjust("10 minutes")
      yield* host.sleep("9 hours")
      yield* host.setBack("1 hour")
      yield* TestClock.adjust("19 minutes")
      yield* isLive
      yield* host.setBack("9 hours")
      yield* TestClock.adjust("3 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P4 mock: a turn in which the host sleeps is not taken for a silent one", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      yield* workFor(20)
      yield* TestClock.adjust("5 minutes")
      yield* host.sleep("9 hours")
      yield* TestClock.adjust("9 minutes")
      yield* isLive
      yield* TestClock.adjust("2 minutes")
      const ended = yield* awaitEvent(is("TurnFailed"))
      assert.deepInclude(ended.failure, { _tag: "DeadlineExceeded", deadline: "no-progress" })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).text, "echo: two")
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P4 mock: a later turn has deadlines of its own, and a sleep of the host does not count there either", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* TestClock.adjust("5 minutes")
      yield* workFor(60)
      const failed = yield* background(awaitEvent(is("TurnFailed")))
      yield* TestClock.adjust("1 minute")
      yield* host.sleep("9 hours")
      yield* TestClock.adjust("13 minutes")
      assert.isUndefined(failed.pollUnsafe())
      yield* TestClock.adjust("2 minutes")
      const { failure } = yield* Fiber.join(failed)
      assert.deepInclude(failure, { _tag: "DeadlineExceeded", deadline: "no-progress" })
      yield* workFor(60)
      const again = yield* background(
        agents.streamEvents({ threadId }).pipe(Stream.filter(is("TurnFailed")), Stream.take(2), Stream.runCollect)
      )
      yield* TestClock.adjust("14 minutes")
      assert.isUndefined(again.pollUnsafe())
      yield* TestClock.adjust("2 minutes")
      assert.lengthOf(yield* Fiber.join(again), 2)
    }).pipe(Effect.provide(layer(), { local: true }), HostClock.provide))

  it.effect("P9 mock: waiting for an agent that does not stop is not a sleep of the host, and holds up no other thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const other = ThreadId.make("other")
      const directory = yield* Agents.folder
      yield* Agents.start({ directory })
      yield* TestClock.adjust("10 seconds")
      yield* agents.startSession({ threadId: other, instanceId: mock, directory })
      yield* agent.hangStop(true)
      yield* TestClock.adjust("55 seconds")
      yield* isReaped
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* status(other), "stopped")
      yield* agent.hangStop(false)
    }).pipe(Effect.provide(layer({ settings: { reaper: { idleAfter: "1 minute", sweepEvery: "2 seconds" } } }))))

  it.effect("P9 mock: a reaped thread looks stopped everywhere, and its agent is gone", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* TestClock.adjust("32 minutes")
      yield* isReaped
      assert.deepStrictEqual((yield* agents.listThreads({})).threads.map((thread) => thread.status), ["stopped"])
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
      yield* agents.stopSession({ threadId })
      yield* agents.interruptTurn({ threadId })
    }).pipe(Effect.provide(layer())))

  it.effect("P3 mock: the reaper leaves the resume cursor as it is", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const before = yield* store.getCursor(threadId, mock)
      assert.strictEqual(before._tag, "Some")
      for (let times = 0; times < 3; times++) {
        yield* TestClock.adjust("32 minutes")
        assert.strictEqual(yield* status(), "stopped")
        assert.deepStrictEqual(yield* store.getCursor(threadId, mock), before)
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "on" })).continuity._tag, "Resumed")
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: an open question keeps its session for days", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const ask = MockStep.question([{ question: "Which one?", options: [], multiple: false }])
      yield* agent.nextTurn(() => [ask, MockStep.text("thanks")])
      const run = yield* background(agents.runTurn({ threadId, prompt: "go" }))
      const { request: { requestId } } = yield* awaitEvent(is("QuestionAsked"))
      yield* TestClock.adjust("3 days")
      yield* isLive
      yield* agents.answerQuestion({ threadId, requestId, answer: { _tag: "Answered", answers: [["this"]] } })
      assert.strictEqual((yield* Fiber.join(run)).text, "thanks")
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: a request outside of a turn keeps its session up to the cap, and its answer counts as use", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const requestId = RequestId.make("of-a-subagent")
      const request = { requestId, kind: "command", subject: "make", detail: null } as const
      yield* agent.emit(sessionId, [{ _tag: "ApprovalRequested", request }])
      yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("230 minutes")
      yield* isLive
      yield* Effect.ignore(
        agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
      )
      yield* TestClock.adjust("29 minutes")
      yield* isLive
      yield* TestClock.adjust("32 minutes")
      yield* isReaped
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: a session that is due by mistake is asked again under its lock, and kept if it is busy", () =>
    Effect.gen(function*() {
      const sql = yield* Agents.sql
      yield* Agents.start()
      yield* workFor(60)
      for (let times = 0; times < 5; times++) {
        yield* sql`UPDATE eca_threads SET due_at = 0`
        yield* TestClock.adjust("10 minutes")
        yield* isLive
      }
      yield* TestClock.adjust("11 minutes")
      yield* awaitEvent(is("TurnCompleted"))
    }).pipe(Effect.provide(layer({ settings: long }))))

  it.effect("P8 mock: a turn in the moment of the reaping runs, in a session that is resumed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      for (let times = 0; times < 20; times++) {
        const run = yield* background(Effect.delay(agents.runTurn({ threadId, prompt: "now" }), "30 minutes"))
        yield* TestClock.adjust("30 minutes")
        const turn = yield* Fiber.join(run)
        assert.strictEqual(turn.continuity._tag, turn.epoch === 1 ? "Created" : "Resumed")
      }
      for (const ends of Object.values(endings(yield* stored()))) assert.deepStrictEqual(ends, ["TurnCompleted"])
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.overlaps), [0])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: two stops and a reaping at once all succeed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const stops = yield* background(
        Effect.delay(
          Effect.all([agents.stopSession({ threadId }), agents.stopSession({ threadId })], { concurrency: 2 }),
          "30 minutes"
        )
      )
      yield* TestClock.adjust("31 minutes")
      yield* Fiber.join(stops)
      assert.strictEqual((yield* stored()).filter(is("SessionEnded")).length, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a start that waits for ever holds up neither a stop nor a sweep", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const other = ThreadId.make("other")
      const directory = yield* Agents.folder
      yield* Agents.start({ directory })
      yield* agents.startSession({ threadId: other, instanceId: mock, directory })
      yield* agents.stopSession({ threadId })
      const reached = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const start = yield* background(Effect.flip(agents.startSession({ threadId })))
      yield* Deferred.await(reached)
      yield* TestClock.adjust("32 minutes")
      assert.strictEqual(yield* status(other), "stopped")
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: a store that fails for an hour costs the sweeps of that hour and nothing else", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const faults = yield* Faulty.FaultyStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* faults.fail("dueThreads")
      yield* TestClock.adjust("1 hour")
      yield* isLive
      yield* faults.heal
      yield* TestClock.adjust("1 minute")
      yield* isReaped
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(Faulty.layer())))
})
