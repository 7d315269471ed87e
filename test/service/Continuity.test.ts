/** P1, P2, P3 on the mock: what becomes of the past when a session is started. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId, ProviderRegistry, ProviderService, SessionStore, ThreadId, TurnId } from "../../src/index.ts"
import { SessionMissing } from "../../src/protocol.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, mock, stored, threadId } = Agents

describe("continuity", () => {
  it.effect("P1 mock: a follow-up after an idle stop is resumed, says so, and reaches the whole history", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.strictEqual(next.epoch, 2)
      const [session, ...others] = yield* agent.sessions
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(session?.history.map((message) => message.text), ["one", "echo: one", "two", "echo: two"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a missing session is rehydrated with the archive, and the result and the event say so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const next = yield* agents.runTurn({ threadId, prompt: "what was it?" })
      assert.deepStrictEqual(next.continuity, {
        _tag: "Rehydrated",
        reason: "session-missing",
        items: 2,
        omitted: 0
      })
      const started = (yield* stored()).filter(is("SessionStarted"))
      assert.deepStrictEqual(started.map((event) => event.continuity._tag), ["Created", "Rehydrated"])
      const session = (yield* agent.sessions).find((session) => session.live)
      assert.strictEqual(session?.history[0]?.role, "seed")
      assert.include(session?.history[0]?.text, "remember 42")
    }).pipe(Effect.provide(layer())))

  it.effect("P10 mock: what was begun for a session that proves missing is released before another one is started", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const registry = yield* ProviderRegistry
      const adapter = yield* Effect.fromOption(yield* registry.get(Agents.mock))
      const log: Array<string> = []
      const note = (what: string) => Effect.sync(() => log.push(what))
      yield* registry.replace({
        ...adapter,
        startSession: (input) =>
          Effect.andThen(
            Effect.acquireRelease(note(input.from._tag), () => note("released")),
            adapter.startSession(input)
          )
      })
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual(log, ["New", "released", "Resume", "released", "Seeded"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: an agent is handed no more of the archive than it takes, and the result says what was left out", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: `old ${"x".repeat(300)}` })
      yield* agents.runTurn({ threadId, prompt: "new" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.deepInclude(continuity, { _tag: "Rehydrated", items: 3, omitted: 1 })
      const seed = (yield* agent.sessions).find((session) => session.live)?.history[0]?.text ?? ""
      assert.include(seed, "echo: new")
      assert.notInclude(seed, "[user]\nold")
    }).pipe(Effect.provide(layer({ mock: { capabilities: { handoverTokens: 50 } } }))))

  it.effect("P1 mock: a session that goes while it is live is proved missing by the next turn, which reaches its successor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      yield* agent.loseSession(sessionId)
      const next = yield* agents.runTurn({ threadId, prompt: "what was it?" })
      assert.strictEqual(next.continuity._tag, "Rehydrated")
      const events = yield* stored()
      assert.deepStrictEqual(events.filter(is("SessionEnded")).map(({ reason }) => reason), ["lost"])
      assert.deepStrictEqual(
        events.filter(is("TurnStarted")).map(({ epoch, input }) => [epoch, input.prompt]),
        [[1, "remember 42"], [2, "what was it?"]]
      )
      const received = (yield* agent.received).map(({ input }) => input.prompt)
      assert.deepStrictEqual(received, ["remember 42", "what was it?"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that goes while it is live fails its next turn where the policy says so, which can be sent again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agent.loseSession(sessionId)
      const turnId = TurnId.make("two")
      const error = yield* Effect.flip(agents.sendTurn({ threadId, turnId, prompt: "two", onMissing: "fail" }))
      assert.instanceOf(error, SessionMissing)
      const next = yield* agents.runTurn({ threadId, turnId, prompt: "two", onMissing: "fresh" })
      assert.deepStrictEqual([next.turnId, next.continuity._tag], [turnId, "Fresh"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: by policy a missing session is started fresh, or fails and keeps the cursor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const before = yield* store.getCursor(threadId, mock)
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two", onMissing: "fail" }))
      assert.instanceOf(error, SessionMissing)
      assert.deepStrictEqual(yield* store.getCursor(threadId, mock), before)
      const next = yield* agents.runTurn({ threadId, prompt: "three", onMissing: "fresh" })
      assert.deepStrictEqual(next.continuity, { _tag: "Fresh", reason: "session-missing" })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: swapping the agent keeps the conversation", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const other = InstanceId.make("other")
      yield* MockProvider.make({ instanceId: other })
      const swapped = yield* agents.startSession({ threadId, instanceId: other })
      assert.strictEqual(swapped.continuity._tag, "Rehydrated")
      const turn = yield* agents.runTurn({ threadId, prompt: "what was it?" })
      assert.strictEqual(turn.continuity._tag, "Rehydrated")
      assert.strictEqual((yield* agents.readTranscript({ threadId })).length, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P2 mock: an agent that cannot be reached is an error that keeps the cursor, and no fresh session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      const before = yield* store.getCursor(threadId, mock)
      yield* agent.unreachable(true)
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
      assert.strictEqual(error._tag, "AgentUnreachable")
      assert.deepStrictEqual(yield* store.getCursor(threadId, mock), before)
      assert.strictEqual((yield* agent.sessions).length, 1)
      yield* agent.unreachable(false)
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P3 mock: a cursor is stored only once the agent can resume from it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      yield* Agents.start()
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "None")
      yield* agents.runTurn({ threadId, prompt: "one" })
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "Some")
      yield* agents.stopSession({ threadId })
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "Some")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  it.effect("P3 mock: a session that was lost before its first turn is created again, not an error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const turn = yield* agents.runTurn({ threadId, prompt: "one" })
      assert.strictEqual(turn.continuity._tag, "Created")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  for (const stored of ["rubbish", { provider: "else", version: 1, payload: {} }, { provider: "mock", version: 99 }]) {
    it.effect(`P3 mock: a cursor that cannot be read (${JSON.stringify(stored)}) is refused and kept`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const store = yield* SessionStore
        const sql = yield* Agents.sql
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* agents.stopSession({ threadId })
        yield* sql`UPDATE eca_cursors SET body = ${JSON.stringify(stored)}`
        const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
        assert.strictEqual(error._tag, "CursorRejected")
        const kept = yield* store.getCursor(threadId, mock)
        assert.deepStrictEqual(kept._tag === "Some" ? kept.value : undefined, stored)
        assert.strictEqual((yield* agent.sessions).length, 1)
      }).pipe(Effect.provide(layer())))
  }

  it.effect("fork: the copy has the history, the original goes on by itself, and the archive spans both", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const copy = ThreadId.make("copy")
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.strictEqual(forked.continuity._tag, "Forked")
      yield* agents.runTurn({ threadId: copy, prompt: "in the copy" })
      yield* agents.runTurn({ threadId, prompt: "in the original" })
      const prompts = (yield* agents.readTranscript({ threadId: copy })).map((turn) => turn.input?.prompt)
      assert.deepStrictEqual(prompts, ["one", "in the copy"])
      const histories = (yield* agent.sessions).map((session) => session.history.map((message) => message.text))
      assert.deepStrictEqual(histories.map((texts) => texts.filter((text) => !text.startsWith("echo"))), [
        ["one", "in the original"],
        ["one", "in the copy"]
      ])
      const again = yield* Effect.flip(agents.forkThread({ threadId, newThreadId: copy }))
      assert.strictEqual(again._tag, "ThreadExists")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: another directory of the project moves the session, any other rehydrates", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const project = yield* Agents.folder
      yield* fs.makeDirectory(path.join(project, ".git"))
      yield* fs.makeDirectory(path.join(project, "a"))
      yield* fs.makeDirectory(path.join(project, "b"))
      const first = yield* Agents.start({ directory: path.join(project, "a") })
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* fs.symlink(path.join(project, "a"), path.join(project, "link"))
      const same = yield* agents.startSession({ threadId, directory: path.join(project, "link") })
      assert.strictEqual(same.epoch, first.epoch)
      const moved = yield* agents.startSession({ threadId, directory: path.join(project, "b") })
      assert.deepStrictEqual(moved.continuity, { _tag: "Moved", from: path.join(project, "a") })
      assert.strictEqual(moved.directory, path.join(project, "b"))
      const elsewhere = yield* agents.startSession({ threadId, directory: yield* Agents.folder })
      assert.strictEqual(elsewhere.continuity._tag, "Rehydrated")
    }).pipe(Effect.provide(layer())))
})
