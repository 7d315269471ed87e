/** P1 on the mock: forks at a turn and rewinds, and that nothing of what was cut off is handed to a model again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  ThreadId,
  TranscriptArchive,
  TurnId
} from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, layer, stored, threadId } = Agents
const copy = ThreadId.make("copy")

/** Runs the turns and answers their ids. */
const run = (...prompts: ReadonlyArray<string>) =>
  Effect.forEach(
    prompts,
    (prompt) =>
      ProviderService.use((agents) => Effect.map(agents.runTurn({ threadId, prompt }), ({ turnId }) => turnId))
  )

const prompts = (id: ThreadId) =>
  ProviderService.use((agents) => agents.readTranscript({ threadId: id })).pipe(
    Effect.map((turns) => turns.map((turn) => [turn.input?.prompt, turn.rewound ?? false]))
  )

const fork = (at: TurnId, newThreadId: ThreadId = copy) =>
  ProviderService.use((agents) => agents.forkThread({ threadId, newThreadId, at }))

const rewind = (before: TurnId) => ProviderService.use((agents) => agents.rewindThread({ threadId, before }))

/** What the models of all live sessions have in their context. */
const contexts = MockProvider.use((agent) =>
  Effect.map(
    agent.sessions,
    (all) => all.filter(({ live }) => live).map(({ history }) => history.map(({ text }) => text).join("\n"))
  )
)

const nowhere = TurnId.make("nowhere")

describe("a rewind whose answer is lost", () => {
  it.effect("P1 mock: the next prompt brings along what the session does not have any more, and says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const [, second = nowhere] = yield* run("one", "two")
      yield* agent.unreachable(true)
      assert.strictEqual((yield* Effect.flip(rewind(second)))._tag, "AgentUnreachable")
      // The agent has done it.
      yield* agent.loseTurns(sessionId, 1)
      yield* agent.unreachable(false)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
      assert.strictEqual(continuity._tag === "Resumed" ? continuity.lost?.turns : continuity._tag, 1)
      assert.include((yield* contexts)[0], "two")
      assert.deepStrictEqual(yield* prompts(threadId), [["one", false], ["two", false], ["three", false]])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: one that the agent refuses leaves the session as it is", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const [, second = nowhere] = yield* run("one", "two")
      yield* agent.loseTurns(sessionId, 1)
      assert.strictEqual((yield* Effect.flip(rewind(second)))._tag, "TurnNotInSession")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "three" })).epoch, 1)
    }).pipe(Effect.provide(layer())))
})

describe("forks at a turn", () => {
  it.effect("P1 mock: the copy has the turns up to that one, says up to which event, and goes its own way", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const [first = nowhere, second = nowhere] = yield* run("one", "two", "three")
      const { continuity } = yield* fork(second)
      const ending = (yield* stored()).find((event) => event._tag === "TurnCompleted" && event.turnId === second)
      assert.deepStrictEqual(continuity, { _tag: "Forked", from: threadId, seq: ending?.seq ?? 0 })
      yield* agents.runTurn({ threadId: copy, prompt: "in the copy" })
      assert.deepStrictEqual(yield* prompts(copy), [["one", false], ["two", false], ["in the copy", false]])
      assert.notInclude((yield* contexts)[1], "three")
      assert.include((yield* contexts)[0], "three")
      // The turns that a fork was made with are its own.
      const again = ThreadId.make("again")
      yield* agents.forkThread({ threadId: copy, newThreadId: again, at: first })
      assert.deepStrictEqual(yield* prompts(again), [["one", false]])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a turn that is not there, still runs, was compacted or ran in another session is no place to cut", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      assert.deepInclude(yield* Effect.flip(fork(nowhere)), { _tag: "TurnNotFound", turnId: nowhere })
      assert.deepInclude(yield* Effect.flip(rewind(nowhere)), { _tag: "TurnNotFound", turnId: nowhere })
      const [first = nowhere] = yield* run("one", "two")
      yield* agent.nextTurn(() => [MockStep.hang])
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "three" })
      for (const cut of [Effect.asVoid(fork(turnId)), Effect.asVoid(fork(first)), Effect.asVoid(rewind(first))]) {
        assert.deepInclude(yield* Effect.flip(cut), { _tag: "TurnInProgress", turnId })
      }
      yield* agents.interruptTurn({ threadId })
      yield* agents.compactThread({ threadId })
      const notFound = { _tag: "TurnNotInSession", turnId: first, reason: "not-found" } as const
      for (const cut of [Effect.asVoid(fork(first)), Effect.asVoid(rewind(first))]) {
        assert.deepInclude(yield* Effect.flip(cut), notFound)
      }
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      for (const cut of [Effect.asVoid(fork(first)), Effect.asVoid(rewind(first))]) {
        assert.deepInclude(yield* Effect.flip(cut), notFound)
      }
      assert.deepStrictEqual((yield* prompts(threadId)).map(([, rewound]) => rewound), [false, false, false])
    }).pipe(Effect.provide(layer())))

  it.effect("mock: what the agent does not offer is refused before it is asked", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const [first = nowhere] = yield* run("one")
      assert.deepInclude(yield* Effect.flip(fork(first)), { _tag: "CapabilityMissing", capability: "fork at a turn" })
      assert.deepInclude(yield* Effect.flip(rewind(first)), { _tag: "CapabilityMissing", capability: "rewind" })
    }).pipe(Effect.provide(layer({ mock: { capabilities: { forkAt: false, rewind: "never" } } }))))
})

