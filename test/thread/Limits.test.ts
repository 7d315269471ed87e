/** Turns that run away, and the brake of the service. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderEvent, ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import { zero } from "../../src/domain/Usage.ts"
import { type CodingAgents, ItemId, ProviderService, TurnId } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

const turnId = TurnId.make("one")

const empty: ProviderEvent = { _tag: "StepEnded", turnId, brought: "nothing" }

let items = 0

const command = (command: string): ProviderEvent => ({
  _tag: "ItemCompleted",
  turnId,
  item: { _tag: "Command", itemId: ItemId.make(`item-${++items}`), command, status: "completed" }
})

/** A turn of an agent that stops when it is told to, and says what the test offers. */
const midway = Effect.gen(function*() {
  const agents = yield* ProviderService
  const says = yield* Queue.unbounded<ProviderEvent>()
  const saysNext = yield* Queue.unbounded<ProviderEvent>()
  const sessions = [says, saysNext]
  const asked: Array<TurnId> = []
  yield* PlainAgent.register({
    events: Stream.suspend(() => Stream.fromQueue(sessions.shift() ?? says)),
    interruptTurn: (turnId) =>
      Effect.suspend(() => {
        asked.push(turnId)
        return Effect.asVoid(
          Queue.offer(sessions.length === 1 ? says : saysNext, {
            _tag: "TurnInterrupted",
            turnId,
            by: "user",
            usage: zero
          })
        )
      })
  })
  yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
  yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
  return { agents, asked, says, saysNext }
})

const run = (limits: CodingAgents.Settings["limits"]) => Effect.provide(layer({ settings: { limits } }))

const failure = Effect.map(awaitEvent(is("TurnFailed")), ({ failure }) => failure)

const ends =
  (turnId: TurnId) =>
  (event: ThreadEvent): event is Extract<ThreadEvent, { readonly _tag: "TurnCompleted" | "TurnFailed" }> =>
    (event._tag === "TurnCompleted" || event._tag === "TurnFailed") && event.turnId === turnId

