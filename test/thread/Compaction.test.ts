import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, Path, Result, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { allow, type GuardVerdict, veto } from "../../src/hooks/index.ts"
import {
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  Redaction,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import { SnapshotIndex } from "../../src/store/SnapshotIndex.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, stored, tags, threadId } = Agents

/** A redactor that cannot: the snapshot fails. */
const failing = Redaction.custom("failing", () => Effect.fail("no"))

const guard = (verdict: (n: number) => GuardVerdict, asked: Array<LifecycleEvent> = []) =>
  LifecycleHooks.guard({
    name: "keeper",
    events: ["compaction:before"],
    run: (event) => Effect.sync(() => verdict(asked.push(event)))
  })

/** Sends the thread through one turn in which the agent compacts by itself. */
const compacting = (trigger: "auto" | "overflow" = "auto", prompt = "long") =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const agent = yield* MockProvider
    yield* agent.nextTurn(() => [
      MockStep.tool("read", { input: { path: "a.ts" }, output: "the whole file", asks: false }),
      MockStep.compaction({ trigger, summary: "in short" }),
      MockStep.text("done")
    ])
    return yield* Effect.result(agents.runTurn({ threadId, prompt }))
  })

const outcomes = Effect.map(stored(), (events) => events.filter(is("CompactionSettled")).map(({ outcome }) => outcome))

