/** P4, P5, P8, P9, P12 on the mock: turns that the agent begins itself. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import type { HookPattern } from "../../src/domain/LifecycleEvent.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { LifecycleHooks, ProviderService, SessionStore, ThreadId, TranscriptArchive, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, stored, threadId } = Agents

/** The agent of a started thread begins a turn; answers once the thread knows of it. */
const begin = Effect.fnUntraced(function*(...steps: ReadonlyArray<MockStep.MockStep>) {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  const { sessionId } = yield* agents.startSession({ threadId })
  const turnId = yield* agent.beginTurn(sessionId, "background", () => steps)
  if (turnId === undefined) return yield* Effect.die("The agent has not begun a turn")
  yield* awaitEvent((event): event is Extract<typeof event, { readonly _tag: "TurnBegan" }> =>
    event._tag === "TurnBegan" && event.turnId === turnId
  )
  return turnId
})

/** How a turn ended, once it has. */
const ending = (turnId: TurnId) =>
  awaitEvent((
    event
  ): event is Extract<typeof event, { readonly _tag: "TurnCompleted" | "TurnFailed" | "TurnInterrupted" }> =>
    (event._tag === "TurnCompleted" || event._tag === "TurnFailed" || event._tag === "TurnInterrupted") &&
    event.turnId === turnId
  )

const own = (events: ReadonlyArray<{ readonly _tag: string }>, turnId: TurnId) =>
  events.filter((event) => "turnId" in event && event.turnId === turnId).map(({ _tag }) => _tag)

const record = Effect.fnUntraced(function*(turnId: TurnId) {
  const store = yield* SessionStore
  return Option.getOrUndefined(yield* store.getTurn(turnId))
})

