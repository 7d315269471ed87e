/** What meets a write of the store: a caller that goes away, a reader that joins, the end of an epoch, a lost answer. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, SessionStore, TurnId } from "../../src/index.ts"
import { isEphemeral } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Faulty from "../support/FaultyStore.ts"

const { endings, is, stored, tags, threadId } = Agents
const { FaultyStore, layer } = Faulty

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Longer than the store is tried again before an epoch is given up. */
const patience = TestClock.adjust("10 seconds")

/** The next operation of this name is done, and its answer held back: `done` tells when, `answer` lets it go. */
const heldBack = Effect.fnUntraced(function*(operation: Faulty.Operation) {
  const faults = yield* FaultyStore
  const [done, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  yield* faults.afterNext(operation, Effect.andThen(Deferred.succeed(done, undefined), Deferred.await(answer)))
  return { done: Deferred.await(done), answer: Deferred.succeed(answer, undefined) }
})

/** A thread whose session is stopped, and whose epoch could not be ended in the store. */
const unsettled = Effect.gen(function*() {
  const agents = yield* ProviderService
  const faults = yield* FaultyStore
  yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "one" })
  yield* faults.fail("end an epoch")
  const stop = yield* background(Effect.flip(agents.stopSession({ threadId })))
  yield* patience
  assert.strictEqual((yield* Fiber.join(stop))._tag, "StoreFailed")
  yield* faults.heal
  return agents
})

/** An annotation of the turn that waits for its place in the log. */
const annotating = Effect.fnUntraced(function*(turnId: TurnId) {
  const agents = yield* ProviderService
  const found = yield* Deferred.make<void>()
  yield* (yield* FaultyStore).afterNext("turnStart", Deferred.succeed(found, undefined))
  const annotation = yield* background(agents.annotate({ threadId, turnId, kind: "star", data: true }))
  yield* Deferred.await(found)
  yield* Effect.repeat(Effect.yieldNow, { times: 16 })
  return annotation
})

