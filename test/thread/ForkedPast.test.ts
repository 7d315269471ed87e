/** P1 on the mock: a fork owns its past from the moment of the fork. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { layer, stored, threadId } = Agents
const copy = ThreadId.make("copy")

const prompts = (id: ThreadId) =>
  ProviderService.use((agents) => agents.readTranscript({ threadId: id })).pipe(
    Effect.map((turns) => turns.map((turn) => turn.input?.prompt))
  )

describe("forks", () => {
  it.effect("P1 mock: a fork keeps its past when its source is deleted, and when the source's id is used again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.strictEqual(forked.continuity._tag, "Forked")
      yield* agents.runTurn({ threadId: copy, prompt: "in the copy" })
      yield* agents.deleteThread({ threadId })
      assert.deepStrictEqual(yield* prompts(copy), ["remember 42", "in the copy"])
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "a stranger's" })
      assert.deepStrictEqual(yield* prompts(copy), ["remember 42", "in the copy"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a fork of a session that had no turn yet is as new as it; what that was handed, the fork is handed too", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const unused = ThreadId.make("unused")
      const created = yield* agents.forkThread({ threadId, newThreadId: unused })
      assert.strictEqual(created.continuity._tag, "Created")
      assert.strictEqual((yield* agents.runTurn({ threadId: unused, prompt: "first" })).text, "echo: first")
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const rehydrated = yield* agents.startSession({ threadId })
      assert.strictEqual(rehydrated.continuity._tag, "Rehydrated")
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.deepInclude(forked.continuity, { _tag: "Rehydrated", reason: "never-resumable" })
      yield* agents.runTurn({ threadId: copy, prompt: "in the copy" })
      assert.deepStrictEqual(yield* prompts(copy), ["one", "in the copy"])
      const seeded = (yield* agent.sessions).find((session) => session.threadId === copy)
      assert.include(seeded?.history[0]?.text, "echo: one")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  it.effect("P1 mock: a fork whose session is lost is handed its whole past", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const { sessionId } = yield* agents.forkThread({ threadId, newThreadId: copy })
      yield* agents.deleteThread({ threadId })
      yield* agents.stopSession({ threadId: copy })
      yield* agent.loseSession(sessionId)
      const { continuity } = yield* agents.startSession({ threadId: copy })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "session-missing", items: 2, omitted: 0 })
      const seeded = (yield* agent.sessions).find((session) => session.live)
      assert.include(seeded?.history[0]?.text, "remember 42")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a fork of a fork has the past of both, each turn once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.forkThread({ threadId, newThreadId: copy })
      yield* agents.runTurn({ threadId: copy, prompt: "two" })
      const third = ThreadId.make("third")
      yield* agents.forkThread({ threadId: copy, newThreadId: third })
      assert.deepStrictEqual(yield* prompts(third), ["one", "two"])
      const restored = (yield* stored(third)).filter(Agents.is("TurnRestored"))
      assert.deepStrictEqual(restored.map(({ source }) => source), [
        { _tag: "Fork", threadId: copy },
        { _tag: "Fork", threadId: copy }
      ])
    }).pipe(Effect.provide(layer())))
})
