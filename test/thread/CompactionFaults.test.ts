/** Compactions, snapshots, resets and shutdowns that meet an agent that dies, a caller that goes away, or each other. */
import { assert, describe, it } from "@effect/vitest"
import {
  type Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FileSystem,
  Layer,
  Option,
  Path,
  Queue,
  Result,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { allow, veto } from "../../src/hooks/index.ts"
import {
  LifecycleHooks,
  ProviderName,
  ProviderService,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import type { CompactionVerdict, ProviderSession, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as FaultyStore from "../support/FaultyStore.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, stored, tags, threadId } = Agents

const outcomes = Effect.map(stored(), (events) => events.filter(is("CompactionSettled")).map(({ outcome }) => outcome))
const gates = Effect.map(stored(), (events) => events.filter(is("CompactionGated")))

/** An agent that compacts when asked, and asks first; what it says is the test's. */
const compacting = Effect.fnUntraced(function*(
  session: Partial<ProviderSession> = {},
  onStart: (gate: Effect.Effect<CompactionVerdict>) => void = () => {}
) {
  const agents = yield* ProviderService
  const queue = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
  let started: StartInput | undefined
  const gate = (): Effect.Effect<CompactionVerdict> => started?.compaction?.gate?.("auto") ?? Effect.never
  yield* PlainAgent.register({
    events: Stream.fromQueue(queue),
    ...session
  }, {
    capabilities: { compact: true, compactionGate: "blocking" },
    onStart: (input) => {
      started = input
      onStart(gate())
    }
  })
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
  return { queue, gate }
})

describe("compactions and an agent that dies or hangs", () => {
  it.effect("P13 mock: a session that is lost while it compacts ends the compaction at once, and its thread is free", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { queue } = yield* compacting()
      const running = yield* Effect.forkChild(agents.compactThread({ threadId }))
      yield* awaitEvent(is("CompactionGated"))
      yield* Queue.end(queue)
      assert.strictEqual((yield* Fiber.join(running)).outcome, "unknown")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "lost")
      assert.deepStrictEqual(yield* outcomes, ["unknown"])
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: an agent that never answers that it was asked to compact holds its thread to the deadline", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      yield* compacting({ compact: Effect.andThen(Deferred.succeed(asked, undefined), Effect.never) })
      const running = yield* Effect.forkChild(agents.compactThread({ threadId }))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual((yield* Fiber.join(running)).outcome, "timeout")
      assert.strictEqual((yield* agents.startSession({ threadId, runtimeMode: "full-access" })).epoch, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a compaction whose end cannot be stored lets its caller go, and the thread is free afterwards", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const faults = yield* FaultyStore.FaultyStore
      const { queue } = yield* compacting()
      const compact = yield* Effect.forkChild(agents.compactThread({ threadId }), { startImmediately: true })
      yield* awaitEvent(is("CompactionGated"))
      yield* faults.fail("append events", "end an epoch")
      yield* Queue.offer(queue, { _tag: "CompactionCompleted", summary: "short" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(compact)).outcome, "unknown")
      yield* faults.heal
      const { epoch } = yield* agents.startSession({ threadId })
      assert.strictEqual(epoch, 2)
      assert.deepStrictEqual(yield* outcomes, ["unknown"])
    }).pipe(Effect.provide(FaultyStore.layer())))

  it.effect("P13 mock: an end that comes after the deadline is not another compaction", () =>
    Effect.gen(function*() {
      const { gate, queue } = yield* compacting()
      assert.strictEqual((yield* gate())._tag, "Allow")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* awaitEvent(is("CompactionSettled"))).outcome, "timeout")
      yield* Queue.offer(queue, { _tag: "CompactionCompleted", summary: "late" })
      yield* awaitEvent(is("CompactionCompleted"))
      yield* Queue.offer(queue, { _tag: "Warning", code: "after" })
      yield* awaitEvent(is("Warning"))
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* gates, 1)
      assert.deepStrictEqual(yield* outcomes, ["timeout"])
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: an agent whose history dies is saved as far as our log goes, and let go", () =>
    Effect.gen(function*() {
      const { gate } = yield* compacting({ history: Effect.die("a bug") })
      assert.strictEqual((yield* gate())._tag, "Allow")
      assert.strictEqual((yield* gates)[0]?.snapshot?.completeness, "log-only")
    }).pipe(Effect.provide(layer())))
})

