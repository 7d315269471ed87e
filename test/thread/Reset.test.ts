import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { ProviderService, SessionStore } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as FaultyStore from "../support/FaultyStore.ts"

const { endings, is, layer, stored, tags, threadId } = Agents

describe("resetThread", () => {
  it.effect("P12 mock: a reset is end, reset and start in this order, with both sessions' ids, in one step", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const old = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const before = (yield* stored()).length
      const info = yield* agents.resetThread({ threadId })
      assert.deepStrictEqual(info.continuity, { _tag: "Fresh", reason: "reset" })
      assert.notStrictEqual(info.sessionId, old.sessionId)
      assert.strictEqual(info.epoch, 2)
      const [ended, reset, started, ...rest] = (yield* stored()).slice(before)
      assert.deepStrictEqual(rest, [])
      assert.deepInclude<unknown>(ended, {
        _tag: "SessionEnded",
        reason: "reset",
        nextSessionId: info.sessionId,
        epoch: 1
      })
      const both = { previousSessionId: old.sessionId, nextSessionId: info.sessionId }
      assert.deepInclude<unknown>(reset, { _tag: "SessionReset", ...both, epoch: 2 })
      assert.deepInclude<unknown>(started, { _tag: "SessionStarted", previousSessionId: old.sessionId, epoch: 2 })
      // One transaction has one time.
      assert.strictEqual(new Set([ended?.at, reset?.at, started?.at]).size, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: after a reset the model has nothing of before, also once the new session is lost; the archive has all", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "the secret is 42" })
      const { sessionId } = yield* agents.resetThread({ threadId })
      yield* agents.runTurn({ threadId, prompt: "begin anew" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const next = yield* agents.runTurn({ threadId, prompt: "and now?" })
      assert.strictEqual(next.continuity._tag, "Rehydrated")
      const seed = (yield* agent.sessions).find((session) => session.live)?.history[0]?.text ?? ""
      assert.include(seed, "begin anew")
      assert.notInclude(seed, "42")
      const prompts = (yield* agents.readTranscript({ threadId })).map((turn) => turn.input?.prompt)
      assert.deepStrictEqual(prompts, ["the secret is 42", "begin anew", "and now?"])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that runs is interrupted by a reset, once, before its epoch ends", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const reached = yield* Deferred.make<void>()
      yield* agent.script(() => [MockStep.wait(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))])
      yield* Agents.start()
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "for ever" })
      yield* Deferred.await(reached)
      yield* agents.resetThread({ threadId })
      const events = yield* stored()
      assert.deepStrictEqual(endings(events), { [turnId]: ["TurnInterrupted"] })
      assert.deepStrictEqual(tags(events).slice(-4), [
        "TurnInterrupted",
        "SessionEnded",
        "SessionReset",
        "SessionStarted"
      ])
    }).pipe(Effect.provide(layer())))

  it.effect("P12 mock: a thread that is stopped is reset without a second end of its epoch", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const old = yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const info = yield* agents.resetThread({ threadId })
      const events = yield* stored()
      assert.deepStrictEqual(tags(events), ["SessionStarted", "SessionEnded", "SessionReset", "SessionStarted"])
      assert.strictEqual(events.find(is("SessionReset"))?.previousSessionId, old.sessionId)
      assert.strictEqual(info.epoch, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a reset whose new session cannot be started leaves the old one as it was", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const old = yield* Agents.start()
      yield* agent.unreachable(true)
      const error = yield* Effect.flip(agents.resetThread({ threadId }))
      assert.strictEqual(error._tag, "AgentUnreachable")
      yield* agent.unreachable(false)
      const turn = yield* agents.runTurn({ threadId, prompt: "still you?" })
      assert.deepStrictEqual([turn.epoch, turn.continuity._tag], [1, "Created"])
      assert.strictEqual((yield* agents.getThread({ threadId })).sessionId, old.sessionId)
    }).pipe(Effect.provide(layer())))

  it.effect("P12 mock: a reset that cannot be stored shows no half of itself, and the thread goes on afterwards", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const faults = yield* FaultyStore.FaultyStore
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const before = yield* stored()
      yield* faults.fail("open an epoch")
      assert.strictEqual((yield* Effect.flip(agents.resetThread({ threadId })))._tag, "StoreFailed")
      assert.deepStrictEqual(yield* stored(), before)
      yield* faults.heal
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.deepStrictEqual(yield* agent.sessions.pipe(Effect.map((all) => all.filter((one) => one.live).length)), 1)
      const store = yield* SessionStore
      assert.deepStrictEqual(
        (yield* store.readEvents({ threadId, after: 0, limit: 99 })).filter(is("SessionReset")),
        []
      )
    }).pipe(Effect.provide(FaultyStore.layer())))

  it.effect("P12 mock: an unknown thread is not reset but told", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      assert.strictEqual((yield* Effect.flip(agents.resetThread({ threadId })))._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))
})