describe("a compaction that the agent begins by itself", () => {
  it.effect("P13 mock: the agent is held until the transcript with its tool outputs is on the disk and read back", () => {
    const whenAsked: Array<{ readonly summaries: number; readonly messages: number }> = []
    const watch = LifecycleHooks.guard({
      name: "watch",
      events: ["compaction:before"],
      run: (event) =>
        Effect.gen(function*() {
          const archive = yield* TranscriptArchive
          const saved = yield* archive.read({ path: event.snapshot?.path ?? "" })
          const { summaries } = yield* MockProvider
          whenAsked.push({ summaries: (yield* summaries).length, messages: saved.messages.length })
          return allow
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      yield* compacting()
      assert.deepStrictEqual(whenAsked, [{ summaries: 0, messages: 4 }])
      const events = yield* stored()
      const gated = events.find(is("CompactionGated"))
      assert.deepInclude<unknown>(gated, { trigger: "auto", vetoable: true })
      assert.deepInclude<unknown>(gated?.snapshot, { timing: "before", completeness: "complete", messages: 4 })
      assert.deepStrictEqual(tags(events).filter((tag) => tag.startsWith("Compaction") || tag.startsWith("Snapshot")), [
        "CompactionStarted",
        "SnapshotWritten",
        "CompactionGated",
        "CompactionCompleted",
        "CompactionSettled"
      ])
      assert.deepInclude<unknown>(events.find(is("CompactionSettled")), {
        compactionId: gated?.compactionId,
        outcome: "completed",
        summary: "in short",
        snapshotId: gated?.snapshot?.snapshotId
      })
      const [record] = yield* archive.list({ threadId })
      const saved = yield* archive.read({ snapshotId: record?.snapshot.snapshotId ?? "" })
      const outputs = saved.messages.flatMap(({ items }) =>
        items.flatMap((item) => item._tag === "ToolCall" ? [item.output] : [])
      )
      assert.deepStrictEqual(outputs, ["the whole file"])
      // After it the archive of the thread still has everything.
      const turns = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(turns.map((turn) => turn.input?.prompt), ["first", "long"])
      assert.deepStrictEqual(turns[1]?.items.map((item) => item._tag), ["UserMessage", "ToolCall", "AssistantMessage"])
    }).pipe(Effect.provide(layer({ hooksOnMock: [watch] })))
  })

  it.effect("P13 mock: a transcript that cannot be saved blocks the compaction, and the turn goes on with its context", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* compacting()
      assert.deepStrictEqual(yield* outcomes, ["cancelled"])
      assert.deepStrictEqual(yield* agent.summaries, [])
      const events = yield* stored()
      assert.strictEqual(events.find(is("SnapshotFailed"))?.failure.code, "REDACTOR")
      assert.strictEqual(events.find(is("CompactionGated"))?.failure?.code, "REDACTOR")
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnCompleted"]])
    }).pipe(Effect.provide(layer({ settings: { transcripts: { redactor: failing } } }))))

  it.effect("P13 mock: by policy it goes on without the transcript, and says so", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* compacting()
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.lengthOf(yield* agent.summaries, 1)
      assert.strictEqual((yield* stored()).find(is("CompactionGated"))?.failure?.code, "REDACTOR")
    }).pipe(
      Effect.provide(layer({
        settings: { transcripts: { redactor: failing }, compaction: { onSnapshotFailure: "proceed" } }
      }))
    ))

  it.effect("P13 mock: what mends an overflow is stopped by neither a failed snapshot nor a veto, unless that is asked for", () => {
    const asked: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      yield* Agents.start()
      yield* compacting("overflow")
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      assert.strictEqual((yield* stored()).find(is("CompactionGated"))?.vetoable, false)
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.provide(layer({
      settings: { transcripts: { redactor: failing } },
      hooks: [guard(() => veto("never"), asked)]
    })))
  })

  it.effect("P13 mock: with vetoOverflow even that can be stopped", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      yield* compacting("overflow")
      assert.deepStrictEqual(yield* outcomes, ["vetoed"])
    }).pipe(Effect.provide(layer({
      settings: { compaction: { vetoOverflow: true } },
      hooks: [guard(() => veto("never"))]
    }))))

  it.effect("P13 mock: two vetoes in a row are heard and the third compaction goes on; then they count anew", () => {
    const asked: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      yield* Agents.start()
      for (let n = 0; n < 5; n++) yield* compacting()
      assert.deepStrictEqual(yield* outcomes, ["vetoed", "vetoed", "completed", "vetoed", "vetoed"])
      assert.strictEqual(asked.length, 4)
      const reasons = (yield* stored()).filter(is("CompactionSettled")).map(({ reason }) => reason)
      assert.strictEqual(reasons[0], "keeper: not now")
    }).pipe(Effect.provide(layer({ hooks: [guard(() => veto("not now"), asked)] })))
  })

  it.effect("P13 mock: a guard that hangs holds the agent for its timeout, and no longer", () => {
    const hangs = LifecycleHooks.guard({ name: "hangs", events: ["compaction:before"], run: () => Effect.never })
    return Effect.gen(function*() {
      yield* Agents.start()
      const turn = yield* Effect.forkChild(compacting())
      yield* awaitEvent(is("CompactionGated"))
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Result.isSuccess(yield* Fiber.join(turn)))
      assert.deepStrictEqual(yield* outcomes, ["completed"])
    }).pipe(Effect.provide(layer({ hooks: [hangs] })))
  })

  it.effect("P13 mock: a stop while the agent is held leaves nobody waiting, and one outcome", () => {
    const held = Deferred.makeUnsafe<void>()
    const hangs = LifecycleHooks.guard({
      name: "hangs",
      events: ["compaction:before"],
      run: () => Effect.andThen(Deferred.succeed(held, undefined), Effect.never)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turn = yield* Effect.forkChild(compacting())
      yield* Deferred.await(held)
      yield* agents.stopSession({ threadId })
      yield* Fiber.join(turn)
      assert.lengthOf(yield* outcomes, 1)
      assert.deepStrictEqual(Object.values(endings(yield* stored())), [["TurnInterrupted"]])
    }).pipe(Effect.provide(layer({ hooks: [hangs] })))
  })

  it.effect("P13 mock: an agent that compacts in spite of the gate is saved beside it, and the snapshot does not say before", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      yield* compacting()
      yield* awaitEvent(is("CompactionSettled"))
      assert.deepStrictEqual(yield* outcomes, ["completed"])
      const gated = (yield* stored()).find(is("CompactionGated"))
      assert.strictEqual(gated?.vetoable, false)
      assert.include(["concurrent", "after"], gated?.snapshot?.timing)
    }).pipe(Effect.provide(layer({ mock: { capabilities: { compactionGate: "observe-only" } } }))))

  it.effect("P13 mock: without saveBefore and guards the agent asks nobody, and hooks are told all the same", () => {
    const told: Array<string> = []
    const both = Deferred.makeUnsafe<void>()
    const observer = LifecycleHooks.observe({
      name: "observer",
      events: ["compaction:*"],
      run: (event) =>
        Effect.suspend(() => told.push(event._tag) === 2 ? Deferred.succeed(both, undefined) : Effect.void)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* compacting()
      yield* awaitEvent(is("CompactionSettled"))
      yield* agents.stopSession({ threadId })
      assert.isUndefined((yield* agent.starts)[0]?.compaction?.gate)
      assert.deepStrictEqual((yield* stored()).filter(is("SnapshotWritten")), [])
      yield* Deferred.await(both)
      assert.deepStrictEqual(told, ["compaction:before", "compaction:after"])
    }).pipe(Effect.provide(layer({ settings: { compaction: { saveBefore: false } }, hooks: [observer] })))
  })

  it.effect("P13 mock: the agent is told where the transcript is: who writes the summary, and the model before its next prompt", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* compacting()
      yield* agents.runTurn({ threadId, prompt: "next" })
      const path = (yield* stored()).find(is("SnapshotWritten"))?.snapshot.path ?? "nowhere"
      assert.include((yield* agent.summaries)[0]?.context.join(), path)
      const next = (yield* agents.readTranscript({ threadId })).at(-1)
      assert.include(next?.input?.context?.join(), path)
      assert.strictEqual(next?.input?.prompt, "next")
      yield* agents.runTurn({ threadId, prompt: "and next" })
      assert.isUndefined((yield* agents.readTranscript({ threadId })).at(-1)?.input?.context)
    }).pipe(Effect.provide(layer({ settings: { compaction: { tellAgent: true } } }))))
})