describe("sessions that begin", () => {
  it.effect("P13 mock: a session that is not the thread's yet is not compacted: its past could not be saved", () => {
    const verdicts: Array<string> = []
    return Effect.gen(function*() {
      let asks: Effect.Effect<CompactionVerdict> = Effect.never
      const { gate } = yield* compacting({
        cursor: Effect.suspend(() => asks).pipe(
          Effect.map(({ _tag }) => verdicts.push(_tag)),
          Effect.timeoutOption("1 second"),
          Effect.as(Option.some({ provider: ProviderName.make("plain"), version: 1, payload: null }))
        )
      }, (gate) => asks = gate)
      assert.deepStrictEqual(verdicts, ["Veto"])
      assert.strictEqual((yield* gate())._tag, "Allow")
    }).pipe(Effect.provide(layer()))
  })

  it.effect("P1 mock: of two restores into one thread one is refused, and nothing is there twice", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const archive = yield* TranscriptArchive
      const copy = ThreadId.make("copy")
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const both = [0, 1].map(() => Effect.result(archive.restore({ snapshot: { snapshotId }, threadId: copy })))
      const results = yield* Effect.all(both, { concurrency: "unbounded" })
      const errors = results.flatMap((result) => Result.isFailure(result) ? [result.failure._tag] : [])
      assert.deepStrictEqual(errors, ["ThreadExists"])
      assert.lengthOf(yield* agents.readTranscript({ threadId: copy }), 1)
      assert.lengthOf(yield* agent.starts, 2)
    }).pipe(Effect.provide(layer())))
})

describe("one compaction after another", () => {
  it.effect("P13 mock: each compaction of one turn is saved and guarded for itself", () => {
    let asked = 0
    const first = LifecycleHooks.guard({
      name: "first",
      events: ["compaction:before"],
      run: () => Effect.sync(() => asked++ === 0 ? veto("not yet") : allow)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [
        MockStep.compaction({ summary: "one" }),
        MockStep.compaction({ summary: "two" }),
        MockStep.compaction({ summary: "three" })
      ])
      yield* agents.runTurn({ threadId, prompt: "long" })
      assert.deepStrictEqual(yield* outcomes, ["vetoed", "completed", "completed"])
      assert.deepStrictEqual((yield* gates).map(({ snapshot }) => snapshot?.timing), ["before", "before", "before"])
      assert.lengthOf(yield* agent.summaries, 2)
    }).pipe(Effect.provide(layer({ hooks: [first] })))
  })

  it.effect("P13 mock: a compaction that was cut off in its middle does not let the next one pass unsaved", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.compaction({ during: Effect.never })])
      yield* agents.sendTurn({ threadId, prompt: "long" })
      yield* agent.awaitSummary()
      yield* agents.interruptTurn({ threadId })
      yield* agent.nextTurn(() => [MockStep.compaction({ summary: "again" })])
      const next = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "longer" }))
      yield* agent.awaitSession(({ compaction }) => compaction === "held")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(next)
      assert.deepStrictEqual((yield* gates).map(({ snapshot }) => snapshot?.timing), ["before", "before"])
      assert.deepStrictEqual(yield* outcomes, ["unknown", "completed"])
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: a second question about a held compaction waits for the same answer", () => {
    const held = Deferred.makeUnsafe<void>()
    const release = Deferred.makeUnsafe<void>()
    const slow = LifecycleHooks.guard({
      name: "slow",
      events: ["compaction:before"],
      run: () => Deferred.succeed(held, undefined).pipe(Effect.andThen(Deferred.await(release)), Effect.as(allow))
    })
    return Effect.gen(function*() {
      const { gate, queue } = yield* compacting()
      const one = yield* Effect.forkChild(gate())
      yield* Deferred.await(held)
      const two = yield* Effect.forkChild(gate(), { startImmediately: true })
      yield* Deferred.succeed(release, undefined)
      assert.deepStrictEqual([(yield* Fiber.join(one))._tag, (yield* Fiber.join(two))._tag], ["Allow", "Allow"])
      yield* Queue.offer(queue, { _tag: "CompactionCompleted", summary: "short" })
      yield* awaitEvent(is("CompactionSettled"))
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.lengthOf(yield* gates, 1)
    }).pipe(Effect.provide(layer({ hooks: [slow] })))
  })

  it.effect("P13 mock: the path of a transcript that was saved after the compaction is told as well", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.compaction({ summary: "in short" })])
      yield* agents.runTurn({ threadId, prompt: "long" })
      yield* awaitEvent(is("CompactionSettled"))
      const path = (yield* gates)[0]?.snapshot?.path ?? "nowhere"
      yield* agents.runTurn({ threadId, prompt: "next" })
      assert.include((yield* agents.readTranscript({ threadId })).at(-1)?.input?.context?.join(), path)
    }).pipe(
      Effect.provide(layer({
        mock: { capabilities: { compactionGate: "observe-only" } },
        settings: { compaction: { tellAgent: true } }
      }))
    ))

  it.effect("P13 mock: a snapshot on request while a summary is written does not say before", () =>
    Effect.gen(function*() {
      const archive = yield* TranscriptArchive
      const { gate, queue } = yield* compacting()
      yield* gate()
      assert.strictEqual((yield* archive.snapshot({ threadId })).timing, "concurrent")
      yield* Queue.offer(queue, { _tag: "CompactionCompleted" })
      yield* awaitEvent(is("CompactionSettled"))
      assert.strictEqual((yield* archive.snapshot({ threadId })).timing, "before")
    }).pipe(Effect.provide(layer())))
})

