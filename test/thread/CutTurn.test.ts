/** What a start asks the agent of turns whose end nobody saw, and what it concludes from the answers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ProviderRegistry, ProviderService } from "../../src/index.ts"
import { AgentUnreachable } from "../../src/protocol.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, layer, mock, stored, threadId } = Agents

/** Which turns the agent is asked about from now on, by their prompts. It can be made to say nothing. */
const questions = Effect.gen(function*() {
  const registry = yield* ProviderRegistry
  const agent = yield* MockProvider
  const adapter = yield* Effect.fromOption(yield* registry.get(mock))
  const questions = { asked: new Array<string | undefined>(), silent: false }
  const silence = new AgentUnreachable({ instanceId: mock, operation: "evidence", code: "ECONNREFUSED" })
  yield* registry.replace({
    ...adapter,
    startSession: (input) =>
      Effect.map(adapter.startSession(input), (session) => ({
        ...session,
        evidence: (turn) =>
          Effect.gen(function*() {
            const received = yield* agent.received
            questions.asked.push(received.find(({ turnId }) => turnId === turn.turnId)?.input.prompt)
            return yield* questions.silent ? Effect.fail(silence) : session.evidence(turn)
          })
      }))
  })
  return questions
})

/** A turn of which it is not known whether it arrived: it did. */
const cut = Effect.fnUntraced(function*(prompt: string) {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  yield* agent.failNextSend(({ turnId }) => Agents.uncertain(turnId), { delivered: true })
  yield* Effect.flip(agents.sendTurn({ threadId, prompt }))
})

const begun = Effect.gen(function*() {
  const agents = yield* ProviderService
  const { sessionId } = yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "one" })
  return { agents, agent: yield* MockProvider, questions: yield* questions, sessionId }
})

const reconciled = Effect.map(stored(), (events) => events.filter(is("TurnReconciled")).map(({ evidence }) => evidence))

describe("a turn that was cut", () => {
  it.effect("P1 P5 mock: is asked about once, and proves that the session has what is older", () =>
    Effect.gen(function*() {
      const { agents, questions } = yield* begun
      yield* cut("two")
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed" })
      assert.deepStrictEqual(questions.asked, ["two"])
      assert.deepStrictEqual(yield* reconciled, ["interrupted"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: that the session lost proves nothing: what else is lost is found and told", () =>
    Effect.gen(function*() {
      const { agent, agents, questions, sessionId } = yield* begun
      yield* cut("two")
      assert.isTrue(yield* agent.loseTurns(sessionId, 2))
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 1, items: 2, omitted: 0 } })
      assert.deepStrictEqual(questions.asked.slice(0, 2), ["two", "one"])
      assert.deepStrictEqual(yield* reconciled, ["never-delivered"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: proves nothing of turns that were completed after it", () =>
    Effect.gen(function*() {
      const { agent, agents, questions, sessionId } = yield* begun
      yield* cut("two")
      questions.silent = true
      yield* agents.runTurn({ threadId, prompt: "three" })
      questions.silent = false
      yield* agents.stopSession({ threadId })
      assert.isTrue(yield* agent.loseTurns(sessionId, 1))
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "four" })
      assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 1, items: 2, omitted: 0 } })
      assert.deepStrictEqual(yield* reconciled, ["interrupted"])
    }).pipe(Effect.provide(layer())))
})
