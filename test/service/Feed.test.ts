/** `streamAllEvents` on the mock: all threads in one order, as the app sees them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { ItemId, ProviderService, type ThreadEvent, ThreadId, TurnId } from "../../src/index.ts"
import { type FeedEvent, Position } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, layer, mock, threadId } = Agents
const other = ThreadId.make("other")

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const startOther = Effect.gen(function*() {
  const agents = yield* ProviderService
  return yield* agents.startSession({ threadId: other, instanceId: mock, directory: yield* Agents.folder })
})

const shownOnly = (event: FeedEvent) => isGap(event) || event._tag === "ItemDelta" || event._tag === "ItemUpdated"

const isGap = (event: FeedEvent) => event._tag === "FeedGap"

const place = (event: FeedEvent) =>
  event._tag === "FeedGap" ? event._tag : `${event.threadId} ${event.seq} ${event._tag}`

const until = (last: string) => <E, R>(feed: Stream.Stream<FeedEvent, E, R>) =>
  Stream.takeUntil(feed, (event) => place(event) === last)

describe("streamAllEvents", () => {
  it.effect("P11 mock: a reader has the events of all threads that were there, and those that come, without a hole", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* startOther
      yield* agents.runTurn({ threadId, prompt: "one" })
      const reader = yield* agents.streamAllEvents({}).pipe(
        until("other 6 SessionEnded"),
        Stream.runCollect,
        background
      )
      yield* agents.runTurn({ threadId: other, prompt: "two" })
      yield* agents.stopSession({ threadId: other })
      const seen = yield* Fiber.join(reader)
      for (const id of [threadId, other]) {
        const mine = seen.filter((event): event is ThreadEvent => event._tag !== "FeedGap" && event.threadId === id)
        assert.deepStrictEqual(mine, yield* Agents.stored(id))
      }
      // Whatever it saw last, it goes on with what follows.
      for (const [n, event] of seen.entries()) {
        if (n === seen.length - 1) continue
        const rest = yield* agents.streamAllEvents({ after: event.position }).pipe(
          until("other 6 SessionEnded"),
          Stream.runCollect
        )
        assert.deepStrictEqual(rest, seen.slice(n + 1))
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: with deltas a reader is shown what streamEvents shows, in the same order within each thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* startOther
      const ids = [threadId, other]
      const one = (id: ThreadId) =>
        agents.streamEvents({ threadId: id }).pipe(Stream.takeUntil(is("TurnCompleted")), Stream.runCollect, background)
      const single = yield* Effect.forEach(ids, one)
      let open = 2
      const reader = yield* agents.streamAllEvents({ deltas: true }).pipe(
        Stream.takeUntil((event) => event._tag === "TurnCompleted" && --open === 0),
        Stream.runCollect,
        background
      )
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      yield* Effect.forEach(ids, (id) => agents.runTurn({ threadId: id, prompt: "say it" }), { concurrency: 2 })
      const seen = yield* Fiber.join(reader)
      for (const [n, id] of ids.entries()) {
        const mine = seen.filter((event) => event._tag !== "FeedGap" && event.threadId === id)
        const fiber = single[n]
        assert(fiber !== undefined)
        assert.deepStrictEqual<unknown>(mine, yield* Fiber.join(fiber))
        assert.isTrue(mine.some(({ _tag }) => _tag === "ItemDelta"))
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a reader that joins in the middle of an item is handed its text so far", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const turnId = TurnId.make("turn")
      const item = { _tag: "AssistantMessage" as const, itemId: ItemId.make("item"), text: "" }
      const delta = (offset: number, delta: string) =>
        ({ _tag: "ItemDelta", turnId, itemId: item.itemId, field: "text", offset, delta }) as const
      yield* agent.nextTurn(() => [
        MockStep.emit([{ _tag: "ItemStarted", turnId, item }, delta(0, "half "), delta(5, "of it")]),
        MockStep.hang
      ])
      yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
      yield* Agents.awaitEvent((event): event is ThreadEvent => event._tag === "ItemDelta" && event.offset === 5)
      const seen = yield* agents.streamAllEvents({ deltas: true, kinds: ["ItemDelta"] }).pipe(
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepInclude<unknown>(seen[0], delta(0, "half of it"))
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a reader that stands still in a burst has one FeedGap, every stored event, and deltas again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const standing = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const again = yield* Deferred.make<void>()
      let ends = 0
      const reader = yield* agents.streamAllEvents({ deltas: true }).pipe(
        Stream.tap((event) => {
          if (event._tag === "FeedGap") return Deferred.succeed(again, undefined)
          if (event._tag !== "ItemDelta" || Deferred.isDoneUnsafe(standing)) return Effect.void
          return Effect.andThen(Deferred.succeed(standing, undefined), Deferred.await(gate))
        }),
        Stream.takeUntil((event) => event._tag === "TurnCompleted" && ++ends === 2),
        Stream.runCollect,
        background
      )
      const words = (count: number) => Stream.rechunk(Stream.map(Stream.range(1, count), () => "x"), 1)
      yield* agent.nextTurn(() => [
        MockStep.text("and"),
        MockStep.wait(standing),
        MockStep.text(words(40_000)),
        MockStep.text("on")
      ])
      yield* agents.runTurn({ threadId, prompt: "a burst" })
      yield* Deferred.succeed(gate, undefined)
      yield* Deferred.await(again)
      yield* agent.nextTurn(() => [MockStep.text(Stream.rechunk(Stream.make("word ", "by ", "word"), 1))])
      yield* agents.runTurn({ threadId, prompt: "slowly" })
      const seen = yield* Fiber.join(reader)
      const gaps = seen.filter(isGap)
      assert.lengthOf(gaps, 1)
      assert.deepInclude(gaps[0], { cause: "slow-reader", lost: "deltas" })
      assert.deepStrictEqual<unknown>(seen.filter((event) => !shownOnly(event)), yield* Agents.stored())
      const after = seen.slice(seen.findIndex(isGap))
      assert.strictEqual(
        after.flatMap((event) => event._tag === "ItemDelta" ? [event.delta] : []).join(""),
        "word by word"
      )
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a position of another store is one FeedGap, then all there is", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const seen = yield* agents.streamAllEvents({ after: Position.make("900000000") }).pipe(
        Stream.take(2),
        Stream.runCollect
      )
      assert.deepStrictEqual(seen.map(place), ["FeedGap", `${threadId} 1 SessionStarted`])
      assert.deepInclude<unknown>(seen[0], { cause: "log-replaced", lost: "events" })
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a deletion, a reset and a fork are told in their places; the feed ends with the service", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "one" })
        const copy = ThreadId.make("copy")
        yield* agents.streamAllEvents({ kinds: ["SessionStarted", "SessionReset", "TurnRestored", "ThreadDeleted"] })
          .pipe(
            Stream.runForEach((event) => Effect.sync(() => seen.push(place(event)))),
            background
          )
        yield* agents.forkThread({ threadId, newThreadId: copy })
        yield* agents.resetThread({ threadId })
        yield* agents.deleteThread({ threadId: copy })
        yield* agents.streamAllEvents({ kinds: ["ThreadDeleted"] }).pipe(Stream.take(1), Stream.runDrain)
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      }).pipe(Effect.provide(layer()))
      assert.deepStrictEqual(seen.map((one) => one.replace(/ \d+ /, " ")), [
        `${threadId} SessionStarted`,
        "copy SessionStarted",
        "copy TurnRestored",
        `${threadId} SessionReset`,
        `${threadId} SessionStarted`,
        "copy ThreadDeleted"
      ])
    }))
})