describe("resets", () => {
  it.effect("P1 mock: a reset session that cannot be resumed yet does not bring the old conversation back", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "the secret is 42" })
      yield* agents.resetThread({ threadId })
      yield* agents.stopSession({ threadId })
      const turn = yield* agents.runTurn({ threadId, prompt: "hello" })
      const session = (yield* agent.sessions).find((session) => session.live)
      assert.notInclude(session?.history.map(({ text }) => text).join(), "42")
      assert.notStrictEqual(turn.continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  it.effect("P10 mock: a reset whose caller goes away leaves no session behind", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hangHard])
      yield* agents.sendTurn({ threadId, prompt: "deaf" })
      const { sessionId: old } = yield* agents.getThread({ threadId })
      const reset = yield* Effect.forkChild(agents.resetThread({ threadId }))
      yield* agent.awaitSession(({ live, sessionId }) => live && sessionId !== old)
      // By now the new session is there, and the deaf turn of the old one has its time to stop.
      yield* TestClock.adjust("5 seconds")
      const gone = yield* Effect.forkChild(Fiber.interrupt(reset), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(gone)
      const live = (yield* agent.sessions).filter((session) => session.live)
      assert.deepStrictEqual(live.map(({ sessionId }) => sessionId), [
        (yield* agents.getThread({ threadId })).sessionId
      ])
    }).pipe(Effect.provide(layer())))
})

describe("the ends of sessions", () => {
  it.live("P12 mock: what a hook begins during a shutdown is refused, and nothing outlives it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fs.makeTempDirectoryScoped()
      const disk = MockAgentDisk.makeUnsafe()
      const filename = path.join(folder, "threads.db")
      const other = ThreadId.make("other")
      const errors: Array<string> = []
      const goOn = LifecycleHooks.observe({
        name: "go on",
        events: ["session:end"],
        run: (event) =>
          event.threadId !== other ? Effect.void : Effect.gen(function*() {
            const agents = yield* ProviderService
            yield* awaitEvent(is("SessionEnded"))
            errors.push((yield* Effect.flip(agents.startSession({ threadId })))._tag)
          })
      })
      const scope = yield* Scope.make()
      const host = yield* Layer.buildWithScope(
        layer({
          filename,
          mock: { disk },
          hooks: [goOn],
          settings: { hookBudget: "1 second" }
        }),
        scope
      )
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start({ directory: folder })
        yield* agents.startSession({ threadId: other, instanceId: Agents.mock, directory: folder })
      }).pipe(Effect.provide(host))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(errors, ["ThreadStopping"])
      assert.lengthOf(disk.starts, 2)
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(tags(yield* stored()).filter((tag) => tag.startsWith("Session")), [
          "SessionStarted",
          "SessionEnded"
        ])
      }).pipe(Effect.provide(Agents.layer({ filename, mock: { disk } })))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.effect("P12 mock: a thread whose end could not be stored is told to have ended before it is deleted", () => {
    const ends: Array<string> = []
    const observer = LifecycleHooks.observe({
      name: "observer",
      events: ["session:end"],
      run: (event) => Effect.sync(() => ends.push(event.reason))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const faults = yield* FaultyStore.FaultyStore
      const store = yield* SessionStore
      yield* Agents.start()
      yield* faults.fail("end an epoch")
      const stop = yield* Effect.forkChild(Effect.flip(agents.stopSession({ threadId })))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(stop)
      yield* faults.heal
      yield* agents.deleteThread({ threadId })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(ends, ["host-crash"])
      assert.strictEqual((yield* store.getThread(threadId))._tag, "None")
    }).pipe(Effect.provide(FaultyStore.layer({ hooks: [observer] })))
  })

  it.effect("P12 mock: a hook of session:end may save the session, which is there still", () => {
    const saved: Array<string> = []
    const saver = LifecycleHooks.observe({
      name: "saver",
      events: ["session:end"],
      run: ({ threadId }) =>
        Effect.flatMap(TranscriptArchive, (archive) => archive.snapshot({ threadId })).pipe(
          Effect.tap(({ completeness }) => Effect.sync(() => saved.push(completeness)))
        )
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(saved, ["complete"])
      assert.deepStrictEqual(tags(yield* stored()).slice(-2), ["SessionEnded", "SnapshotWritten"])
    }).pipe(Effect.provide(layer({ hooks: [saver] })))
  })
})

describe("the policy of a thread", () => {
  it.effect("P8 mock: a session goes on whose policy was written in another order, or with nothing in it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.startSession({ threadId, compaction: { tellAgent: true, auto: false } })
      const same = yield* agents.startSession({ threadId })
      const again = yield* agents.startSession({ threadId, compaction: { auto: false, tellAgent: true } })
      assert.deepStrictEqual([same.epoch, again.epoch], [2, 2])
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: a policy of an empty path can be read again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.startSession({ threadId, compaction: { savePath: "" } })
      assert.strictEqual((yield* agents.getThread({ threadId })).epoch, 2)
      assert.lengthOf((yield* agents.listThreads({})).threads, 1)
    }).pipe(Effect.provide(layer())))
})
