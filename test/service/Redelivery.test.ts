/** What becomes of a turn that may, or may not, have reached the agent, and of a call that is made again. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { isTerminal } from "../../src/domain/ThreadEvent.ts"
import { ProviderService, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, refused, stored, tags, threadId, uncertain } = Agents

const turnId = TurnId.make("mine")

/** A turn that the agent has, although we cannot know. */
const doubtful = Effect.gen(function*() {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  yield* agent.failNextSend((turn) => uncertain(turn.turnId), { delivered: true })
  yield* Effect.flip(agents.runTurn({ threadId, turnId, prompt: "do it" }))
})

/** A turn of the next session, which is then resumed: this is when turns are reconciled. */
const resumed = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* agents.runTurn({ threadId, prompt: "hi" })
  yield* agents.stopSession({ threadId })
  const { continuity } = yield* agents.startSession({ threadId })
  assert.strictEqual(continuity._tag, "Resumed")
  return (yield* stored()).filter(is("TurnReconciled"))
})

describe("a turn whose outcome is unknown", () => {
  it.effect("P5 mock: is not looked for in the session that took the place of its own by a reset", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* doubtful
      yield* agents.resetThread({ threadId })
      assert.deepStrictEqual(yield* resumed, [])
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: is not looked for in the session that was made because its own was lost", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* doubtful
      yield* agent.loseSession(sessionId)
      assert.deepStrictEqual(yield* resumed, [])
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: is looked for in its own session, also when that has crashed with an answer half shown", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* doubtful
      const { continuity } = yield* agents.startSession({ threadId })
      assert.strictEqual(continuity._tag, "Resumed")
      assert.deepStrictEqual((yield* stored()).filter(is("TurnReconciled")).map(({ turnId }) => turnId), [turnId])
      yield* agent.nextTurn(() => [MockStep.text(Stream.concat(Stream.make("half an "), Stream.never))])
      yield* agents.sendTurn({ threadId, prompt: "and this" })
      yield* awaitEvent(is("ItemDelta"))
      yield* agent.crash()
      yield* awaitEvent(is("TurnFailed"))
      yield* agents.resetThread({ threadId })
      assert.deepStrictEqual((yield* resumed).map(({ turnId }) => turnId), [turnId])
    }).pipe(Effect.provide(layer())))
})

describe("an uncertain delivery", () => {
  it.effect("P5 mock: is settled by sending again where the agent takes a repeated turn once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend(({ turnId }) => uncertain(turnId), { delivered: true })
      const { text } = yield* agents.runTurn({ threadId, turnId, prompt: "do it" })
      assert.strictEqual(text, "echo: do it")
      assert.deepStrictEqual((yield* agent.received).map(({ turnId }) => turnId), [turnId])
      assert.deepStrictEqual((yield* stored()).filter(isTerminal).map(({ _tag }) => _tag), ["TurnCompleted"])
    }).pipe(Effect.provide(layer({ mock: { capabilities: { resend: true } } }))))

  it.effect("P5 mock: is settled by sending again also where the turn never arrived", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend(({ turnId }) => uncertain(turnId))
      assert.strictEqual((yield* agents.runTurn({ threadId, turnId, prompt: "do it" })).text, "echo: do it")
      assert.strictEqual((yield* agent.received).length, 1)
    }).pipe(Effect.provide(layer({ mock: { capabilities: { resend: true } } }))))
})

describe("a call that is made again", () => {
  it.effect("P5 mock: sends the turn under its id if the agent proved not to have it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend((turn) => refused(turn.turnId))
      const send = agents.runTurn({ threadId, turnId, prompt: "do it" })
      assert.strictEqual((yield* Effect.flip(send))._tag, "TurnRefused")
      yield* agent.unreachable(true)
      const unreachable = yield* Effect.flip(send)
      assert.deepInclude(unreachable, { _tag: "AgentUnreachable", retryable: true })
      yield* agent.unreachable(false)
      const answer = yield* send
      assert.strictEqual(answer.turnId, turnId)
      assert.deepStrictEqual(yield* send, answer)
      assert.strictEqual((yield* agent.received).length, 1)
      assert.deepStrictEqual(tags(yield* stored()).filter((tag) => tag === "TurnStarted"), ["TurnStarted"])
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: does not join its own turn while that runs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.nextTurn(() => [MockStep.wait(Deferred.await(gate))])
      const send = agents.sendTurn({ threadId, turnId, prompt: "pay", steer: true })
      const answer = yield* send
      assert.deepStrictEqual(yield* send, answer)
      assert.isFalse(answer.steered)
      assert.strictEqual((yield* agent.received).length, 1)
      yield* Deferred.succeed(gate, undefined)
    }).pipe(Effect.provide(layer())))
})
