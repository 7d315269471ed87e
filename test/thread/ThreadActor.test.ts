/** Transitions of one thread that meet each other, calls that are given up, and writes that fail in between. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { zero } from "../../src/domain/Usage.ts"
import { CodingAgents, ProviderService, SessionStore, type ThreadEvent, ThreadId, TurnId } from "../../src/index.ts"
import type { ProviderEvent } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Faulty from "../support/FaultyStore.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, endings, is, stored, tags, threadId } = Agents
const { FaultyStore, layer } = Faulty

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Longer than the store is tried again before an epoch is given up. */
const patience = TestClock.adjust("10 seconds")

/** What holds after anything: one end per accepted turn, no hole, nobody alive twice. */
const sound = Effect.gen(function*() {
  const agent = yield* MockProvider
  const events = yield* stored()
  assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
  for (const [turnId, ends] of Object.entries(endings(events))) assert.strictEqual(ends.length, 1, turnId)
  for (const session of yield* agent.sessions) assert.strictEqual(session.overlaps, 0)
  return events
})

const plainThread = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
})

describe("ThreadActor: calls that are given up", () => {
  it.effect("P4 mock: a runTurn that is interrupted while the turn is on its way interrupts the turn once it is there", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowSend(Deferred.await(gate))
      yield* agent.nextTurn(() => [MockStep.hang])
      const run = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* agent.awaitTurn()
      const interrupt = yield* background(Fiber.interrupt(run))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupt)
      assert.strictEqual((yield* awaitEvent(is("TurnInterrupted"))).by, "user")
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnInterrupted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: interrupting a turn that is refused on its way returns", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const gate = yield* Deferred.make<void>()
      const sent = yield* Deferred.make<void>()
      yield* PlainAgent.register({
        sendTurn: (turn) =>
          Deferred.succeed(sent, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(Effect.fail(Agents.refused(turn.turnId)))
          )
      })
      yield* plainThread
      const send = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))
      yield* Deferred.await(sent)
      const interrupt = yield* background(agents.interruptTurn({ threadId }))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(send))._tag, "TurnRefused")
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop whose caller gives up stops the session all the same", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("at it"), MockStep.hangHard])
      yield* agents.sendTurn({ threadId, prompt: "one" })
      yield* awaitEvent(is("ItemCompleted"))
      const stop = yield* background(agents.stopSession({ threadId }).pipe(Effect.timeoutOption("1 second")))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(stop)
      const binding = yield* agents.getThread({ threadId })
      assert.strictEqual(binding.status, "stopped")
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnInterrupted"], ["TurnCompleted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop cuts through input that a running turn does not take", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* PlainAgent.register({ steerTurn: () => Effect.never })
      yield* plainThread
      yield* agents.sendTurn({ threadId, prompt: "one" })
      const steer = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "more", steer: true })))
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(stop)
      assert.strictEqual((yield* Fiber.join(steer))._tag, "DeliveryUncertain")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 plain: input that the agent does not take is given up soon after the end of the turn that it was for", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const says = yield* Queue.unbounded<ProviderEvent>()
      yield* PlainAgent.register({ steerTurn: () => Effect.never, events: Stream.fromQueue(says) })
      yield* plainThread
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "one" })
      const steer = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "more", steer: true })))
      yield* Queue.offer(says, { _tag: "TurnCompleted", turnId, usage: zero })
      yield* awaitEvent(is("TurnCompleted"))
      yield* TestClock.adjust(CodingAgents.defaults.interruptGrace)
      assert.deepInclude(yield* Fiber.join(steer), { _tag: "DeliveryUncertain", code: "turn-ended" })
    }).pipe(Effect.provide(layer())))

  it.effect("P16 plain agent: input for a running turn is recorded also where its caller goes away while the agent takes it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const [asked, taken] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* PlainAgent.register({
        steerTurn: () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(taken))
      })
      yield* plainThread
      yield* agents.sendTurn({ threadId, prompt: "one" })
      const steer = yield* background(agents.sendTurn({ threadId, prompt: "more", steer: true }))
      yield* Deferred.await(asked)
      yield* background(Fiber.interrupt(steer))
      yield* Deferred.succeed(taken, undefined)
      yield* Fiber.await(steer)
      const steered = (yield* stored()).filter(is("TurnSteered")).map(({ input }) => input.prompt)
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(stop)
      assert.deepStrictEqual(steered, ["more"])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop cuts through a fork that hangs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      yield* PlainAgent.register({ fork: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never) })
      yield* plainThread
      const newThreadId = ThreadId.make("copy")
      const fork = yield* background(Effect.flip(agents.forkThread({ threadId, newThreadId })))
      yield* Deferred.await(asked)
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Fiber.join(fork))._tag, "ThreadStopping")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a delete cuts through a slow start", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const reached = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const start = yield* background(Effect.flip(agents.startSession({ threadId })))
      yield* Deferred.await(reached)
      yield* agents.deleteThread({ threadId })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop cuts through the question what became of a turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      const failing = { left: 1 }
      yield* PlainAgent.register({
        evidence: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
        sendTurn: (turn) => failing.left-- > 0 ? Effect.fail(Agents.uncertain(turn.turnId)) : Effect.void
      })
      yield* plainThread
      yield* Effect.flip(agents.sendTurn({ threadId, prompt: "one" }))
      const start = yield* background(Effect.exit(agents.startSession({ threadId })))
      yield* Deferred.await(asked)
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* Fiber.join(stop)
      yield* Fiber.join(start)
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a provider that never says what became of a turn does not hold up the next start", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      const failing = { left: 1 }
      yield* PlainAgent.register({
        evidence: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
        sendTurn: (turn) => failing.left-- > 0 ? Effect.fail(Agents.uncertain(turn.turnId)) : Effect.void
      })
      yield* plainThread
      yield* Effect.flip(agents.sendTurn({ threadId, prompt: "one" }))
      const next = yield* background(agents.startSession({ threadId }))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(next)).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that the provider never answers for is given up as unknown", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const sent = yield* Deferred.make<void>()
      yield* PlainAgent.register({
        sendTurn: () => Effect.andThen(Deferred.succeed(sent, undefined), Effect.never)
      })
      yield* plainThread
      const send = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))
      yield* Deferred.await(sent)
      yield* TestClock.adjust("16 minutes")
      assert.strictEqual((yield* Fiber.join(send))._tag, "DeliveryUncertain")
      const events = yield* stored()
      assert.deepStrictEqual(tags(events), ["SessionStarted", "TurnStarted", "TurnUnknown", "SessionEnded"])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a start whose session does not stop again fails in bounded time", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* agent.hangStop(true)
      yield* faults.fail("open an epoch")
      const start = yield* background(Effect.flip(Agents.start()))
      yield* agent.awaitStarts(1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(start))._tag, "StoreFailed")
      yield* faults.heal
      yield* agent.hangStop(false)
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* sound
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: the events of a session that is over are not read any more", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const released = yield* Deferred.make<void>()
      yield* PlainAgent.register({
        events: Stream.never.pipe(Stream.ensuring(Deferred.succeed(released, undefined)))
      })
      yield* plainThread
      yield* agents.stopSession({ threadId })
      yield* Deferred.await(released)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop in the moment in which a start succeeds leaves nothing running", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      for (let round = 0; round < 50; round++) {
        const both = yield* background(Effect.all([
          Effect.exit(agents.sendTurn({ threadId, prompt: `${round}` })),
          Effect.delay(agents.stopSession({ threadId }), 1)
        ], { concurrency: 2 }))
        for (let n = 0; n < round; n++) yield* Effect.yieldNow
        yield* TestClock.adjust(1)
        yield* Fiber.join(both)
        yield* agents.stopSession({ threadId })
        assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
      }
      yield* sound
    }).pipe(Effect.provide(layer())))
})