describe("a write of the store", () => {
  it.effect("P11 mock: a deletion whose caller goes away ends its readers, and a new thread of its id begins anew", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const reader = yield* background(Stream.runLast(agents.streamEvents({ threadId })))
      const { answer, done } = yield* heldBack("deleteThread")
      const deletion = yield* background(agents.deleteThread({ threadId }))
      yield* done
      yield* background(Fiber.interrupt(deletion))
      yield* answer
      yield* Fiber.await(deletion)
      yield* Agents.start()
      const last = yield* Fiber.join(reader)
      assert.strictEqual(last._tag === "Some" ? last.value._tag : "None", "ThreadDeleted")
      assert.deepStrictEqual((yield* stored()).map((event) => [event.seq, event._tag]), [[1, "SessionStarted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: an annotation that meets the end of its epoch is in the log, where it is said to be", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const { turnId } = yield* agents.runTurn({ threadId, prompt: "one" })
      const { answer, done } = yield* heldBack("end an epoch")
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* done
      const annotation = yield* annotating(turnId)
      yield* answer
      const { seq } = yield* Fiber.join(annotation)
      yield* Fiber.join(stop)
      const events = yield* stored()
      assert.deepStrictEqual(tags(events).slice(-2), ["SessionEnded", "Annotated"])
      assert.strictEqual(seq, events.at(-1)?.seq)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: an annotation that meets a commit of its session comes after it, and costs the session nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "one" })
      const { answer, done } = yield* heldBack("append events")
      yield* agent.emit(sessionId, [{ _tag: "Warning", code: "said" }])
      yield* done
      const annotation = yield* annotating(turnId)
      yield* answer
      const { seq } = yield* Fiber.join(annotation)
      yield* agents.interruptTurn({ threadId })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).epoch, 1)
      const events = yield* stored()
      assert.deepStrictEqual(tags(events).slice(1, 5), ["TurnStarted", "Warning", "Annotated", "TurnInterrupted"])
      assert.strictEqual(events[seq - 1]?._tag, "Annotated")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that is refused while what the agent says is stored leaves the thread free", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const refused = yield* Deferred.make<void>()
      // The agent has an answer of its own to it, which is of no turn of the thread.
      yield* agent.failNextSend((turn) => Agents.refused(turn.turnId), { delivered: true })
      yield* agent.slowSend(Deferred.await(refused))
      const one = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))
      yield* agent.awaitTurn()
      const { answer, done } = yield* heldBack("append events")
      yield* agent.emit(sessionId, [{ _tag: "Warning", code: "said" }])
      yield* done
      yield* Deferred.succeed(refused, undefined)
      yield* Effect.repeat(Effect.yieldNow, { times: 16 })
      yield* answer
      assert.strictEqual((yield* Fiber.join(one))._tag, "TurnRefused")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).epoch, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: an annotation of a thread whose epoch was ended behind its back is recorded", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      yield* Agents.start()
      yield* store.settleThread(threadId)
      const { seq } = yield* agents.annotate({ threadId, kind: "star", data: true })
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted", "SessionEnded", "Annotated"])
      assert.strictEqual(seq, 3)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a reader that looks for the end of the log while a thread is settled does not fence off its next turn", () =>
    Effect.gen(function*() {
      const agents = yield* unsettled
      const faults = yield* FaultyStore
      const late = yield* heldBack("endOfLog")
      // The reader looks whether the thread is there, then where its log ends.
      const looks = yield* background(Stream.runDrain(agents.streamEvents({ threadId })))
      yield* late.done
      const slow = yield* heldBack("endOfLog")
      yield* late.answer
      yield* slow.done
      // The end that the settled log has now is known to the thread only after the reader had its answer.
      yield* faults.afterNext("endOfLog", Effect.andThen(slow.answer, Effect.repeat(Effect.yieldNow, { times: 99 })))
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      yield* Fiber.interrupt(looks)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a call that is given up while its thread is settled does not fence off the next", () =>
    Effect.gen(function*() {
      const agents = yield* unsettled
      // It keeps the thread in memory, with the end of the log that it has found.
      const seen: Array<string> = []
      yield* background(
        Stream.runForEach(agents.streamEvents({ threadId }), ({ _tag }) => Effect.sync(() => seen.push(_tag)))
      )
      yield* Effect.repeat(Effect.yieldNow, { until: () => seen.includes("TurnCompleted") })
      const { answer, done } = yield* heldBack("settleThread")
      const given = yield* background(agents.runTurn({ threadId, prompt: "given up" }))
      yield* done
      yield* background(Fiber.interrupt(given))
      yield* answer
      yield* Fiber.await(given)
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      const events = yield* stored()
      assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: a turn that is recorded although the answer is lost was not sent, and can be sent under its id", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      const store = yield* SessionStore
      yield* Agents.start()
      const turn = { threadId, turnId: TurnId.make("mine"), prompt: "one" }
      yield* faults.afterNext("recordIntent", Effect.fail(Faulty.failed("recordIntent")))
      assert.strictEqual((yield* Effect.flip(agents.runTurn(turn)))._tag, "StoreFailed")
      const record = yield* store.getTurn(turn.turnId)
      assert.strictEqual(record._tag === "Some" ? record.value.status : "none", "refused")
      assert.deepStrictEqual(yield* agent.received, [])
      assert.strictEqual((yield* agents.runTurn(turn)).epoch, 1)
      assert.lengthOf(yield* agent.received, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a commit that is made although its answer is lost is made once, and its epoch goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      const reader = yield* background(
        agents.streamEvents({ threadId }).pipe(
          Stream.filter((event) => !isEphemeral(event)),
          Stream.takeUntil(is("SessionEnded")),
          Stream.runCollect
        )
      )
      yield* faults.afterNext("accept a turn", Effect.fail(Faulty.failed("accept a turn")))
      const one = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* agent.awaitTurn()
      yield* patience
      yield* Fiber.join(one)
      yield* faults.afterNext("end a turn", Effect.fail(Faulty.failed("end a turn")))
      const two = yield* background(agents.runTurn({ threadId, prompt: "two" }))
      yield* agent.awaitTurn(({ input }) => input.prompt === "two")
      yield* patience
      assert.strictEqual((yield* Fiber.join(two)).epoch, 1)
      yield* faults.afterNext("end an epoch", Effect.fail(Faulty.failed("end an epoch")))
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* patience
      yield* Fiber.join(stop)
      const events = yield* stored()
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnCompleted"], ["TurnCompleted"]])
      assert.deepStrictEqual(events.filter(is("SessionEnded")).map(({ reason }) => reason), ["stopped"])
      assert.deepStrictEqual(yield* Fiber.join(reader), events)
    }).pipe(Effect.provide(layer())))
})
