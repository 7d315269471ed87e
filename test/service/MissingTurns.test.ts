/** P1 on the mock: a session that does not have the thread's last turns, as one from a backup, or after a swap of the agent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { InstanceId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { SessionInUse } from "../../src/protocol.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, layer, stored, threadId } = Agents

/** A thread with these turns, stopped, whose agent has forgotten the last ones. */
const forgotten = Effect.fnUntraced(function*(prompts: ReadonlyArray<string>, lost: number) {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  const { sessionId } = yield* Agents.start()
  for (const prompt of prompts) yield* agents.runTurn({ threadId, prompt })
  yield* agents.stopSession({ threadId })
  assert.isTrue(yield* agent.loseTurns(sessionId, lost))
})

/** What the agent's model has in its context, or was told beside a prompt. */
const known = Effect.gen(function*() {
  const [session] = yield* (yield* MockProvider).sessions
  return session?.history.map(({ role, text }) => [role, text] as const) ?? []
})

describe("lost turns", () => {
  it.effect("P1 mock: are handed over with the next prompt, once, and the start says how many", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(["one", "two", "three"], 2)
      const next = yield* agents.runTurn({ threadId, prompt: "four" })
      assert.deepStrictEqual(next.continuity, { _tag: "Resumed", lost: { turns: 2, items: 4, omitted: 0 } })
      assert.deepStrictEqual((yield* stored()).findLast(is("SessionStarted"))?.continuity, next.continuity)
      const context = (yield* known).flatMap(([role, text]) => role === "context" ? [text] : [])
      assert.strictEqual(context.length, 1)
      assert.match(context[0] ?? "", /\[user\]\ntwo\n.*\[assistant\]\necho: two\n.*\[user\]\nthree\n/s)
      assert.notInclude(context[0], "echo: one")
      yield* agents.runTurn({ threadId, prompt: "five" })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* agents.runTurn({ threadId, prompt: "six" })).continuity, { _tag: "Resumed" })
      assert.strictEqual((yield* known).filter(([role]) => role === "context").length, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: are found however many they are, with few questions", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const prompts = Array.from({ length: 40 }, (_, index) => `prompt ${index}`)
      yield* forgotten(prompts, 33)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "next" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 33, items: 66, omitted: 0 } })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: are counted where they are hundreds", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(Array.from({ length: 300 }, (_, index) => `prompt ${index}`), 290)
      const { continuity } = yield* agents.startSession({ threadId })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 290, items: 580, omitted: 0 } })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a turn of which the agent has the prompt and not its answer is one of them", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      for (const prompt of ["one", "two"]) yield* agents.runTurn({ threadId, prompt })
      yield* agents.stopSession({ threadId })
      const answer = agent.disk.sessions.get(sessionId)?.messages.pop()
      assert.strictEqual(answer?._tag === "Item" && answer.item._tag, "AssistantMessage")
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 1, items: 2, omitted: 0 } })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: that are taken back before a prompt told of them are not told any more", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(["one", "two", "three"], 2)
      yield* agents.startSession({ threadId })
      const [one] = yield* agents.readTranscript({ threadId })
      yield* agents.rewindThread({ threadId, before: one?.turnId ?? TurnId.make("none") })
      yield* agents.runTurn({ threadId, prompt: "anew" })
      assert.deepStrictEqual(yield* known, [["user", "anew"], ["assistant", "echo: anew"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: all of them, where the session is there and empty", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(["one", "two"], 2)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 2, items: 4, omitted: 0 } })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: are told and not handed over where the policy is another one", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(["one", "two"], 1)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three", onMissing: "fresh" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 1, items: 0, omitted: 2 } })
      assert.deepStrictEqual((yield* known).map(([role]) => role), ["user", "assistant", "user", "assistant"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: turns of a session before a reset, and those that were rewound, are not looked for", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.resetThread({ threadId })
      yield* agents.stopSession({ threadId })
      assert.notProperty((yield* agents.startSession({ threadId })).continuity, "lost")
      yield* agents.runTurn({ threadId, prompt: "two" })
      const { turnId } = yield* agents.runTurn({ threadId, prompt: "three" })
      yield* agents.rewindThread({ threadId, before: turnId })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* agents.startSession({ threadId })).continuity, { _tag: "Resumed" })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: an agent that keeps no history is resumed at its word", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* forgotten(["one", "two"], 1)
      assert.deepStrictEqual((yield* agents.runTurn({ threadId, prompt: "three" })).continuity, { _tag: "Resumed" })
    }).pipe(Effect.provide(layer({ mock: { capabilities: { history: false } } }))))
})