describe("ThreadActor: writes that fail", () => {
  it.effect("P4 mock: a turn whose acceptance cannot be stored does not block its thread, and ends once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* faults.fail("accept a turn")
      const send = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))
      yield* patience
      yield* patience
      assert.strictEqual((yield* Fiber.join(send))._tag, "StoreFailed")
      yield* agents.interruptTurn({ threadId })
      yield* faults.heal
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnUnknown"], ["TurnCompleted"]])
      assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["one", "two"])
      const archive = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(archive.map((turn) => turn.items.length > 0), [true, true])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 P11 mock: a turn whose end cannot be stored ends once, and a reader misses nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      const seen: Array<number> = []
      const reader = yield* background(
        agents.streamEvents({ threadId }).pipe(
          Stream.filter((event) => event._tag !== "ItemDelta"),
          Stream.tap((event) => Effect.sync(() => seen.push(event.seq))),
          Stream.takeUntil((event) => event._tag === "TurnCompleted"),
          Stream.runDrain
        )
      )
      yield* faults.fail("end a turn", "end an epoch")
      const run = yield* background(Effect.flip(agents.runTurn({ threadId, prompt: "one" })))
      yield* agent.awaitTurn()
      for (let n = 0; n < 4; n++) yield* patience
      assert.strictEqual((yield* Fiber.join(run))._tag, "StoreFailed")
      yield* faults.heal
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
      yield* Fiber.join(reader)
      const events = yield* sound
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnUnknown"], ["TurnCompleted"]])
      assert.deepStrictEqual(seen, events.map((event) => event.seq))
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: what could not be settled is settled by a later sweep, without anybody's call", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* faults.fail(...Faulty.writes.filter((operation) => operation !== "recordIntent"))
      const run = yield* background(Effect.flip(agents.runTurn({ threadId, prompt: "one" })))
      yield* agent.awaitTurn()
      for (let n = 0; n < 12; n++) yield* patience
      assert.strictEqual((yield* Fiber.join(run))._tag, "StoreFailed")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      yield* faults.heal
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
      assert.deepStrictEqual(tags(yield* sound), ["SessionStarted", "TurnStarted", "TurnUnknown", "SessionEnded"])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop that cannot be stored still stops the session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("at it"), MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "one" })
      yield* awaitEvent(is("ItemCompleted"))
      yield* faults.fail(...Faulty.writes)
      const stop = yield* background(Effect.flip(agents.stopSession({ threadId })))
      for (let n = 0; n < 4; n++) yield* patience
      assert.strictEqual((yield* Fiber.join(stop))._tag, "StoreFailed")
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
      yield* faults.heal
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnUnknown"]])
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
      yield* sound
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: an uncertain delivery that cannot be stored gives the session up", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* agent.failNextSend((turn) => Agents.uncertain(turn.turnId), { delivered: true })
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* faults.fail("end a turn")
      const send = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "one" })))
      for (let n = 0; n < 4; n++) yield* patience
      yield* Fiber.join(send)
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
      yield* faults.heal
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnUnknown"], ["TurnCompleted"]])
      assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["one", "two"])
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: an answer that cannot be stored leaves no request open", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "one" })
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      yield* faults.fail("append events")
      const answer = yield* background(
        Effect.flip(agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } }))
      )
      for (let n = 0; n < 4; n++) yield* patience
      assert.strictEqual((yield* Fiber.join(answer))._tag, "StoreFailed")
      yield* faults.heal
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(yield* store.requestStatus(threadId, requestId), "settled")
      yield* sound
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: a refusal is stored although the store fails for a moment", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      const faults = yield* FaultyStore
      yield* Agents.start()
      const turnId = TurnId.make("mine")
      yield* agent.failNextSend((turn) => Agents.refused(turn.turnId))
      yield* faults.fail("refuseTurn")
      const send = yield* background(Effect.flip(agents.sendTurn({ threadId, turnId, prompt: "one" })))
      yield* TestClock.adjust("1 second")
      yield* faults.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(send))._tag, "TurnRefused")
      const record = yield* store.getTurn(turnId)
      assert.strictEqual(record._tag === "Some" ? record.value.status : "none", "refused")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a store that fails for a moment costs nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const faults = yield* FaultyStore
      yield* Agents.start()
      yield* faults.fail(...Faulty.writes.filter((operation) => operation !== "recordIntent"))
      const run = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* TestClock.adjust("3 seconds")
      yield* faults.heal
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(run)).text, "echo: one")
      assert.deepStrictEqual(Object.values(endings(yield* sound)), [["TurnCompleted"]])
    }).pipe(Effect.provide(layer())))
})

