/** Agents that do not answer, or answer late: the thread goes on, and the log says what the agent has. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { zero } from "../../src/domain/Usage.ts"
import { InstanceId, LifecycleHooks, ProviderService, RequestId, ThreadId, TurnId } from "../../src/index.ts"
import { AgentUnreachable } from "../../src/protocol.ts"
import type { ProviderSession } from "../../src/provider/ProviderAdapter.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, stored, tags, threadId } = Agents

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const turnId = TurnId.make("one")
const completed = { _tag: "TurnCompleted", turnId, usage: zero } as const

const interrupted = (turnId: TurnId) => ({ _tag: "TurnInterrupted", turnId, by: "user", usage: zero }) as const

/** A thread whose agent says what the test offers, with a turn under way. */
const midway = Effect.fnUntraced(function*(
  session: (says: Queue.Enqueue<ProviderEvent>) => Partial<ProviderSession>
) {
  const agents = yield* ProviderService
  const says = yield* Queue.unbounded<ProviderEvent>()
  yield* PlainAgent.register({
    events: Stream.fromQueue(says),
    interruptTurn: (asked) => Effect.asVoid(Queue.offer(says, interrupted(asked))),
    ...session(says)
  })
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
  yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
  return { agents, says }
})

const deadlines = { turnDeadline: "1 minute", noProgressDeadline: "1 minute", interruptGrace: "10 seconds" } as const

describe("a steer", () => {
  it.effect("P4 plain: that is never answered does not keep the thread past the deadline of its turn", () =>
    Effect.gen(function*() {
      const { agents } = yield* midway((says) => ({
        steerTurn: () => Effect.never,
        interruptTurn: (asked) => asked === turnId ? Effect.void : Effect.asVoid(Queue.offer(says, interrupted(asked)))
      }))
      const steer = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: "more", steer: true })))
      yield* TestClock.adjust("1 minute")
      yield* TestClock.adjust("10 seconds")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(steer))._tag, "DeliveryUncertain")
      yield* awaitEvent(is("SessionEnded"))
      const { epoch } = yield* agents.sendTurn({ threadId, prompt: "two" })
      assert.strictEqual(epoch, 2)
    }).pipe(Effect.provide(layer({ settings: deadlines }))))

  it.effect("P16 plain: that the agent has taken is in the transcript, also if its turn ended meanwhile", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const taken = yield* Deferred.make<void>()
      const { agents, says } = yield* midway(() => ({
        steerTurn: () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(taken))
      }))
      const steer = yield* background(agents.sendTurn({ threadId, prompt: "more", steer: true }))
      yield* Deferred.await(asked)
      yield* Queue.offer(says, completed)
      yield* awaitEvent(is("TurnCompleted"))
      yield* Deferred.succeed(taken, undefined)
      assert.isTrue((yield* Fiber.join(steer)).steered)
      const [turn] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(
        turn?.items.flatMap((item) => item._tag === "UserMessage" ? [item.text] : []),
        ["one", "more"]
      )
    }).pipe(Effect.provide(layer())))

  it.effect("P4 plain: whose turn ended while guards were asked is a turn of its own", () => {
    const asked = Deferred.makeUnsafe<void>()
    const allowed = Deferred.makeUnsafe<void>()
    const guard = LifecycleHooks.guard({
      name: "slow",
      events: ["turn:start"],
      run: ({ input }) =>
        input?.prompt === "more"
          ? Deferred.succeed(asked, undefined).pipe(
            Effect.andThen(Deferred.await(allowed)),
            Effect.as({ _tag: "Allow" } as const)
          )
          : Effect.succeed({ _tag: "Allow" } as const)
    })
    return Effect.gen(function*() {
      const { agents, says } = yield* midway(() => ({ steerTurn: () => Effect.die("the turn is over") }))
      const steer = yield* background(agents.sendTurn({ threadId, prompt: "more", steer: true }))
      yield* Deferred.await(asked)
      yield* Queue.offer(says, completed)
      yield* awaitEvent(is("TurnCompleted"))
      yield* Deferred.succeed(allowed, undefined)
      const accepted = yield* Fiber.join(steer)
      assert.isFalse(accepted.steered)
      assert.notStrictEqual(accepted.turnId, turnId)
      assert.deepStrictEqual(
        (yield* stored()).filter(is("TurnStarted")).map(({ input }) => input.prompt),
        ["one", "more"]
      )
    }).pipe(Effect.provide(layer({ hooks: [guard] })))
  })
})

it.effect("P4 plain: a fork that is never answered lets the thread go", () =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    yield* PlainAgent.register({ fork: () => Effect.never })
    yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
    const fork = yield* background(Effect.flip(agents.forkThread({ threadId, newThreadId: ThreadId.make("copy") })))
    yield* TestClock.adjust("1 minute")
    assert.deepInclude(yield* Fiber.join(fork), { _tag: "AgentUnreachable", code: "timeout" })
    yield* agents.stopSession({ threadId })
  }).pipe(Effect.provide(layer({ settings: deadlines }))))

it.effect("P6 plain: a request that the agent settled is settled, although our answer to it did not arrive", () =>
  Effect.gen(function*() {
    const requestId = RequestId.make("r1")
    const failed = new AgentUnreachable({
      instanceId: InstanceId.make("plain"),
      operation: "respondToApproval",
      code: "ECONNRESET"
    })
    const heard = yield* Deferred.make<void>()
    const { agents, says } = yield* midway((says) => ({
      respondToApproval: (id) =>
        Queue.offerAll(says, [
          { _tag: "ApprovalSettled", turnId, requestId: id, by: "agent" },
          { _tag: "Warning", code: "settled" }
        ]).pipe(Effect.andThen(Deferred.await(heard)), Effect.andThen(failed))
    }))
    yield* Queue.offer(says, {
      _tag: "ApprovalRequested",
      turnId,
      request: { requestId, kind: "command", subject: "ls", detail: null }
    })
    yield* awaitEvent(is("ApprovalRequested"))
    const answer = yield* background(
      Effect.flip(agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } }))
    )
    yield* awaitEvent(is("Warning"))
    yield* Deferred.succeed(heard, undefined)
    assert.strictEqual((yield* Fiber.join(answer))._tag, "AgentUnreachable")
    assert.strictEqual((yield* agents.getThread({ threadId })).status, "running")
    assert.strictEqual(tags(yield* stored()).filter((tag) => tag === "ApprovalSettled").length, 1)
  }).pipe(Effect.provide(layer())))

it.effect("P4 plain: usage that is no number is not known, and costs a turn nothing", () =>
  Effect.gen(function*() {
    const { agents, says } = yield* midway(() => ({}))
    yield* Queue.offer(says, { ...completed, usage: { ...zero, input: Number.NaN, output: 7 } })
    const { usage } = yield* awaitEvent(is("TurnCompleted"))
    const { input: _, ...rest } = zero
    assert.deepStrictEqual(usage, { ...rest, output: 7 })
    assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
    assert.include(tags(yield* stored()), "TurnCompleted")
  }).pipe(Effect.provide(layer())))
