/** A reader that is slower than its agent. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Path, Schedule, Stream } from "effect"
import { ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import { heap } from "../support/Heap.ts"
import { folder } from "../support/OpenCodeAgents.ts"

it.live(
  "P11 mock: a reader that stands still in a burst of 100 MB costs little, and then has all but one Gap",
  () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const filename = path.join(yield* folder, "threads.db")
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const { threadId } = yield* Agents.start()
        const messages = 100
        const chunk = "0123456789abcdef".repeat(4096)
        const message = MockStep.text(Stream.range(1, 16).pipe(Stream.map(() => chunk)))
        /** What a burst leaves in memory: the mock remembers what it has said, as its agent would on a disk. */
        const burst = Effect.gen(function*() {
          const before = heap()
          yield* agent.nextTurn(() => Array.from({ length: messages }, () => message))
          yield* agents.runTurn({ threadId, prompt: "burst" })
          return heap() - before
        })
        const unread = yield* burst
        const after = (yield* agents.getThread({ threadId })).lastSeq
        // TurnStarted, the two of a message, TurnCompleted; then the same with more messages.
        const last = after + 4 + 1 + messages * 2 + 1
        const live = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        const standing = yield* Deferred.make<void>()
        const reader = yield* agents.streamEvents({ threadId, after }).pipe(
          Stream.tap((event) => {
            if (event._tag === "ItemDelta") return Deferred.succeed(live, undefined)
            if (event._tag !== "TurnStarted" || event.seq === after + 1) return Effect.void
            return Effect.andThen(Deferred.succeed(standing, undefined), Deferred.await(gate))
          }),
          Stream.filter((event) => event._tag !== "ItemDelta" && event._tag !== "ItemUpdated"),
          Stream.map((event) => event._tag === "Gap" ? event._tag : event.seq),
          Stream.takeUntil((seen) => seen === last),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        const ticks = Stream.fromEffectSchedule(Effect.succeed("tick "), Schedule.spaced("1 millis"))
        yield* agent.nextTurn(() => [
          MockStep.text(ticks.pipe(Stream.takeUntil(() => Deferred.isDoneUnsafe(live))))
        ])
        yield* agents.runTurn({ threadId, prompt: "until the reader has caught up" })
        const read = yield* burst
        yield* Deferred.await(standing)
        assert.isBelow(read - unread, 32 * 1024 * 1024)
        yield* Deferred.succeed(gate, undefined)
        const seen = yield* Fiber.join(reader)
        const seqs = seen.filter((entry) => typeof entry === "number")
        assert.deepStrictEqual(seqs, Array.from({ length: last - after }, (_, index) => after + 1 + index))
        assert.lengthOf(seen.filter((entry) => entry === "Gap"), 1)
      }).pipe(Effect.provide(Layer.fresh(Agents.layer({ filename }))))
    }).pipe(Effect.provide(NodeServices.layer)),
  60_000
)
