import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Path, Scope } from "effect"
import { TestClock } from "effect/testing"
import { allow, veto } from "../../src/hooks/index.ts"
import { type LifecycleEvent, LifecycleHooks, ProviderService, ThreadId } from "../../src/index.ts"
import type { HookReentrant, LifecycleTag, Matching } from "../../src/protocol.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { stored, tags, threadId } = Agents

/** Every event that a durable hook is told, in order. */
const recording = (seen: Array<LifecycleEvent>) =>
  LifecycleHooks.observe({
    name: "recorder",
    events: ["session:*", "turn:*", "approval:requested", "compaction:*", "snapshot:*"],
    run: (event) => Effect.sync(() => seen.push(event))
  })

const kinds = (seen: ReadonlyArray<LifecycleEvent>) => seen.map((event) => event._tag)

const only = <K extends LifecycleTag>(seen: ReadonlyArray<LifecycleEvent>, kind: K) =>
  seen.filter((event): event is Matching<K> => event._tag === kind)

describe("hooks of a service", () => {
  it.effect("P12 mock: a session's start is told before its first prompt is sent, and turns begin and end in order", () => {
    const seen: Array<LifecycleEvent> = []
    const order: Array<string> = []
    const slow = LifecycleHooks.observe({
      name: "slow",
      events: ["session:start"],
      run: () => Effect.andThen(Effect.yieldNow, Effect.sync(() => order.push("told")))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* agent.script(() => {
        order.push("asked")
        return [MockStep.text("hello")]
      })
      const info = yield* Agents.start()
      const { turnId } = yield* agents.runTurn({ threadId, prompt: "hello" })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(order, ["told", "asked"])
      assert.deepStrictEqual(kinds(seen), ["session:start", "turn:start", "turn:end", "session:end"])
      const [start] = only(seen, "session:start")
      assert.deepInclude<unknown>(start, {
        source: "new",
        threadId,
        sessionId: info.sessionId,
        directory: info.directory,
        epoch: 1,
        provider: "mock"
      })
      const [end] = only(seen, "turn:end")
      assert.deepInclude<unknown>(end, { turnId, outcome: "completed" })
      assert.strictEqual(new Set(seen.map((event) => event.eventId)).size, 4)
    }).pipe(Effect.provide(Agents.layer({ hooks: [recording(seen), slow] })))
  })

  it.effect("P12 mock: a session:start says where the past of an old thread went: rehydrated, fresh, and never new", () => {
    const seen: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      yield* agents.runTurn({ threadId, prompt: "what was it?", onMissing: "fresh" })
      const lost = (yield* agents.getThread({ threadId })).sessionId
      yield* agents.stopSession({ threadId })
      if (lost !== undefined) yield* agent.loseSession(lost)
      yield* agents.runTurn({ threadId, prompt: "and now?", onMissing: "rehydrate" })
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "still?" })
      assert.deepStrictEqual(
        only(seen, "session:start").map(({ continuity, epoch, source }) => [epoch, source, continuity._tag]),
        [[1, "new", "Created"], [2, "fresh", "Fresh"], [3, "rehydrate", "Rehydrated"], [4, "resume", "Resumed"]]
      )
      assert.deepStrictEqual(only(seen, "session:start")[1]?.continuity, { _tag: "Fresh", reason: "session-missing" })
    }).pipe(Effect.provide(Agents.layer({ hooks: [recording(seen)] })))
  })

  it.effect("P12 mock: a hook can still read the transcript of a session whose end it is told, and the session is there", () => {
    const read: Array<string> = []
    const live: Array<boolean> = []
    const reader = LifecycleHooks.observe({
      name: "reader",
      events: ["session:end"],
      run: (event) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const turns = yield* agents.readTranscript({ threadId: event.threadId })
          read.push(`${event.reason}: ${turns.map((turn) => turn.input?.prompt).join()}`)
          const sessions = yield* (yield* MockProvider).sessions
          live.push(sessions.some((session) => session.sessionId === event.sessionId && session.live))
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.resetThread({ threadId })
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* agents.deleteThread({ threadId })
      assert.deepStrictEqual(read, ["reset: one", "deleted: one,two"])
      assert.deepStrictEqual(live, [true, true])
    }).pipe(Effect.provide(Agents.layer({ hooksOnMock: [reader] })))
  })

  it.effect("P12 mock: every way in which an epoch can end is told, once, with its reason", () => {
    const seen: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const ends = () => only(seen, "session:end").map((event) => event.reason)
      yield* Agents.start({ directory })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(ends(), ["stopped"])
      yield* agents.startSession({ threadId })
      yield* TestClock.adjust("31 minutes")
      yield* Agents.awaitEvent((event): event is typeof event => event._tag === "SessionEnded" && event.epoch === 2)
      const { sessionId } = yield* agents.startSession({ threadId })
      yield* agent.crash(sessionId)
      yield* Agents.awaitEvent((event): event is typeof event => event._tag === "SessionEnded" && event.epoch === 3)
      yield* agents.startSession({ threadId })
      yield* agents.resetThread({ threadId })
      yield* agents.startSession({ threadId, runtimeMode: "full-access" })
      yield* agents.deleteThread({ threadId })
      assert.deepStrictEqual(ends(), ["stopped", "reaped", "lost", "reset", "replaced", "deleted"])
      const epochs = (tag: "session:start" | "session:end") => only(seen, tag).map((event) => event.epoch)
      assert.deepStrictEqual(epochs("session:end"), [1, 2, 3, 4, 5, 6])
      assert.deepStrictEqual(epochs("session:start"), epochs("session:end"))
    }).pipe(Effect.provide(Agents.layer({ hooks: [recording(seen)] })))
  })

  it.effect("P12 mock: an orderly shutdown tells the end of each session before its hooks are gone", () => {
    const seen: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Agents.layer({ hooks: [recording(seen)] }), scope)
      yield* Effect.provide(Agents.start(), context)
      yield* Scope.close(scope, Exit.void)
      const [end, ...others] = only(seen, "session:end")
      assert.deepStrictEqual(others, [])
      assert.deepInclude<unknown>(end, { reason: "shutdown", endedAtEstimated: false })
    })
  })

  it.effect("P12 mock: each epoch says where its past comes from", () => {
    const seen: Array<LifecycleEvent> = []
    const copy = ThreadId.make("copy")
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const first = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* agents.forkThread({ threadId, newThreadId: copy })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(first.sessionId)
      yield* agents.runTurn({ threadId, prompt: "three" })
      yield* agents.resetThread({ threadId })
      yield* agents.stopSession({ threadId })
      const sources = only(seen, "session:start").map((event) => [event.threadId, event.source])
      assert.deepStrictEqual<unknown>(sources, [
        [threadId, "new"],
        [threadId, "resume"],
        [copy, "fork"],
        [threadId, "rehydrate"],
        [threadId, "reset"]
      ])
    }).pipe(Effect.provide(Agents.layer({ hooks: [recording(seen)] })))
  })

  it.effect("P12 mock: what a host that died has left open is told to the next one's hooks: the end, its estimated time, then the start", () => {
    const seen: Array<LifecycleEvent> = []
    return Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fs.makeTempDirectoryScoped()
      const disk = MockAgentDisk.makeUnsafe()
      const options = { filename: path.join(folder, "threads.db"), mock: { disk } }
      // A host that is killed closes nothing and tells nobody: its file is copied while it lives.
      const copied = path.join(folder, "copied.db")
      const mute = LifecycleHooks.observe({ name: "recorder", events: ["*"], run: () => Effect.fail("busy") })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start({ directory: folder })
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* Effect.flatMap(Agents.sql, (sql) => sql`VACUUM INTO ${copied}`)
      }).pipe(Effect.provide(Agents.layer({ ...options, hooks: [mute] })))
      // Its owner, which is this process, is no more.
      yield* Effect.flatMap(Agents.sql, (sql) => sql`DELETE FROM eca_owner`).pipe(
        Effect.provide(Layer.orDie(SqliteClient.layer({ filename: copied })))
      )
      const before = seen.length
      yield* TestClock.adjust("1 hour")
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* agents.runTurn({ threadId, prompt: "two" })
        yield* agents.stopSession({ threadId })
        const told = seen.slice(before)
        const [ended] = only(told, "session:end")
        assert.deepInclude<unknown>(ended, { reason: "host-crash", endedAtEstimated: true, epoch: 1 })
        assert.isTrue(ended?.delivery.recovered)
        assert.isBelow(ended?.endedAt ?? Infinity, ended?.at ?? 0)
        const [, second] = only(told, "session:start")
        assert.deepInclude<unknown>(second, { source: "recovered", epoch: 2 })
        const where = (kind: LifecycleTag, epoch: number) =>
          told.findIndex((event) => event._tag === kind && event.epoch === epoch)
        assert.isBelow(where("session:end", 1), where("session:start", 2))
      }).pipe(Effect.provide(Agents.layer({ ...options, filename: copied, hooks: [recording(seen)] })))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform))
  })

  it.effect("P12 mock: a guard's veto keeps a turn from the agent and from the log; the next one passes", () => {
    const guard = LifecycleHooks.guard({
      name: "office hours",
      events: ["turn:start"],
      run: (event) => Effect.succeed(event.input?.prompt.includes("deploy") ? veto("not on Fridays") : allow)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const error = yield* Effect.flip(agents.runTurn({ threadId, prompt: "deploy it" }))
      assert.deepInclude<unknown>(error, { _tag: "TurnVetoed", hook: "office hours", reason: "not on Fridays" })
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "test it" })).text, "echo: test it")
      assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["test it"])
    }).pipe(Effect.provide(Agents.layer({ hooks: [guard] })))
  })

  it.effect("P12 mock: input that joins a running turn is asked about too", () => {
    const guard = LifecycleHooks.guard({
      name: "careful",
      events: ["turn:start"],
      run: (event) => Effect.succeed(event.input?.prompt.includes("deploy") ? veto("not on Fridays") : allow)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "work" })
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "and deploy it", steer: true }))
      assert.deepInclude<unknown>(error, { _tag: "TurnVetoed", turnId, hook: "careful" })
      assert.isTrue((yield* agents.sendTurn({ threadId, prompt: "and test it", steer: true })).steered)
      assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["work", "and test it"])
    }).pipe(Effect.provide(Agents.layer({ hooks: [guard] })))
  })

  it.effect("P12 P15 mock: what a transform adds is read by the model, well-formed, and is not the user's words", () => {
    const notes = LifecycleHooks.transform({
      name: "notes",
      events: ["turn:start"],
      run: () => Effect.succeed({ context: ["Today is Saturday.", "so\ud83d"] })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "what day is it?" })
      const [session] = yield* agent.sessions
      assert.deepStrictEqual(session?.history.slice(0, 3).map(({ role, text }) => `${role}: ${text}`), [
        "context: Today is Saturday.",
        "context: so\ufffd",
        "user: what day is it?"
      ])
      const [turn] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(turn?.input, {
        prompt: "what day is it?",
        context: ["Today is Saturday.", "so\ufffd"]
      })
    }).pipe(Effect.provide(Agents.layer({ hooks: [notes] })))
  })

  it.effect("P12 mock: a hook that acts on its own thread from where that waits for it is told so, and nothing hangs", () => {
    const errors: Array<string> = []
    const tried = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E | HookReentrant, R>) =>
      Effect.matchEffect(effect, {
        onSuccess: () => Effect.sync(() => errors.push("went through")),
        onFailure: (error) => Effect.sync(() => errors.push(error._tag))
      })
    const busy = LifecycleHooks.observe({
      name: "busy",
      events: ["session:start", "session:end"],
      run: (event) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          yield* tried(agents.sendTurn({ threadId: event.threadId, prompt: "me too" }))
          yield* tried(agents.compactThread({ threadId: event.threadId }))
          yield* tried(agents.stopSession({ threadId: event.threadId }))
        })
    })
    const guard = LifecycleHooks.guard({
      name: "greedy",
      events: ["turn:start"],
      run: (event) =>
        Effect.flatMap(ProviderService, (agents) => tried(agents.resetThread({ threadId: event.threadId }))).pipe(
          Effect.as(allow)
        )
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "hello" })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(errors, Array.from({ length: 7 }, () => "HookReentrant"))
    }).pipe(Effect.provide(Agents.layer({ hooks: [busy, guard] })))
  })

  it.effect("P12 mock: a hook may go on with its thread once a turn is over", () => {
    const said = Deferred.makeUnsafe<string>()
    const goOn = LifecycleHooks.observe({
      name: "go on",
      events: ["turn:end"],
      run: (event) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const [first, ...more] = yield* agents.readTranscript({ threadId: event.threadId })
          if (first === undefined || more.length > 0) return
          const { text } = yield* agents.runTurn({ threadId: event.threadId, prompt: "and then?" })
          yield* Deferred.succeed(said, text)
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "hello" })
      assert.strictEqual(yield* Deferred.await(said), "echo: and then?")
    }).pipe(Effect.provide(Agents.layer({ hooks: [goOn] })))
  })

  it.effect("P12 mock: a hook that hangs delays a first prompt and a stop by the budget, and no longer", () => {
    const hung = LifecycleHooks.observe({ name: "hung", events: ["session:*"], run: () => Effect.never })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "hello" }))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(turn)).text, "echo: hello")
      // The start is told once: the next prompt waits for nobody.
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "again" })).text, "echo: again")
      const stop = yield* Effect.forkChild(agents.stopSession({ threadId }))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(stop)
    }).pipe(Effect.provide(Agents.layer({ hooks: [hung] })))
  })
})