describe("own turns", () => {
  it.effect("P4 mock: a turn that the agent begins is told, recorded with its cause and usage, and in the transcript", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turnId = yield* begin(MockStep.text("It is done."), MockStep.usage({ input: 7, output: 3 }))
      const ended = yield* ending(turnId)
      assert.deepInclude(ended, { _tag: "TurnCompleted" })
      assert.deepInclude("usage" in ended ? ended.usage : {}, { input: 7, output: 3 })
      assert.deepStrictEqual(own(yield* stored(), turnId), [
        "TurnBegan",
        "ItemStarted",
        "ItemCompleted",
        "UsageUpdated",
        "TurnCompleted"
      ])
      const kept = yield* record(turnId)
      assert.deepInclude(kept, { status: "completed", cause: "background", ref: undefined })
      assert.isUndefined(kept?.input)
      const [turn] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(turn?.items.map(({ _tag }) => _tag), ["AssistantMessage"])
      assert.strictEqual(turn?.turnId, turnId)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: while the agent's own turn runs another is refused, an interrupt ends it, and both end once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turnId = yield* begin(MockStep.hang)
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "running")
      const refused = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "now" }))
      assert.strictEqual(refused._tag, "TurnInProgress")
      const apart = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "join it", steer: true }))
      assert.strictEqual(apart._tag, "TurnInProgress", "words of the user do not join a turn that the agent began")
      yield* agents.interruptTurn({ threadId })
      assert.deepInclude(yield* ending(turnId), { _tag: "TurnInterrupted", by: "user" })
      const ours = yield* agents.runTurn({ threadId, prompt: "now" })
      const all = yield* stored()
      assert.deepStrictEqual(endings(all)[ours.turnId], ["TurnCompleted"])
      assert.deepStrictEqual(own(all, turnId), ["TurnBegan", "TurnInterrupted"])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 P8 mock: an agent that begins a turn again that is over is not believed, and costs neither session nor turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const told = (id: TurnId): ReadonlyArray<ProviderEvent> => [
        { _tag: "TurnBegan", turnId: id, cause: "queue" },
        { _tag: "TurnCompleted", turnId: id, usage: {} }
      ]
      const [first, second] = [TurnId.make("first"), TurnId.make("second")]
      yield* agent.emit(sessionId, told(first))
      yield* ending(first)
      // In one batch, after it is over, and beside a turn of ours, which waits for a word of it.
      yield* agent.nextTurn(() => [
        MockStep.question([{ question: "Go on?", freeText: true }]),
        MockStep.text("ours")
      ])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "mine" }), { startImmediately: true })
      const { request: { requestId } } = yield* awaitEvent(is("QuestionAsked"))
      yield* agent.emit(sessionId, [...told(second), ...told(second), ...told(first)])
      yield* awaitEvent((event): event is Extract<typeof event, { readonly _tag: "Unrecognized" }> =>
        event._tag === "Unrecognized" && JSON.stringify(event.raw).includes("first")
      )
      yield* agents.answerQuestion({ threadId, requestId, answer: { _tag: "Answered", answers: [["yes"]] } })
      const { epoch, text } = yield* Fiber.join(run)
      assert.deepStrictEqual<unknown>([epoch, text], [1, "ours"])
      yield* agents.stopSession({ threadId })
      const next = yield* agents.startSession({ threadId })
      yield* agent.emit(next.sessionId, told(first))
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "still there?" })).epoch, 2)
      const events = yield* stored()
      for (const id of [first, second]) assert.deepStrictEqual(own(events, id), ["TurnBegan", "TurnCompleted"])
      assert.deepStrictEqual(events.filter(is("Unrecognized")).map(({ type }) => type), Array(3).fill("TurnBegan"))
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that the agent begins after its disk has lost its last one is another turn", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const one = yield* begin(MockStep.text("one"))
      yield* ending(one)
      yield* agent.loseTurns(sessionId, 1)
      const two = yield* begin(MockStep.text("two"))
      yield* ending(two)
      assert.notStrictEqual(one, two)
      assert.strictEqual((yield* record(two))?.status, "completed")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn of ours that the agent takes up after its own ends once, and so does the agent's", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const taken = yield* Deferred.make<void>()
      // The agent begins while our prompt is on its way, and takes the prompt once it is done.
      yield* agent.emit(sessionId, [])
      const id = TurnId.make("the-agents-own")
      yield* agent.slowSend(Deferred.await(taken))
      yield* agent.nextTurn(() => [MockStep.wait(taken), MockStep.text("yours")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "mine" }), { startImmediately: true })
      yield* agent.awaitTurn()
      yield* agent.emit(sessionId, [{ _tag: "TurnBegan", turnId: id, cause: "queue" }])
      yield* awaitEvent(is("TurnBegan"))
      yield* agent.emit(sessionId, [{ _tag: "TurnCompleted", turnId: id, usage: {} }])
      yield* Deferred.succeed(taken, undefined)
      const ours = yield* Fiber.join(run)
      assert.strictEqual(ours.text, "yours")
      const all = yield* stored()
      assert.deepStrictEqual(own(all, id), ["TurnBegan", "TurnCompleted"])
      assert.deepStrictEqual(endings(all)[ours.turnId], ["TurnCompleted"])
      assert.deepInclude(yield* record(id), { status: "completed", cause: "queue" })
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: the deadlines count for a turn that the agent begins", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const turnId = yield* begin(MockStep.hang)
      yield* TestClock.adjust("16 minutes")
      assert.deepInclude(yield* ending(turnId), {
        _tag: "TurnFailed",
        failure: { _tag: "DeadlineExceeded", deadline: "no-progress", millis: 900_000 }
      })
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: the reaper leaves a session alone in which the agent's own turn runs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      const turnId = yield* begin(MockStep.wait(gate))
      const settings = { idleAfter: "5 minutes", sweepEvery: "1 minute" } as const
      assert.isFalse(yield* agent.reapIdle(threadId, settings))
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "running")
      yield* Deferred.succeed(gate, undefined)
      yield* ending(turnId)
      assert.isTrue(yield* agent.reapIdle(threadId, settings))
    }).pipe(Effect.provide(layer({ settings: { reaper: { idleAfter: "5 minutes", sweepEvery: "1 minute" } } }))))

  it.effect("P12 mock: hooks see the start of such a turn with its cause, and its end", () => {
    const seen: Array<unknown> = []
    const events: ReadonlyArray<HookPattern> = ["turn:start", "turn:end"]
    const hook = LifecycleHooks.observe({
      name: "watch",
      events,
      run: (event) =>
        Effect.sync(() => {
          if (event._tag === "turn:start") seen.push([event._tag, event.turnId, event.cause, event.input])
          if (event._tag === "turn:end") seen.push([event._tag, event.turnId, event.outcome])
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turnId = yield* begin(MockStep.text("done"))
      yield* ending(turnId)
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(seen, [
        ["turn:start", turnId, "background", undefined],
        ["turn:end", turnId, "completed"]
      ])
    }).pipe(Effect.provide(layer({ hooks: [hook] })))
  })

  it.effect("P13 mock: snapshot, export, restore and fork have such a turn, without words of a user", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const turnId = yield* begin(MockStep.text("by myself"))
      yield* ending(turnId)
      const kinds = [["UserMessage", "AssistantMessage"], ["AssistantMessage"]]
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const snapshot = { snapshotId }
      const saved = yield* archive.read(snapshot)
      assert.deepStrictEqual(saved.turns.map(({ items }) => items.map(({ _tag }) => _tag)), kinds)
      assert.strictEqual(saved.turns[1]?.turnId, turnId)
      const exported = yield* archive.export({ snapshot, format: "markdown" })
      assert.include(exported.text, "by myself")
      const copy = ThreadId.make("copy")
      yield* agents.forkThread({ threadId, newThreadId: copy })
      const restored = ThreadId.make("restored")
      yield* archive.restore({ snapshot, threadId: restored })
      for (const id of [copy, restored]) {
        const turns = yield* agents.readTranscript({ threadId: id })
        assert.deepStrictEqual(turns.map(({ items }) => items.map(({ _tag }) => _tag)), kinds, id)
        assert.strictEqual(turns[1]?.cause, "background")
      }
    }).pipe(Effect.provide(layer())))
})