const other = InstanceId.make("other")

/** The thread has a turn with the mock, and one with another agent. */
const swapped = Effect.gen(function*() {
  const agents = yield* ProviderService
  const first = yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "one" })
  yield* MockProvider.make({ instanceId: other })
  const second = yield* agents.startSession({ threadId, instanceId: other })
  const two = yield* agents.runTurn({ threadId, prompt: "two" })
  return { first, second, two }
})

describe("back at an agent", () => {
  it.effect("P1 mock: its own session goes on, and is told what another agent did meanwhile", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { first, second } = yield* swapped
      assert.strictEqual(second.continuity._tag, "Rehydrated")
      const back = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      const continuity = { _tag: "Returned", missed: { turns: 1, items: 2, omitted: 0 } }
      assert.deepStrictEqual([back.continuity, back.sessionId], [continuity, first.sessionId])
      // Until a prompt has told it, each start says it again.
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(
        yield* agents.runTurn({ threadId, prompt: "three" }).pipe(Effect.map((turn) => turn.continuity)),
        {
          _tag: "Resumed",
          lost: continuity.missed
        }
      )
      const heard = yield* known
      assert.deepStrictEqual(heard.map(([role]) => role), ["user", "assistant", "context", "user", "assistant"])
      assert.match(heard[2]?.[1] ?? "", /\[user\]\ntwo\n.*\[assistant\]\necho: two\n/s)
      assert.notInclude(heard[2]?.[1], "echo: one")
      // And back again: what the other one has missed is the last turn alone.
      const again = yield* agents.startSession({ threadId, instanceId: other })
      assert.deepStrictEqual(again.continuity, { _tag: "Returned", missed: { turns: 1, items: 2, omitted: 0 } })
      assert.strictEqual(again.sessionId, second.sessionId)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: the names of the first agent's model and persona are not handed to the second", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* agents.startSession({
        threadId,
        instanceId: Agents.mock,
        directory: yield* Agents.folder,
        model: { id: "large" },
        agent: "build"
      })
      yield* agents.runTurn({ threadId, prompt: "one" })
      const second = yield* MockProvider.make({ instanceId: other })
      yield* agents.startSession({ threadId, instanceId: other })
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual((yield* second.starts).map(({ agent, model }) => [agent, model]), [[undefined, undefined]])
      assert.deepStrictEqual((yield* second.received).map(({ input }) => input.model), [undefined])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: what its session has lost is told together with what it has missed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "zero" })
      yield* swapped
      assert.isTrue(yield* agent.loseTurns(sessionId, 1))
      const { continuity } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Returned", missed: { turns: 2, items: 4, omitted: 0 } })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that is gone is no hindrance: a new one has the whole conversation", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { first } = yield* swapped
      yield* agent.loseSession(first.sessionId)
      const { continuity } = yield* agents.startSession({ threadId, instanceId: Agents.mock, onMissing: "rehydrate" })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "provider-changed", items: 4, omitted: 0 })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that another program has open is no hindrance either", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { first } = yield* swapped
      yield* agent.failNextStart(new SessionInUse({ instanceId: agent.instanceId, sessionId: first.sessionId }))
      const { continuity } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "provider-changed", items: 4, omitted: 0 })
    }).pipe(Effect.provide(layer())))

  it.effect("P10 mock: a session that had no turn of the thread is not gone back to, and is stopped again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* MockProvider.make({ instanceId: other })
      yield* agents.startSession({ threadId, instanceId: other })
      yield* agents.runTurn({ threadId, prompt: "two" })
      const back = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(back.continuity, {
        _tag: "Rehydrated",
        reason: "provider-changed",
        items: 2,
        omitted: 0
      })
      assert.notStrictEqual(back.sessionId, sessionId)
      assert.deepStrictEqual(
        (yield* agent.sessions).flatMap((session) => session.live ? [session.sessionId] : []),
        [back.sessionId]
      )
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: after a reset there is no session to return to", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* swapped
      yield* agents.resetThread({ threadId })
      yield* agents.runTurn({ threadId, prompt: "anew" })
      const { continuity } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "provider-changed", items: 2, omitted: 0 })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: its own session goes on, however long the other one had the thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { first } = yield* swapped
      for (let turn = 0; turn < 300; turn++) yield* agents.runTurn({ threadId, prompt: `prompt ${turn}` })
      const { continuity, sessionId } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Returned", missed: { turns: 301, items: 602, omitted: 0 } })
      assert.strictEqual(sessionId, first.sessionId)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that knows of turns that were taken back in another one is not gone back to", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { first, second, two } = yield* swapped
      yield* agents.startSession({ threadId, instanceId: Agents.mock })
      yield* agents.runTurn({ threadId, prompt: "three" })
      assert.strictEqual((yield* agents.startSession({ threadId, instanceId: other })).sessionId, second.sessionId)
      yield* agents.rewindThread({ threadId, before: two.turnId })
      const { continuity, sessionId } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "provider-changed", items: 2, omitted: 0 })
      assert.notStrictEqual(sessionId, first.sessionId)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that has had none of the turns that were taken back is", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { first, two } = yield* swapped
      yield* agents.rewindThread({ threadId, before: two.turnId })
      const { continuity, sessionId } = yield* agents.startSession({ threadId, instanceId: Agents.mock })
      assert.deepStrictEqual(continuity, { _tag: "Returned", missed: { turns: 0, items: 0, omitted: 0 } })
      assert.strictEqual(sessionId, first.sessionId)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: it is told again what it has missed, if the prompt that told it is taken back", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* swapped
      yield* agents.startSession({ threadId, instanceId: Agents.mock })
      const three = yield* agents.runTurn({ threadId, prompt: "three" })
      yield* agents.rewindThread({ threadId, before: three.turnId })
      yield* agents.runTurn({ threadId, prompt: "four" })
      assert.deepStrictEqual((yield* known).map(([role]) => role), [
        "user",
        "assistant",
        "context",
        "user",
        "assistant"
      ])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a fork of a session that was not told yet lacks it as well, says so, and is told", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* swapped
      yield* agents.startSession({ threadId, instanceId: Agents.mock })
      const newThreadId = ThreadId.make("copy")
      const copy = yield* agents.forkThread({ threadId, newThreadId })
      const lost = { turns: 1, items: 2, omitted: 0 }
      assert.deepInclude(copy.continuity, { _tag: "Forked", lost })
      // Until a prompt has told it, each start says it again, whatever becomes of the source.
      yield* agents.deleteThread({ threadId })
      yield* agents.stopSession({ threadId: newThreadId })
      const next = yield* agents.runTurn({ threadId: newThreadId, prompt: "three" })
      assert.deepStrictEqual(next.continuity, { _tag: "Resumed", lost })
      const heard = (yield* agent.sessions).find(({ sessionId }) => sessionId === copy.sessionId)?.history ?? []
      assert.deepStrictEqual(heard.map(({ role }) => role), ["user", "assistant", "context", "user", "assistant"])
      yield* agents.stopSession({ threadId: newThreadId })
      const again = yield* agents.startSession({ threadId: newThreadId })
      assert.deepStrictEqual(again.continuity, { _tag: "Resumed" })
    }).pipe(Effect.provide(layer())))
})
