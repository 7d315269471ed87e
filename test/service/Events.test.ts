/** P11 on the mock: readers of a thread's events. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { isTerminal, ProviderService, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents

describe("readers", () => {
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

  it.effect("mock: every id that the library makes is safe in the path of a URL", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const { turnId } = yield* agents.runTurn({ threadId, prompt: "one" })
      const { compactionId, snapshot } = yield* agents.compactThread({ threadId })
      const items = (yield* agents.readTranscript({ threadId })).flatMap((turn) => turn.items)
      const ids = [turnId, compactionId, snapshot?.snapshotId ?? "", ...items.map(({ itemId }) => itemId)]
      assert.isAtLeast(ids.length, 5)
      for (const id of ids) assert.match(id, /^[\w.~-]+$/)
    }).pipe(Effect.provide(layer())))
})
