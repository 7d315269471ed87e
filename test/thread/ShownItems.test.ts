/** P16 on the mock: what a reader was shown stays in the transcript, and so does usage. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { ThreadEvent } from "../../src/index.ts"
import { ItemId, ProviderService, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A turn that has said "Half an" and started a command when it waits for `gate`. */
const midway = Effect.fnUntraced(function*(last: MockStep.MockStep = MockStep.hang) {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  const session = yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "one" })
  const shown = yield* Deferred.make<void>()
  const reader = yield* agents.streamEvents({ threadId }).pipe(
    Stream.tap((event) => event._tag === "ItemDelta" ? Deferred.succeed(shown, undefined) : Effect.void),
    Stream.runDrain,
    background
  )
  const chunks = Stream.concat(Stream.make("Half an"), Stream.fromEffect(Effect.never))
  yield* agent.nextTurn(() => [MockStep.usage({ input: 5000 }), MockStep.text(chunks), last])
  const run = yield* background(Effect.flip(agents.runTurn({ threadId, prompt: "two" })))
  yield* Deferred.await(shown)
  return { ...session, run, reader }
})

const cutOf = (events: ReadonlyArray<ThreadEvent>) =>
  events.filter(is("ItemCompleted")).filter((event) => event.cut === true)

const textOf = (event: Extract<ThreadEvent, { readonly _tag: "ItemCompleted" }> | undefined) =>
  event !== undefined && "text" in event.item ? event.item.text : undefined

/** What stands in the transcript of the second turn. */
const said = Effect.gen(function*() {
  const agents = yield* ProviderService
  const [, second] = yield* agents.readTranscript({ threadId })
  return second?.items.flatMap((item) => item._tag === "AssistantMessage" ? [item.text] : [])
})

describe("shown items", () => {
  it.effect("P16 mock: an agent that dies in mid-answer leaves what was shown of it, and the usage that it reported", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const { run, sessionId } = yield* midway()
      yield* agent.crash(sessionId, { signal: "SIGKILL" })
      yield* Fiber.join(run)
      const events = yield* stored()
      assert.deepStrictEqual(cutOf(events).map(textOf), ["Half an"])
      const failed = events.find(is("TurnFailed"))
      assert.deepStrictEqual(failed?.failure, { _tag: "SessionLost", signal: "SIGKILL" })
      assert.strictEqual(failed?.usage.input, 5000)
      assert.deepStrictEqual(yield* said, ["Half an"])
    }).pipe(Effect.provide(layer())))

  it.effect("P16 plain: after the resume the agent's own item takes the place of the cut one, in every fold", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const itemId = ItemId.make("answer")
      const turnId = TurnId.make("two")
      const lost = yield* Deferred.make<void>()
      const shown: ReadonlyArray<ProviderEvent> = [
        { _tag: "ItemStarted", turnId, item: { _tag: "AssistantMessage", itemId, text: "" } },
        { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: "Half an" }
      ]
      yield* PlainAgent.register({
        // It says half of it, then is lost; the second time it says nothing.
        events: Stream.unwrap(
          Effect.map(Deferred.isDone(lost), (again) =>
            again ? Stream.never : Stream.fromIterable(shown).pipe(
              Stream.concat(Stream.fromEffectDrain(Deferred.await(lost)))
            ))
        ),
        evidence: () =>
          Effect.succeed({
            outcome: "completed",
            items: [{ _tag: "AssistantMessage", itemId, text: "Half an answer, and the rest of it" }]
          })
      })
      yield* agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: yield* Agents.folder })
      const run = yield* background(Effect.flip(agents.runTurn({ threadId, turnId, prompt: "two" })))
      yield* awaitEvent(is("TurnStarted"))
      yield* Deferred.succeed(lost, undefined)
      yield* Fiber.join(run)
      assert.deepStrictEqual(cutOf(yield* stored()).map(textOf), ["Half an"])
      yield* agents.startSession({ threadId })
      const reconciled = yield* awaitEvent(is("TurnReconciled"))
      assert.strictEqual(reconciled.evidence, "completed")
      const [turn] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(
        turn?.items.flatMap((item) => item._tag === "AssistantMessage" ? [item.text] : []),
        ["Half an answer, and the rest of it"]
      )
      assert.isUndefined(turn?.cut)
    }).pipe(Effect.provide(layer())))

  it.effect("P16 mock: a turn that we end for its deadline keeps what was shown of it", () =>
    Effect.gen(function*() {
      const { run } = yield* midway(MockStep.hangHard)
      yield* TestClock.adjust("1 minute")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(run)
      const events = yield* stored()
      assert.deepStrictEqual(events.find(is("TurnFailed"))?.failure, {
        _tag: "DeadlineExceeded",
        deadline: "turn",
        millis: 60_000
      })
      assert.deepStrictEqual(yield* said, ["Half an"])
    }).pipe(Effect.provide(layer({ settings: { turnDeadline: "1 minute" } }))))

  it.effect("P16 mock: a stop that the agent does not hear keeps what was shown, and ends with the usage", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* midway()
      yield* agent.unreachable(true)
      const stop = yield* background(agents.stopSession({ threadId }))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stop)
      const ended = yield* awaitEvent(is("TurnInterrupted"))
      assert.strictEqual(ended.by, "stop")
      assert.strictEqual(ended.usage.input, 5000)
      assert.deepStrictEqual(yield* said, ["Half an"])
    }).pipe(Effect.provide(layer())))

  it.effect("P16 mock: a command that was started is completed as failed when its session is lost", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("sleep 9", { asks: false, during: Effect.never })])
      const run = yield* background(Effect.flip(agents.runTurn({ threadId, prompt: "sleep" })))
      yield* awaitEvent(is("ItemStarted"))
      yield* agent.crash(sessionId)
      yield* Fiber.join(run)
      const [cut] = cutOf(yield* stored())
      assert.strictEqual(cut?.item._tag === "Command" ? cut.item.status : undefined, "failed")
    }).pipe(Effect.provide(layer())))
})
