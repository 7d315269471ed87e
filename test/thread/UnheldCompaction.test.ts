/** Compactions that go on without the gate's answer, and histories that lack what was shown: no snapshot claims too much. */
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { LifecycleHooks, ProviderService, type ThreadEvent, TranscriptArchive } from "../../src/index.ts"
import type { CompactionVerdict, ProviderSession, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, endings, is, layer, stored, threadId } = Agents

const hangs = LifecycleHooks.guard({ name: "hangs", events: ["compaction:before"], run: () => Effect.never })

/** Of each compaction in turn: when its transcript was saved, whether it could be vetoed, and how it ended. */
const compactions = Effect.map(stored(), (events) => {
  const settled = events.filter(is("CompactionSettled"))
  return events.filter(is("CompactionGated")).map(({ compactionId, snapshot, vetoable }) => [
    snapshot?.timing,
    vetoable,
    settled.flatMap((event) => event.compactionId === compactionId ? [event.outcome] : []).join()
  ])
})

const warnings = Effect.map(stored(), (events) => events.filter(is("Warning")).map(({ code }) => code))

const completed = (event: ThreadEvent): event is Extract<ThreadEvent, { readonly _tag: "CompactionSettled" }> =>
  event._tag === "CompactionSettled" && event.outcome === "completed"

/** An agent that asks, and whose every other word is the test's. */
const asking = Effect.fnUntraced(function*(session: Partial<ProviderSession> = {}) {
  const agents = yield* ProviderService
  const queue = yield* Queue.unbounded<ProviderEvent, Cause.Done>()
  let started: StartInput | undefined
  yield* PlainAgent.register({ events: Stream.fromQueue(queue), ...session }, {
    capabilities: { compactionGate: "blocking" },
    onStart: (input) => {
      started = input
    }
  })
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
  yield* Queue.offer(queue, { _tag: "CompactionStarted", trigger: "auto" })
  const gate = Effect.suspend((): Effect.Effect<CompactionVerdict> =>
    started?.compaction?.gate?.("auto") ?? Effect.die("no gate")
  )
  return {
    asked: yield* Effect.forkChild(gate, { startImmediately: true }),
    say: (event: ProviderEvent) => Queue.offer(queue, event)
  }
})

const passes: ProviderEvent = { _tag: "CompactionStarted", trigger: "auto", unheld: true }

describe("a compaction that goes on without the gate's answer", () => {
  it.effect("P13 mock: is a compaction of its own, with a warning and a snapshot that does not say before", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.compaction({ summary: "in short" }), MockStep.text("done")])
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "long" }))
      yield* awaitEvent(is("CompactionGated"))
      yield* agent.passGate(sessionId)
      yield* Fiber.join(turn)
      yield* awaitEvent(completed)
      const [held, unheld] = yield* compactions
      assert.deepStrictEqual(held, ["before", true, "cancelled"])
      assert.include([["concurrent", false, "completed"].join(), ["after", false, "completed"].join()], unheld?.join())
      assert.deepStrictEqual(yield* warnings, ["compaction-unasked"])
      assert.deepStrictEqual(Object.values(endings(yield* stored())), [["TurnCompleted"]])
    }).pipe(Effect.provide(layer({ hooks: [hangs] }))))

  it.effect("P13 mock: answers its question at once, whatever hooks still do", () =>
    Effect.gen(function*() {
      const { asked, say } = yield* asking()
      yield* awaitEvent(is("CompactionGated"))
      yield* say(passes)
      assert.strictEqual((yield* Fiber.join(asked))._tag, "Veto")
      yield* say({ _tag: "CompactionCompleted", summary: "in short" })
      yield* awaitEvent(completed)
      assert.deepStrictEqual((yield* compactions).map(([, ...rest]) => rest), [[true, "cancelled"], [
        false,
        "completed"
      ]])
      assert.deepStrictEqual(yield* warnings, ["compaction-unasked"])
    }).pipe(Effect.provide(layer({ hooks: [hangs] }))))

  for (const timing of ["concurrent", "after"] as const) {
    it.effect(`P13 mock: its snapshot says ${timing}, where that is when the history was read`, () =>
      Effect.gen(function*() {
        const read = yield* Deferred.make<void>()
        const reading = yield* Queue.unbounded<void>()
        const { asked, say } = yield* asking({
          history: Queue.offer(reading, undefined).pipe(
            Effect.andThen(Deferred.await(read)),
            Effect.as({ format: "plain/1", agentVersion: "1", session: null, messages: [] })
          )
        })
        yield* Queue.take(reading)
        yield* say(passes)
        yield* Fiber.join(asked)
        yield* Queue.take(reading)
        const over = say({ _tag: "CompactionCompleted", summary: "in short" })
        if (timing === "after") yield* Effect.andThen(over, awaitEvent(is("CompactionCompleted")))
        yield* Deferred.succeed(read, undefined)
        yield* awaitEvent(is("CompactionGated"))
        if (timing === "concurrent") yield* over
        yield* awaitEvent(completed)
        assert.deepStrictEqual(yield* compactions, [[timing, false, "completed"]])
      }).pipe(Effect.provide(layer())))
  }

  it.effect("P13 mock: is told where the agent tells of its end alone", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.emit(sessionId, [{ _tag: "CompactionCompleted" }])
      yield* awaitEvent(completed)
      assert.deepStrictEqual(yield* compactions, [["after", false, "completed"]])
      assert.deepStrictEqual(yield* warnings, ["compaction-unasked"])
    }).pipe(Effect.provide(layer())))
})

describe("a history that lacks what was shown", () => {
  it.effect("P13 mock: makes no snapshot that says before, and loses nothing that our log has", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const archive = yield* TranscriptArchive
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      yield* agent.historyBehind(sessionId, true)
      const { snapshot } = yield* agents.compactThread({ threadId })
      assert.strictEqual(snapshot?.timing, "concurrent")
      const saved = yield* archive.read({ snapshotId: snapshot?.snapshotId ?? "" })
      assert.strictEqual(saved.manifest.timing, "concurrent")
      assert.deepStrictEqual(saved.messages.map(({ origin }) => origin), ["provider", "log"])
      yield* agent.historyBehind(sessionId, false)
      assert.strictEqual((yield* archive.snapshot({ threadId })).timing, "before")
      const listed = (yield* archive.list({ threadId })).map((record) => record.snapshot.timing)
      assert.deepStrictEqual(listed.toSorted(), ["before", "concurrent"])
    }).pipe(Effect.provide(layer())))
})