describe("ThreadActor: an epoch that is over elsewhere", () => {
  it.effect("P8 mock: a session whose epoch was taken over writes nothing, and its thread goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* store.settleThread(threadId)
      const first = yield* Effect.exit(agents.runTurn({ threadId, prompt: "two" }))
      if (Exit.isFailure(first)) yield* agents.runTurn({ threadId, prompt: "two again" })
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.overlaps), [0])
      yield* sound
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: two services on one store by mistake: one has the thread, the other writes nothing more", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const other = yield* Effect.map(
        Layer.build(Layer.fresh(CodingAgents.layerService())),
        Context.get(ProviderService)
      )
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agent.nextTurn(() => [MockStep.text("at it"), MockStep.hang])
      const run = yield* background(Effect.exit(agents.runTurn({ threadId, prompt: "two" })))
      yield* awaitEvent((event): event is Extract<ThreadEvent, { readonly _tag: "ItemCompleted" }> =>
        is("ItemCompleted")(event) && "text" in event.item && event.item.text === "at it"
      )
      yield* other.runTurn({ threadId, prompt: "three" })
      // The first one finds out when it writes next.
      const stop = yield* background(Effect.exit(agents.stopSession({ threadId })))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(stop)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(run)))
      yield* agents.runTurn({ threadId, prompt: "four" })
      const events = yield* stored()
      assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
      assert.deepStrictEqual(Object.values(endings(events)).map(([end]) => end), [
        "TurnCompleted",
        "TurnUnknown",
        "TurnCompleted",
        "TurnCompleted"
      ])
      const received = (yield* agent.received).map((turn) => turn.turnId)
      assert.strictEqual(new Set(received).size, received.length)
    }).pipe(Effect.scoped, Effect.provide(layer())))
})