describe("rewinds", () => {
  it.effect("P1 mock: what was taken back stays in the transcript, and no later session or copy is handed it", () => {
    const told: Array<LifecycleEvent> = []
    const hook = LifecycleHooks.observe({
      name: "rewinds",
      events: ["thread:*"],
      run: (event) => Effect.sync(() => told.push(event))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const archive = yield* TranscriptArchive
      const { sessionId } = yield* Agents.start()
      const [, second = nowhere, third = nowhere] = yield* run("one", "two", "three")
      assert.deepStrictEqual(yield* rewind(second), { threadId, before: second, files: "kept" })
      const marked = [["one", false], ["two", true], ["three", true]]
      assert.deepStrictEqual(yield* prompts(threadId), marked)
      assert.strictEqual((yield* stored()).at(-1)?._tag, "ThreadRewound")
      // Neither is part of the conversation any more, and no id is used twice.
      assert.strictEqual((yield* Effect.flip(rewind(third)))._tag, "TurnNotFound")
      const repeated = yield* Effect.flip(agents.sendTurn({ threadId, turnId: second, prompt: "two" }))
      assert.strictEqual(repeated._tag, "TurnExists")
      yield* run("four")
      yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.deepStrictEqual(yield* prompts(copy), [["one", false], ["four", false]])
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const saved = yield* archive.read({ snapshotId })
      assert.deepStrictEqual(saved.turns.map((turn) => turn.input?.prompt), ["one", "four"])
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const { continuity } = yield* agents.startSession({ threadId })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "session-missing", items: 4, omitted: 0 })
      for (const context of yield* contexts) {
        assert.include(context, "four")
        assert.notInclude(context, "two")
        assert.notInclude(context, "three")
      }
      assert.deepStrictEqual(yield* prompts(threadId), [...marked, ["four", false]])
      assert.deepStrictEqual<unknown>(told.map(({ _tag, sessionId }) => ({ _tag, sessionId })), [
        { _tag: "thread:rewound", sessionId }
      ])
      assert.deepInclude<unknown>(told[0], { before: second, files: "kept" })
    }).pipe(Effect.provide(layer({ hooks: [hook] })))
  })

  it.effect("P1 mock: a thread can be rewound to its very beginning, and again, also after a restart of its session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const [first = nowhere] = yield* run("one", "two")
      yield* agents.stopSession({ threadId })
      yield* rewind(first)
      assert.deepStrictEqual(yield* contexts, [""])
      const [third = nowhere] = yield* run("three", "four")
      yield* rewind(third)
      yield* run("five")
      assert.deepStrictEqual(yield* contexts, ["five\necho: five"])
      const rewound = (yield* stored()).filter(is("ThreadRewound")).map(({ before }) => before)
      assert.deepStrictEqual(rewound, [first, third])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a rewind that the agent cannot be asked for changes nothing", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      const [first = nowhere] = yield* run("one")
      yield* agent.unreachable(true)
      assert.strictEqual((yield* Effect.flip(rewind(first)))._tag, "AgentUnreachable")
      yield* agent.unreachable(false)
      assert.deepStrictEqual(yield* prompts(threadId), [["one", false]])
      assert.deepStrictEqual(yield* contexts, ["one\necho: one"])
    }).pipe(Effect.provide(layer())))
})