describe("an agent that cannot be held", () => {
  it.effect("P13 mock: is told where the transcript is before its next prompt, too", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* compacting()
      yield* awaitEvent(is("CompactionSettled"))
      yield* agents.runTurn({ threadId, prompt: "next" })
      const path = (yield* stored()).find(is("SnapshotWritten"))?.snapshot.path ?? "nowhere"
      assert.include((yield* agents.readTranscript({ threadId })).at(-1)?.input?.context?.join(), path)
    }).pipe(Effect.provide(layer({
      settings: { compaction: { tellAgent: true } },
      mock: { capabilities: { compactionGate: "observe-only" } }
    }))))
})

describe("compactThread", () => {
  it.effect("P13 mock: is saved before it is asked for, and answers how it ended", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      const result = yield* agents.compactThread({ threadId })
      assert.strictEqual(result.outcome, "completed")
      assert.strictEqual(result.snapshot?.timing, "before")
      assert.isTrue(yield* fs.exists(result.snapshot?.path ?? ""))
      assert.deepStrictEqual(yield* outcomes, ["completed"])
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: a stopped thread is started for it; a running turn, a veto and a snapshot that failed are typed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Effect.flip(agents.compactThread({ threadId })))._tag, "CompactionRefused")
      const refused = yield* Effect.flip(agents.compactThread({ threadId }))
      assert.deepInclude<unknown>(refused, { outcome: "vetoed", reason: "keeper: not now", retryable: true })
      assert.deepStrictEqual(yield* agent.summaries, [])
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "busy" })
      assert.strictEqual((yield* Effect.flip(agents.compactThread({ threadId })))._tag, "TurnInProgress")
    }).pipe(Effect.provide(layer({ hooks: [guard(() => veto("not now"))] }))))

  it.effect("P13 mock: while it runs the thread says so instead of making anybody wait", () => {
    const held = Deferred.makeUnsafe<void>()
    const release = Deferred.makeUnsafe<void>()
    const slow = LifecycleHooks.guard({
      name: "slow",
      events: ["compaction:before"],
      run: () => Deferred.succeed(held, undefined).pipe(Effect.andThen(Deferred.await(release)), Effect.as(allow))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      const running = yield* Effect.forkChild(agents.compactThread({ threadId }))
      yield* Deferred.await(held)
      assert.strictEqual((yield* Effect.flip(agents.sendTurn({ threadId, prompt: "no" })))._tag, "CompactionInProgress")
      assert.strictEqual((yield* Effect.flip(agents.compactThread({ threadId })))._tag, "CompactionInProgress")
      assert.strictEqual((yield* Effect.flip(agents.resetThread({ threadId })))._tag, "CompactionInProgress")
      assert.strictEqual((yield* Effect.flip(agents.startSession({ threadId })))._tag, "CompactionInProgress")
      const newThreadId = ThreadId.make("copy")
      assert.strictEqual(
        (yield* Effect.flip(agents.forkThread({ threadId, newThreadId })))._tag,
        "CompactionInProgress"
      )
      yield* Deferred.succeed(release, undefined)
      assert.strictEqual((yield* Fiber.join(running)).outcome, "completed")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "yes" })).text, "echo: yes")
    }).pipe(Effect.provide(layer({ hooks: [slow] })))
  })

  it.effect("P12 mock: a hook of compaction:before that sends to, or compacts, its own thread has a typed error and no deadlock", () => {
    const errors: Array<string> = []
    const greedy = LifecycleHooks.guard({
      name: "greedy",
      events: ["compaction:before"],
      run: ({ threadId }) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          errors.push((yield* Effect.flip(agents.runTurn({ threadId, prompt: "now" })))._tag)
          errors.push((yield* Effect.flip(agents.compactThread({ threadId })))._tag)
          return allow
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.compactThread({ threadId })
      yield* compacting()
      assert.deepStrictEqual(errors, Array.from({ length: 4 }, () => "HookReentrant"))
      assert.deepStrictEqual(yield* outcomes, ["completed", "completed"])
    }).pipe(Effect.provide(layer({ hooks: [greedy] })))
  })

  it.effect("P13 mock: a compaction without an end is over at its deadline, once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.compaction({ during: Effect.never })])
      yield* agents.sendTurn({ threadId, prompt: "long" })
      yield* agent.awaitSummary()
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* awaitEvent(is("CompactionSettled"))).outcome, "timeout")
      yield* agents.interruptTurn({ threadId })
      assert.lengthOf(yield* outcomes, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: an agent that compacts only when asked is asked when a turn did not fit, gated as always", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.fail({ _tag: "ContextOverflow" })])
      const failed = yield* Effect.flip(agents.runTurn({ threadId, prompt: "too long" }))
      assert.strictEqual(failed._tag, "TurnNotCompleted")
      const settled = yield* awaitEvent(is("CompactionSettled"))
      assert.strictEqual(settled.outcome, "completed")
      const gated = (yield* stored()).find(is("CompactionGated"))
      assert.deepInclude<unknown>(gated, { trigger: "overflow" })
      assert.strictEqual(gated?.snapshot?.timing, "before")
    }).pipe(Effect.provide(layer({ mock: { capabilities: { compactionGate: "client-initiated" } } }))))

  it.effect("P13 mock: a thread keeps its own policy over restarts, also against the service's", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const path = yield* Path.Path
      const fs = yield* FileSystem.FileSystem
      const directory = yield* Agents.folder
      yield* Agents.start({ directory })
      yield* agents.startSession({ threadId, compaction: { savePath: "kept/here", auto: false } })
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "first" })
      assert.strictEqual((yield* agent.starts).at(-1)?.compaction?.auto, false)
      const { snapshot } = yield* agents.compactThread({ threadId })
      assert.isTrue(snapshot?.path.startsWith(path.join(yield* fs.realPath(directory), "kept", "here")))
    }).pipe(Effect.provide(layer())))
})

