/** P8, P9 on the mock: one live session of each thread, the reaper, and bad input. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Path, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, mock, stored, tags, threadId } = Agents

describe("sessions", () => {
  it.effect("P8 mock: concurrent starts and turns of one thread make one live session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const input = { threadId, instanceId: mock, directory }
      const infos = yield* Effect.all(Array.from({ length: 20 }, () => agents.startSession(input)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(infos.map((info) => info.sessionId)).size, 1)
      const turns = yield* Effect.all(
        Array.from({ length: 10 }, (_, n) => Effect.exit(agents.sendTurn({ threadId, prompt: String(n) }))),
        { concurrency: "unbounded" }
      )
      assert.isAtLeast(turns.filter(Exit.isSuccess).length, 1)
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.overlaps), [0])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop cuts through a slow start, and stopping twice succeeds", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const reached = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const start = yield* Effect.forkChild(Effect.flip(agents.startSession({ threadId })), { startImmediately: true })
      yield* Deferred.await(reached)
      yield* Effect.all([agents.stopSession({ threadId }), agents.stopSession({ threadId })], { concurrency: 2 })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "on" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: deleting a thread in the tick of its first start leaves neither a session nor a thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const start = yield* Effect.forkChild(Effect.flip(Agents.start({ directory: yield* Agents.folder })), {
        startImmediately: true
      })
      yield* agents.deleteThread({ threadId })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      assert.isFalse((yield* agent.sessions).some(({ live }) => live))
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
      assert.strictEqual((yield* Effect.flip(agents.deleteThread({ threadId })))._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: of a thread whose record cannot be read the events can be, and it can be deleted", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const { turnId } = yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* Effect.flatMap(Agents.sql, (sql) => sql`UPDATE eca_threads SET runtime_mode = 'secret words'`)
      const error = yield* Effect.flip(agents.getThread({ threadId }))
      assert.strictEqual(error._tag, "ThreadUnreadable")
      assert.notInclude(error.message, "secret words")
      assert.deepStrictEqual((yield* agents.readTranscript({ threadId })).map((turn) => turn.turnId), [turnId])
      const reader = yield* Effect.forkChild(Stream.runCollect(agents.streamEvents({ threadId })), {
        startImmediately: true
      })
      const expected = Agents.tags(yield* stored())
      yield* agents.deleteThread({ threadId })
      const seen = Agents.tags(yield* Fiber.join(reader))
      assert.deepStrictEqual(seen.slice(-1), ["ThreadDeleted"])
      assert.deepStrictEqual(seen.slice(0, -1), expected.slice(0, seen.length - 1))
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: late events of an ended turn or an old epoch change nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const first = yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agent.nextTurn(() => [MockStep.hang])
      const second = yield* agents.sendTurn({ threadId, prompt: "two" })
      const late = { _tag: "TurnCompleted", turnId: first.turnId, usage: first.usage } as const
      yield* agent.emit(sessionId, [late], "live")
      yield* agents.interruptTurn({ threadId, turnId: second.turnId })
      assert.deepStrictEqual(endings(yield* stored()), {
        [first.turnId]: ["TurnCompleted"],
        [second.turnId]: ["TurnInterrupted"]
      })
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a second turn while one runs is refused, or joins it when asked to steer", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.nextTurn(() => [MockStep.wait(gate), MockStep.text("first")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "one" }), { startImmediately: true })
      const started = yield* awaitEvent(is("TurnStarted"))
      const refused = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
      assert.deepStrictEqual(refused._tag === "TurnInProgress" ? refused.turnId : undefined, started.turnId)
      const steered = yield* agents.sendTurn({ threadId, prompt: "and three", steer: true })
      assert.strictEqual(steered.turnId, started.turnId)
      assert.isTrue(steered.steered)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(run)
      assert.deepStrictEqual(Object.values(endings(yield* stored())), [["TurnCompleted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: the reaper leaves a running turn and an open approval alone", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("3 hours")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "waiting")
      yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
      yield* Fiber.join(run)
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      yield* TestClock.adjust("2 minutes")
      yield* awaitEvent(is("SessionEnded"))
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: background work pins a session, but not past the cap", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "start the server" })
      yield* agent.backgroundWork(sessionId, true)
      yield* TestClock.adjust("3 hours")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      yield* TestClock.adjust("62 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
    }).pipe(Effect.provide(layer())))

  it.effect("bad input: each gives a clear typed error and loses nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* Agents.folder
      const file = path.join(directory, "file")
      yield* fs.writeFileString(file, "")
      const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.map(Effect.flip(effect), (error) => error._tag)
      const nobody = InstanceId.make("nobody")
      assert.strictEqual(
        yield* tagOf(agents.startSession({ threadId, instanceId: nobody, directory })),
        "InstanceNotFound"
      )
      assert.strictEqual(yield* tagOf(agents.startSession({ threadId })), "StartIncomplete")
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: "one" })), "ThreadNotFound")
      assert.strictEqual(yield* tagOf(Stream.runDrain(agents.streamEvents({ threadId }))), "ThreadNotFound")
      for (const wrong of [path.join(directory, "missing"), file, "relative"]) {
        const error = yield* Effect.flip(agents.startSession({ threadId, instanceId: mock, directory: wrong }))
        assert.strictEqual(error._tag, "DirectoryInvalid")
      }
      yield* Agents.start({ directory })
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: " \n" })), "PromptEmpty")
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: "x".repeat(101) })), "PromptTooLong")
      const data = (bytes: number) => ({
        _tag: "Data" as const,
        name: `${bytes}.png`,
        mime: "image/png",
        base64: Buffer.alloc(bytes).toString("base64")
      })
      for (const [of, sizes, bytes, limit] of [["attachment", [65], 65, 64], ["turn", [64, 37], 101, 100]] as const) {
        const error = yield* Effect.flip(
          agents.sendTurn({ threadId, prompt: "look", attachments: sizes.map((size) => data(size)) })
        )
        const name = `${sizes.at(-1)}.png`
        assert.deepInclude(error, { _tag: "AttachmentTooLarge", name, of, bytes, limit })
      }
      assert.strictEqual(
        yield* tagOf(agents.interruptTurn({ threadId, turnId: TurnId.make("nobody's") })),
        "TurnNotFound"
      )
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
    }).pipe(Effect.provide(layer({ settings: { promptLimit: 100, attachmentLimit: { each: 64, turn: 100 } } }))))

  it.effect("a deleted thread is gone, and the others stay", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const other = ThreadId.make("other")
      yield* agents.startSession({ threadId: other, instanceId: mock, directory: yield* Agents.folder })
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.deleteThread({ threadId })
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
      assert.deepStrictEqual((yield* agents.listThreads({})).threads.map((thread) => thread.threadId), [other])
      const again = yield* Agents.start()
      assert.strictEqual(again.continuity._tag, "Created")
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
    }).pipe(Effect.provide(layer())))
})
