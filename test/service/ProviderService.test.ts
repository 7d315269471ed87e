import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Path, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  InstanceId,
  isTerminal,
  ProviderRegistry,
  ProviderService,
  RequestId,
  SessionStore,
  ThreadId,
  TurnId
} from "../../src/index.ts"
import { SessionMissing } from "../../src/protocol.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, mock, stored, tags, threadId } = Agents

describe("ProviderService", () => {
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

  it.effect("P1 mock: a follow-up after an idle stop is resumed, says so, and reaches the whole history", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
      const next = yield* agents.runTurn({ threadId, prompt: "two" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.strictEqual(next.epoch, 2)
      const [session, ...others] = yield* agent.sessions
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(session?.history.map((message) => message.text), ["one", "echo: one", "two", "echo: two"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a missing session is rehydrated with the archive, and the result and the event say so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const next = yield* agents.runTurn({ threadId, prompt: "what was it?" })
      assert.deepStrictEqual(next.continuity, {
        _tag: "Rehydrated",
        reason: "session-missing",
        items: 2,
        omitted: 0
      })
      const started = (yield* stored()).filter(is("SessionStarted"))
      assert.deepStrictEqual(started.map((event) => event.continuity._tag), ["Created", "Rehydrated"])
      const session = (yield* agent.sessions).find((session) => session.live)
      assert.strictEqual(session?.history[0]?.role, "seed")
      assert.include(session?.history[0]?.text, "remember 42")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: by policy a missing session is started fresh, or fails and keeps the cursor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const before = yield* store.getCursor(threadId, mock)
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two", onMissing: "fail" }))
      assert.instanceOf(error, SessionMissing)
      assert.deepStrictEqual(yield* store.getCursor(threadId, mock), before)
      const next = yield* agents.runTurn({ threadId, prompt: "three", onMissing: "fresh" })
      assert.deepStrictEqual(next.continuity, { _tag: "Fresh", reason: "session-missing" })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: swapping the agent keeps the conversation", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      const other = InstanceId.make("other")
      yield* MockProvider.make({ instanceId: other })
      const swapped = yield* agents.startSession({ threadId, instanceId: other })
      assert.strictEqual(swapped.continuity._tag, "Rehydrated")
      const turn = yield* agents.runTurn({ threadId, prompt: "what was it?" })
      assert.strictEqual(turn.continuity._tag, "Rehydrated")
      assert.strictEqual((yield* agents.readTranscript({ threadId })).length, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P2 mock: an agent that cannot be reached is an error that keeps the cursor, and no fresh session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const store = yield* SessionStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      const before = yield* store.getCursor(threadId, mock)
      yield* agent.unreachable(true)
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
      assert.strictEqual(error._tag, "AgentUnreachable")
      assert.deepStrictEqual(yield* store.getCursor(threadId, mock), before)
      assert.strictEqual((yield* agent.sessions).length, 1)
      yield* agent.unreachable(false)
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P3 mock: a cursor is stored only once the agent can resume from it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      yield* Agents.start()
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "None")
      yield* agents.runTurn({ threadId, prompt: "one" })
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "Some")
      yield* agents.stopSession({ threadId })
      assert.isTrue((yield* store.getCursor(threadId, mock))._tag === "Some")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  it.effect("P3 mock: a session that was lost before its first turn is created again, not an error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const turn = yield* agents.runTurn({ threadId, prompt: "one" })
      assert.strictEqual(turn.continuity._tag, "Created")
    }).pipe(Effect.provide(layer({ mock: { neverResumableBeforeFirstTurn: true } }))))

  for (const stored of ["rubbish", { provider: "else", version: 1, payload: {} }, { provider: "mock", version: 99 }]) {
    it.effect(`P3 mock: a cursor that cannot be read (${JSON.stringify(stored)}) is refused and kept`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const store = yield* SessionStore
        const sql = yield* Agents.sql
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        yield* agents.stopSession({ threadId })
        yield* sql`UPDATE eca_cursors SET body = ${JSON.stringify(stored)}`
        const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
        assert.strictEqual(error._tag, "CursorRejected")
        const kept = yield* store.getCursor(threadId, mock)
        assert.deepStrictEqual(kept._tag === "Some" ? kept.value : undefined, stored)
        assert.strictEqual((yield* agent.sessions).length, 1)
      }).pipe(Effect.provide(layer())))
  }

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
      assert.deepStrictEqual(error._tag === "TurnNotCompleted" ? error.ending : undefined, {
        _tag: "Failed",
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
      assert.deepStrictEqual(error._tag === "TurnNotCompleted" ? error.ending : undefined, {
        _tag: "Failed",
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
      const error = yield* Effect.flip(agents.sendTurn({ threadId, turnId, prompt: "one" }))
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

  it.effect("P6 mock: an approval is settled once; answering a settled or unknown one is a typed error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } as const }
      const both = yield* Effect.all([
        Effect.exit(agents.respondToApproval(answer)),
        Effect.exit(agents.respondToApproval(answer))
      ], {
        concurrency: 2
      })
      assert.strictEqual(both.filter(Exit.isSuccess).length, 1)
      yield* Fiber.join(run)
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
      const unknown = { ...answer, requestId: RequestId.make("nobody asked") }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(unknown)))._tag, "RequestNotFound")
      const settled = (yield* stored()).filter(is("ApprovalSettled"))
      assert.deepStrictEqual(settled.map((event) => [event.by, event.decision?._tag]), [["user", "AllowOnce"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: what is open when a turn is interrupted, or its session stopped or lost, is settled", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const asks = () => [MockStep.command("make")]
      const ask = Effect.fnUntraced(function*() {
        yield* agent.nextTurn(asks)
        const { turnId } = yield* agents.sendTurn({ threadId, prompt: "go" })
        const request = yield* awaitEvent((event): event is Extract<typeof event, { _tag: "ApprovalRequested" }> =>
          event._tag === "ApprovalRequested" && event.turnId === turnId
        )
        return request.request.requestId
      })
      const interrupted = yield* ask()
      yield* agents.interruptTurn({ threadId })
      const stopped = yield* ask()
      yield* agents.stopSession({ threadId })
      const crashed = yield* ask()
      yield* agent.crash()
      yield* awaitEvent((event): event is Extract<typeof event, { _tag: "SessionEnded" }> =>
        event._tag === "SessionEnded" && event.reason === "lost"
      )
      const settled = (yield* stored()).filter(is("ApprovalSettled"))
      assert.deepStrictEqual(settled.map((event) => event.requestId), [interrupted, stopped, crashed])
      for (const requestId of [interrupted, stopped, crashed]) {
        const late = agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
        assert.strictEqual((yield* Effect.flip(late))._tag, "RequestSettled")
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: a question is answered with what the user chose", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const question = { question: "Which?", options: [{ label: "A" }, { label: "B" }], multiple: false }
      yield* agent.nextTurn(() => [
        MockStep.question([question], (answer) => [
          MockStep.text(answer._tag === "Answered" ? (answer.answers[0]?.[0] ?? "") : "dismissed")
        ])
      ])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("QuestionAsked"))
      assert.deepStrictEqual(request.questions.map((each) => each.question), ["Which?"])
      yield* agents.answerQuestion({
        threadId,
        requestId: request.requestId,
        answer: { _tag: "Answered", answers: [["B"]] }
      })
      assert.strictEqual((yield* Fiber.join(run)).text, "B")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: concurrent starts and turns of one thread make one live session", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const input = { threadId, instanceId: mock, directory }
      const infos = yield* Effect.all(Array.from({ length: 20 }, () => agents.startSession(input)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(infos.map((info) => info.sessionId)).size, 1)
      const turns = yield* Effect.all(
        Array.from({ length: 10 }, (_, n) => Effect.exit(agents.sendTurn({ threadId, prompt: String(n) }))),
        { concurrency: "unbounded" }
      )
      assert.isAtLeast(turns.filter(Exit.isSuccess).length, 1)
      assert.deepStrictEqual((yield* agent.sessions).map((session) => session.overlaps), [0])
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a stop cuts through a slow start, and stopping twice succeeds", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const reached = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const start = yield* Effect.forkChild(Effect.flip(agents.startSession({ threadId })), { startImmediately: true })
      yield* Deferred.await(reached)
      yield* Effect.all([agents.stopSession({ threadId }), agents.stopSession({ threadId })], { concurrency: 2 })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "on" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: late events of an ended turn or an old epoch change nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const first = yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agent.nextTurn(() => [MockStep.hang])
      const second = yield* agents.sendTurn({ threadId, prompt: "two" })
      const late = { _tag: "TurnCompleted", turnId: first.turnId, usage: first.usage } as const
      yield* agent.emit(sessionId, [late], "live")
      yield* agents.interruptTurn({ threadId, turnId: second.turnId })
      assert.deepStrictEqual(endings(yield* stored()), {
        [first.turnId]: ["TurnCompleted"],
        [second.turnId]: ["TurnInterrupted"]
      })
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a second turn while one runs is refused, or joins it when asked to steer", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.nextTurn(() => [MockStep.wait(gate), MockStep.text("first")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "one" }), { startImmediately: true })
      const started = yield* awaitEvent(is("TurnStarted"))
      const refused = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
      assert.deepStrictEqual(refused._tag === "TurnInProgress" ? refused.turnId : undefined, started.turnId)
      const steered = yield* agents.sendTurn({ threadId, prompt: "and three", steer: true })
      assert.strictEqual(steered.turnId, started.turnId)
      assert.isTrue(steered.steered)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(run)
      assert.deepStrictEqual(Object.values(endings(yield* stored())), [["TurnCompleted"]])
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: the reaper leaves a running turn and an open approval alone", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("3 hours")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "waiting")
      yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
      yield* Fiber.join(run)
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      yield* TestClock.adjust("2 minutes")
      yield* awaitEvent(is("SessionEnded"))
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: background work pins a session, but not past the cap", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "start the server" })
      yield* agent.backgroundWork(sessionId, true)
      yield* TestClock.adjust("3 hours")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
      yield* TestClock.adjust("62 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a reader that comes late or again has every durable event once, in order", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      for (let n = 0; n < 20; n++) yield* agents.runTurn({ threadId, prompt: String(n) })
      const all = yield* stored()
      for (const after of [0, 1, 37, all.length - 1]) {
        const seen = yield* agents.streamEvents({ threadId, after }).pipe(
          Stream.take(all.length - after),
          Stream.runCollect
        )
        assert.deepStrictEqual(seen.map((event) => event.seq), all.slice(after).map((event) => event.seq))
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a slow reader has all durable events and one Gap for the deltas it missed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      const live = yield* Deferred.make<void>()
      const reader = yield* agents.streamEvents({ threadId }).pipe(
        // Only a live reader is shown deltas; from then on it is slow.
        Stream.tap((event) =>
          event._tag === "ItemDelta"
            ? Effect.andThen(Deferred.succeed(live, undefined), Deferred.await(gate))
            : Effect.void
        ),
        Stream.takeUntil((event) => event._tag === "TurnCompleted" && event.turnId === "count"),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const warm = Stream.concat(Stream.make("warm "), Stream.fromEffect(Effect.as(Deferred.await(live), "up")))
      yield* agent.nextTurn(() => [MockStep.text(warm)])
      yield* agents.sendTurn({ threadId, prompt: "warm up" })
      yield* Deferred.await(live)
      yield* awaitEvent(is("TurnCompleted"))
      yield* agent.nextTurn(() => [MockStep.text(Array.from({ length: 50_000 }, (_, n) => `${n} `))])
      const turn = yield* agents.runTurn({ threadId, turnId: TurnId.make("count"), prompt: "count" })
      yield* Deferred.succeed(gate, undefined)
      const seen = yield* Fiber.join(reader)
      const durable = seen.filter((event) => event._tag !== "ItemDelta" && event._tag !== "Gap")
      assert.deepStrictEqual(durable.map((event) => event.seq), (yield* stored()).map((event) => event.seq))
      assert.strictEqual(seen.filter(is("Gap")).length, 1)
      const completed = durable.findLast(is("ItemCompleted"))
      assert.strictEqual(completed !== undefined && "text" in completed.item ? completed.item.text : "", turn.text)
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a reader that joins in the middle of an item first gets the text so far", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      const said = yield* Deferred.make<void>()
      const chunks = Stream.make("so ", "far ").pipe(
        Stream.concat(Stream.fromEffect(Effect.as(
          Effect.andThen(Deferred.succeed(said, undefined), Deferred.await(gate)),
          "and on"
        )))
      )
      yield* agent.nextTurn(() => [MockStep.text(chunks)])
      yield* agents.sendTurn({ threadId, prompt: "go" })
      const early = yield* agents.streamEvents({ threadId }).pipe(
        Stream.filter(is("ItemDelta")),
        Stream.take(2),
        Stream.runCollect
      )
      assert.strictEqual(early.length, 2)
      yield* Deferred.await(said)
      const reader = yield* agents.streamEvents({ threadId, after: 3 }).pipe(
        Stream.takeUntil(isTerminal),
        Stream.filter(is("ItemDelta")),
        Stream.tap(() => Deferred.succeed(gate, undefined)),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const deltas = yield* Fiber.join(reader)
      assert.deepStrictEqual(deltas.map((event) => [event.offset, event.delta]), [[0, "so far "], [7, "and on"]])
    }).pipe(Effect.provide(layer())))

  it.effect("fork: the copy has the history, the original goes on by itself, and the archive spans both", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const copy = ThreadId.make("copy")
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.strictEqual(forked.continuity._tag, "Forked")
      yield* agents.runTurn({ threadId: copy, prompt: "in the copy" })
      yield* agents.runTurn({ threadId, prompt: "in the original" })
      const prompts = (yield* agents.readTranscript({ threadId: copy })).map((turn) => turn.input.prompt)
      assert.deepStrictEqual(prompts, ["one", "in the copy"])
      const histories = (yield* agent.sessions).map((session) => session.history.map((message) => message.text))
      assert.deepStrictEqual(histories.map((texts) => texts.filter((text) => !text.startsWith("echo"))), [
        ["one", "in the original"],
        ["one", "in the copy"]
      ])
      const again = yield* Effect.flip(agents.forkThread({ threadId, newThreadId: copy }))
      assert.strictEqual(again._tag, "ThreadExists")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: another directory of the project moves the session, any other rehydrates", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const project = yield* Agents.folder
      yield* fs.makeDirectory(path.join(project, ".git"))
      yield* fs.makeDirectory(path.join(project, "a"))
      yield* fs.makeDirectory(path.join(project, "b"))
      const first = yield* Agents.start({ directory: path.join(project, "a") })
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* fs.symlink(path.join(project, "a"), path.join(project, "link"))
      const same = yield* agents.startSession({ threadId, directory: path.join(project, "link") })
      assert.strictEqual(same.epoch, first.epoch)
      const moved = yield* agents.startSession({ threadId, directory: path.join(project, "b") })
      assert.deepStrictEqual(moved.continuity, { _tag: "Moved", from: path.join(project, "a") })
      assert.strictEqual(moved.directory, path.join(project, "b"))
      const elsewhere = yield* agents.startSession({ threadId, directory: yield* Agents.folder })
      assert.strictEqual(elsewhere.continuity._tag, "Rehydrated")
    }).pipe(Effect.provide(layer())))

  it.effect("bad input: each gives a clear typed error and loses nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* Agents.folder
      const file = path.join(directory, "file")
      yield* fs.writeFileString(file, "")
      const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.map(Effect.flip(effect), (error) => error._tag)
      const nobody = InstanceId.make("nobody")
      assert.strictEqual(
        yield* tagOf(agents.startSession({ threadId, instanceId: nobody, directory })),
        "InstanceNotFound"
      )
      assert.strictEqual(yield* tagOf(agents.startSession({ threadId })), "StartIncomplete")
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: "one" })), "ThreadNotFound")
      assert.strictEqual(yield* tagOf(Stream.runDrain(agents.streamEvents({ threadId }))), "ThreadNotFound")
      for (const wrong of [path.join(directory, "missing"), file, "relative"]) {
        const error = yield* Effect.flip(agents.startSession({ threadId, instanceId: mock, directory: wrong }))
        assert.strictEqual(error._tag, "DirectoryInvalid")
      }
      yield* Agents.start({ directory })
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: " \n" })), "PromptEmpty")
      assert.strictEqual(yield* tagOf(agents.sendTurn({ threadId, prompt: "x".repeat(101) })), "PromptTooLong")
      assert.strictEqual(
        yield* tagOf(agents.interruptTurn({ threadId, turnId: TurnId.make("nobody's") })),
        "TurnNotFound"
      )
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
    }).pipe(Effect.provide(layer({ settings: { promptLimit: 100 } }))))

  it.effect("a deleted thread is gone, and the others stay", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const other = ThreadId.make("other")
      yield* agents.startSession({ threadId: other, instanceId: mock, directory: yield* Agents.folder })
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.deleteThread({ threadId })
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
      assert.deepStrictEqual((yield* agents.listThreads({})).threads.map((thread) => thread.threadId), [other])
      const again = yield* Agents.start()
      assert.strictEqual(again.continuity._tag, "Created")
      assert.deepStrictEqual(tags(yield* stored()), ["SessionStarted"])
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