describe("TranscriptArchive of a service", () => {
  it.effect("P13 mock: a snapshot on request, of a live and of a stopped thread, is recorded and told", () => {
    const told: Array<string> = []
    const both = Deferred.makeUnsafe<void>()
    const observer = LifecycleHooks.observe({
      name: "observer",
      events: ["snapshot:*"],
      run: (event) =>
        Effect.suspend(() => told.push(event._tag) === 2 ? Deferred.succeed(both, undefined) : Effect.void)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "first" })
      const live = yield* archive.snapshot({ threadId })
      assert.strictEqual(live.completeness, "complete")
      yield* agents.stopSession({ threadId })
      const cold = yield* archive.snapshot({ threadId })
      assert.strictEqual(cold.completeness, "log-only")
      const ids = (yield* archive.list({ threadId })).map(({ snapshot }) => snapshot.snapshotId)
      assert.deepStrictEqual(ids.toSorted(), [live.snapshotId, cold.snapshotId].toSorted())
      assert.lengthOf((yield* stored()).filter(is("SnapshotWritten")), 2)
      // What came after its end does not hide how the epoch ended.
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "second" })).continuity._tag, "Resumed")
      yield* Deferred.await(both)
      assert.deepStrictEqual(told, ["snapshot:written", "snapshot:written"])
    }).pipe(Effect.provide(layer({ hooks: [observer] })))
  })

  it.effect("P13 mock: a snapshot that was on the disk in time is told as written, however long the tidying after it takes", () => {
    const tidying = Deferred.makeUnsafe<void>()
    const index = Layer.effect(
      SnapshotIndex,
      Effect.map(SnapshotIndex, (index) => ({
        ...index,
        totals: () => Effect.andThen(Deferred.succeed(tidying, undefined), Effect.never)
      }))
    ).pipe(
      Layer.provideMerge(SessionStore.layer),
      Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })),
      Layer.orDie
    )
    return Effect.gen(function*() {
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      const taking = yield* Effect.forkChild(archive.snapshot({ threadId }))
      yield* Deferred.await(tidying)
      yield* TestClock.adjust("31 seconds")
      const { snapshotId } = yield* Fiber.join(taking)
      yield* archive.verify({ snapshotId })
      assert.deepStrictEqual(tags(yield* stored()).filter((tag) => tag.startsWith("Snapshot")), ["SnapshotWritten"])
    }).pipe(
      Effect.provide(Agents.layerOn(index, { settings: { transcripts: { retention: { maxBytes: 1_000_000 } } } }))
    )
  })

  it.effect("P1 mock: a snapshot is restored into a new thread, which the model knows and the archive has, also later", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const archive = yield* TranscriptArchive
      const copy = ThreadId.make("restored")
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const { snapshotId } = yield* archive.snapshot({ threadId })
      yield* agents.deleteThread({ threadId })
      const info = yield* archive.restore({ snapshot: { snapshotId }, threadId: copy })
      assert.deepInclude<unknown>(info.continuity, { _tag: "Rehydrated", reason: "restored", items: 2 })
      assert.strictEqual(
        (yield* Effect.flip(archive.restore({ snapshot: { snapshotId }, threadId: copy })))._tag,
        "ThreadExists"
      )
      yield* agents.runTurn({ threadId: copy, prompt: "what was it?" })
      const session = (yield* agent.sessions).find(({ sessionId }) => sessionId === info.sessionId)
      assert.include(session?.history[0]?.text, "remember 42")
      const prompts = (yield* agents.readTranscript({ threadId: copy })).map((turn) => turn.input?.prompt)
      assert.deepStrictEqual(prompts, ["remember 42", "what was it?"])
      yield* agents.stopSession({ threadId: copy })
      yield* agent.loseSession(info.sessionId)
      const again = yield* agents.runTurn({ threadId: copy, prompt: "once more" })
      assert.deepInclude<unknown>(again.continuity, { _tag: "Rehydrated", reason: "session-missing", items: 4 })
    }).pipe(Effect.provide(layer())))

  it.live("P13 mock: what is over its time, and what a crash has left, is gone once the app has started again", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fs.makeTempDirectoryScoped()
      const options = { filename: path.join(folder, "threads.db") }
      yield* Effect.gen(function*() {
        const archive = yield* TranscriptArchive
        yield* Agents.start({ directory: folder })
        for (let n = 0; n < 3; n++) yield* archive.snapshot({ threadId })
        assert.lengthOf(yield* archive.list({ threadId }), 3)
      }).pipe(Effect.provide(layer(options)))
      yield* Effect.gen(function*() {
        const archive = yield* TranscriptArchive
        const left = yield* Effect.repeat(archive.list({ threadId }), {
          schedule: Schedule.spaced("10 millis"),
          until: (records) => records.length === 1
        })
        for (const { snapshot } of left) yield* archive.verify({ path: snapshot.path })
      }).pipe(Effect.provide(layer({ ...options, settings: { transcripts: { retention: { keepLast: 1 } } } })))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
