/** P4, P5 on the mock: how turns end, and that each is sent at most once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Path } from "effect"
import { TestClock } from "effect/testing"
import { ProviderRegistry, ProviderService, TurnId } from "../../src/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, stored, tags, threadId } = Agents

describe("turns", () => {
  it.effect("a turn goes from TurnStarted over its items to one terminal event, and runTurn has its text", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const info = yield* Agents.start()
      assert.strictEqual(info.continuity._tag, "Created")
      const turn = yield* agents.runTurn({ threadId, prompt: "hello" })
      assert.strictEqual(turn.text, "echo: hello")
      assert.deepStrictEqual(tags(yield* stored()), [
        "SessionStarted",
        "TurnStarted",
        "ItemStarted",
        "ItemCompleted",
        "TurnCompleted"
      ])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: every way a turn can end is exactly one terminal event", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const ways: ReadonlyArray<readonly [ReadonlyArray<MockStep.MockStep>, string]> = [
        [[MockStep.text("fine")], "TurnCompleted"],
        [[MockStep.fail({ _tag: "ContextOverflow" })], "TurnFailed"],
        [[MockStep.interrupted], "TurnInterrupted"],
        [[MockStep.text("half"), MockStep.crash], "TurnFailed"]
      ]
      for (const [steps] of ways) {
        yield* agent.nextTurn(() => steps)
        yield* Effect.exit(agents.runTurn({ threadId, prompt: "go" }))
      }
      assert.deepStrictEqual(Object.values(endings(yield* stored())), ways.map(([, ending]) => [ending]))
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "again" })).text, "echo: again")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a stop in the middle of a turn interrupts it, also if the agent does not listen", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agent.nextTurn(() => [MockStep.hangHard])
      yield* agents.sendTurn({ threadId, prompt: "two" })
      const stop = yield* Effect.forkChild(agents.stopSession({ threadId }), { startImmediately: true })
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(stop)
      assert.deepStrictEqual(Object.values(endings(yield* stored())), [["TurnInterrupted"], ["TurnInterrupted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that outruns its deadline fails with it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() =>
        Array.from({ length: 100 }, () => MockStep.sleep("1 minute")).flatMap((sleep) => [
          sleep,
          MockStep.text("still at it")
        ])
      )
      const run = yield* Effect.forkChild(Effect.flip(agents.runTurn({ threadId, prompt: "go" })), {
        startImmediately: true
      })
      yield* agent.awaitTurn()
      yield* TestClock.adjust("10 minutes")
      const error = yield* Fiber.join(run)
      assert.deepInclude(error._tag === "TurnNotCompleted" ? error.ending : error, {
        _tag: "TurnFailed",
        failure: { _tag: "DeadlineExceeded", deadline: "turn", millis: 300_000 }
      })
    }).pipe(Effect.provide(layer({ settings: { turnDeadline: "5 minutes" } }))))

  it.effect("P4 mock: a silent agent fails with the no-progress deadline, and one that ignores us loses its session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hangHard])
      const run = yield* Effect.forkChild(Effect.flip(agents.runTurn({ threadId, prompt: "go" })), {
        startImmediately: true
      })
      yield* agent.awaitTurn()
      yield* TestClock.adjust("16 minutes")
      const error = yield* Fiber.join(run)
      assert.deepInclude(error._tag === "TurnNotCompleted" ? error.ending : error, {
        _tag: "TurnFailed",
        failure: { _tag: "DeadlineExceeded", deadline: "no-progress", millis: 900_000 }
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "lost")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "again" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: waiting for a human is not the agent's silence", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("9 hours")
      yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
      assert.strictEqual((yield* Fiber.join(run)).text, "done")
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: an uncertain delivery ends as unknown, is not sent again, and is settled by the agent's history", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend(
        (turn) => Agents.uncertain(turn.turnId),
        { delivered: true }
      )
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "one" }))
      assert.strictEqual(error._tag, "DeliveryUncertain")
      const turn = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(turn.continuity._tag, "Resumed")
      const received = yield* agent.received
      assert.deepStrictEqual(received.map((turn) => turn.input.prompt), ["one", "two"])
      const events = yield* stored()
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnUnknown"], ["TurnCompleted"]])
      const reconciled = events.filter(is("TurnReconciled"))
      assert.deepStrictEqual(reconciled.map((event) => event.turnId), [received[0]?.turnId])
      assert.notStrictEqual(reconciled[0]?.evidence, "never-delivered")
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: a turn id is good for one turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const turnId = TurnId.make("mine")
      yield* agents.runTurn({ threadId, turnId, prompt: "one" })
      const error = yield* Effect.flip(agents.sendTurn({ threadId, turnId, prompt: "two" }))
      assert.strictEqual(error._tag, "TurnExists")
      assert.strictEqual((yield* agent.received).length, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: a refused turn leaves no trace in the conversation and can be sent again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend((turn) => Agents.refused(turn.turnId))
      assert.strictEqual((yield* Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))._tag, "TurnRefused")
      yield* agents.runTurn({ threadId, prompt: "one" })
      assert.strictEqual((yield* agents.readTranscript({ threadId })).length, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: an orderly restart interrupts what ran, and the next host resumes it", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const directory = yield* Agents.folder
      const disk = MockAgentDisk.makeUnsafe()
      const host = layer({ filename: path.join(directory, "store.db"), mock: { disk } })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start({ directory })
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* agent.nextTurn(() => [MockStep.hang])
        yield* agents.sendTurn({ threadId, prompt: "two" })
      }).pipe(Effect.provide(host, { local: true }))
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const turn = yield* agents.runTurn({ threadId, prompt: "three" })
        assert.strictEqual(turn.continuity._tag, "Resumed")
        const events = yield* stored()
        assert.deepStrictEqual(Object.values(endings(events)), [
          ["TurnCompleted"],
          ["TurnInterrupted"],
          ["TurnCompleted"]
        ])
        assert.deepStrictEqual(events.filter(is("SessionEnded")).map((event) => event.reason), ["shutdown"])
      }).pipe(Effect.provide(host, { local: true }))
    }).pipe(Effect.provide(Layer.mergeAll(layer(), ProviderRegistry.layer))))
})