describe("limits", () => {
  it.effect("P18 plain: steps that bring nothing end the turn as a failure of its model, and the thread goes on", () =>
    Effect.gen(function*() {
      const { agents, asked, says } = yield* midway
      const text: ProviderEvent = { _tag: "StepEnded", turnId, brought: "text" }
      yield* Queue.offerAll(says, [empty, empty, text, empty, empty, empty])
      assert.deepInclude(yield* failure, { _tag: "ModelFailed", name: "EmptySteps", retryable: true })
      assert.deepStrictEqual(asked, [turnId])
      const next = yield* agents.sendTurn({ threadId, turnId: TurnId.make("two"), prompt: "two" })
      assert.strictEqual(next.epoch, 1)
    }).pipe(run({ emptySteps: 3 })))

  it.effect("P18 plain: steps that bring nothing are no progress", () =>
    Effect.gen(function*() {
      const { says } = yield* midway
      for (let minute = 0; minute < 15; minute++) {
        yield* TestClock.adjust("1 minute")
        yield* Queue.offer(says, empty)
      }
      assert.deepInclude(yield* failure, { _tag: "DeadlineExceeded", deadline: "no-progress" })
    }).pipe(run({ emptySteps: 1_000 })))

  it.effect("P18 plain: a bill is no progress", () =>
    Effect.gen(function*() {
      const { says } = yield* midway
      for (let minute = 0; minute < 15; minute++) {
        yield* TestClock.adjust("1 minute")
        yield* Queue.offer(says, { _tag: "UsageUpdated", turnId, usage: { ...zero, input: minute } })
      }
      assert.deepInclude(yield* failure, { _tag: "DeadlineExceeded", deadline: "no-progress" })
    }).pipe(run({})))

  it.effect("P18 plain: the same call in a row is warned of once, and ends the turn where the app says so", () =>
    Effect.gen(function*() {
      const { says } = yield* midway
      const calls = (text: string, times: number) => Array.from({ length: times }, () => command(text))
      yield* Queue.offerAll(says, [...calls("ls", 2), ...calls("pwd", 1), ...calls("ls", 5)])
      assert.deepStrictEqual(yield* failure, { _tag: "LimitReached", limit: "identical-calls", max: 5 })
      const warnings = (yield* stored()).filter(is("Warning")).map(({ code }) => code)
      assert.deepStrictEqual(warnings, ["repeated-call"])
    }).pipe(run({ warnCalls: 3, identicalCalls: 5 })))

  it.effect("P18 plain: tokens and money of a turn are limited", () =>
    Effect.gen(function*() {
      const { agents, says } = yield* midway
      const usage = (turnId: TurnId, input: number, costUsd: number): ProviderEvent => ({
        _tag: "UsageUpdated",
        turnId,
        usage: { input, costUsd }
      })
      yield* Queue.offerAll(says, [usage(turnId, 999, 0.1), usage(turnId, 1_000, 0.2)])
      assert.deepStrictEqual(yield* failure, { _tag: "LimitReached", limit: "tokens", max: 1_000 })
      const two = TurnId.make("two")
      yield* agents.sendTurn({ threadId, turnId: two, prompt: "two" })
      yield* Queue.offerAll(says, [usage(two, 1, 0.4), usage(two, 2, 0.5)])
      const ended = yield* awaitEvent(ends(two))
      assert.deepInclude(ended, { _tag: "TurnFailed", failure: { _tag: "LimitReached", limit: "cost", max: 0.5 } })
    }).pipe(run({ tokens: 1_000, costUsd: 0.5 })))

  it.effect("P18 plain: turns that the agent begins in a row are limited, and one of the user starts the count anew", () =>
    Effect.gen(function*() {
      const { agents, asked, says } = yield* midway
      const end = (id: string): ProviderEvent => ({ _tag: "TurnCompleted", turnId: TurnId.make(id), usage: zero })
      const own = (id: string): ReadonlyArray<ProviderEvent> => [
        { _tag: "TurnBegan", turnId: TurnId.make(id), cause: "agent" },
        end(id)
      ]
      yield* Queue.offerAll(says, [end("one"), ...own("own-1"), ...own("own-2")])
      yield* awaitEvent(ends(TurnId.make("own-2")))
      yield* agents.sendTurn({ threadId, turnId: TurnId.make("two"), prompt: "two" })
      yield* Queue.offerAll(says, [end("two"), ...own("own-3"), ...own("own-4")])
      yield* Queue.offer(says, { _tag: "TurnBegan", turnId: TurnId.make("own-5"), cause: "agent" })
      assert.deepStrictEqual(yield* failure, { _tag: "LimitReached", limit: "own-turns", max: 2 })
      assert.deepStrictEqual(asked, ["own-5"])
    }).pipe(run({ ownTurns: 2 })))

  it.effect("P18 plain: tokens of a thread are limited over all its turns and sessions, and then no turn goes on", () =>
    Effect.gen(function*() {
      const { agents, says, saysNext } = yield* midway
      const used = (turnId: TurnId, input: number): ProviderEvent => ({
        _tag: "UsageUpdated",
        turnId,
        usage: { input }
      })
      yield* Queue.offerAll(says, [used(turnId, 600), { _tag: "TurnCompleted", turnId, usage: { input: 600 } }])
      yield* awaitEvent(ends(turnId))
      yield* agents.stopSession({ threadId })
      const [two, three] = [TurnId.make("two"), TurnId.make("three")]
      yield* agents.sendTurn({ threadId, turnId: two, prompt: "two" })
      yield* Queue.offerAll(saysNext, [used(two, 399), used(two, 400)])
      const failure = { _tag: "LimitReached", limit: "thread-tokens", max: 1_000 } as const
      assert.deepInclude(yield* awaitEvent(ends(two)), { _tag: "TurnFailed", failure })
      yield* agents.sendTurn({ threadId, turnId: three, prompt: "three" })
      assert.deepInclude(yield* awaitEvent(ends(three)), { _tag: "TurnFailed", failure })
    }).pipe(run({ threadTokens: 1_000 })))

  it.effect.each(
    [
      ["emptySteps", { steps: false }],
      ["tokens", { usage: "none" }],
      ["threadCostUsd", { usage: "tokens" }]
    ] as const
  )(
    "P18 plain: a limit that the agent cannot be held to is refused at the start: %s",
    ([limit, capabilities]) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* PlainAgent.register({}, { capabilities })
        const start = agents.startSession({
          threadId,
          instanceId: PlainAgent.plain,
          directory: yield* Agents.folder
        })
        assert.deepInclude(yield* Effect.flip(start), { _tag: "LimitUnenforceable", limit, retryable: false })
      }).pipe(run({ [limit]: 5 }))
  )
})
