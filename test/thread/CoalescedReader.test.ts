/** P11 and P16 of readers that take deltas together: fewer events, the same text, at the latest after the time they name. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Epoch, ItemId, Position } from "../../src/domain/Ids.ts"
import { ProviderService, type ThreadEvent, ThreadView } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as ReaderBuffer from "../../src/thread/ReaderBuffer.ts"
import * as Agents from "../support/Agents.ts"

const { threadId } = Agents

type Delta = Extract<ThreadEvent, { readonly _tag: "ItemDelta" }>
const isDelta = (event: ThreadEvent): event is Delta => event._tag === "ItemDelta"

/** The text of each item, by its deltas alone. */
const textOf = (events: ReadonlyArray<ThreadEvent>): ReadonlyMap<string, string> => {
  const text = new Map<string, string>()
  for (const event of events.filter(isDelta)) {
    const key = `${event.itemId} ${event.field}`
    assert.strictEqual(event.offset, text.get(key)?.length ?? 0)
    text.set(key, (text.get(key) ?? "") + event.delta)
  }
  return text
}

/** Reads from now on until the turn is over. */
const readTurn = (coalesce: number | undefined) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const { lastSeq } = yield* agents.getThread({ threadId })
    return yield* agents.streamEvents({ threadId, after: lastSeq, coalesce }).pipe(
      Stream.mapEffect((event) => Effect.map(Clock.currentTimeMillis, (shownAt) => ({ event, shownAt }))),
      Stream.takeUntil(({ event }) => event._tag === "TurnCompleted"),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
  })

const eventsOf = (shown: ReadonlyArray<{ readonly event: ThreadEvent }>) => shown.map(({ event }) => event)

/** As a screen shows them. */
const viewOf = (events: ReadonlyArray<ThreadEvent>) => events.reduce(ThreadView.step, ThreadView.empty)

const word = (n: number) => `word${n} `

describe("readers with coalesce", () => {
  it.effect("P16 mock: what was said is the same, event by event, with fewer deltas", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const readers = yield* Effect.all([readTurn(undefined), readTurn(100)])
      const said = Stream.range(1, 200).pipe(Stream.map(word))
      yield* agent.nextTurn(() => [MockStep.reasoning("hm"), MockStep.text(said), MockStep.text("and on")])
      yield* agents.runTurn({ threadId, prompt: "go" })
      const [each, together] = yield* Effect.map(Effect.all(readers.map(Fiber.join)), (all) => all.map(eventsOf))
      assert(each !== undefined && together !== undefined)
      assert.deepStrictEqual(textOf(together), textOf(each))
      assert.deepStrictEqual(viewOf(together), viewOf(each))
      assert.deepStrictEqual(together.filter((event) => !isDelta(event)), each.filter((event) => !isDelta(event)))
      assert.isAbove(each.filter(isDelta).length, 200)
      assert.isBelow(together.filter(isDelta).length, 20)
    }).pipe(Effect.provide(Agents.layer())))

  it.effect("P11 mock: a delta is shown at the latest when its time is over, and at once with what follows it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const reader = yield* readTurn(100)
      const slowly = Stream.fromSchedule(Schedule.spaced("10 millis")).pipe(Stream.take(25), Stream.map(word))
      yield* agent.nextTurn(() => [MockStep.text(slowly)])
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      yield* TestClock.adjust("50 millis").pipe(Effect.repeat({ until: () => turn.pollUnsafe() !== undefined }))
      const shown = yield* Fiber.join(reader)
      const late = shown.map(({ event, shownAt }) => shownAt - event.at)
      assert.isAtMost(Math.max(...late), 100)
      const deltas = shown.filter(({ event }) => isDelta(event))
      assert.strictEqual(
        Array.from(textOf(eventsOf(deltas)).values()).join(""),
        Array.from({ length: 25 }, (_, n) => word(n)).join("")
      )
      assert.isBelow(deltas.length, 6)
      const last = shown.filter(({ event }) => !isDelta(event))
      for (const { event, shownAt } of last) assert.strictEqual(shownAt, event.at)
    }).pipe(Effect.provide(Agents.layer())))

  for (const [coalesce, gaps] of [[1000, 0], [undefined, 1]] as const) {
    it.effect(`P11 mock: a reader that stands still in a burst of 20,000 deltas has ${gaps} Gap with coalesce ${coalesce}`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        const { lastSeq } = yield* agents.getThread({ threadId })
        const gate = yield* Deferred.make<void>()
        const reader = yield* agents.streamEvents({ threadId, after: lastSeq, coalesce }).pipe(
          Stream.tap((event) => event._tag === "TurnStarted" ? Deferred.await(gate) : Effect.void),
          Stream.takeUntil((event) => event._tag === "TurnCompleted"),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        const said = Stream.range(1, 20_000).pipe(Stream.map(() => "x"), Stream.rechunk(1))
        yield* agent.nextTurn(() => [MockStep.text(said)])
        yield* agents.runTurn({ threadId, prompt: "go" })
        yield* Deferred.succeed(gate, undefined)
        const seen = yield* Fiber.join(reader)
        assert.lengthOf(seen.filter(({ _tag }) => _tag === "Gap"), gaps)
        if (gaps === 0) assert.strictEqual(Array.from(textOf(seen).values()).join("").length, 20_000)
      }).pipe(Effect.provide(Agents.layer())))
  }
})

describe("a reader's buffer", () => {
  const placed = {
    seq: 1,
    threadId,
    epoch: Epoch.make(1),
    at: 0,
    position: Position.make("1")
  }

  it("P16: deltas of items that are told at once are merged by item, never past another event, and only where they go on", () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor(seed / 65_536) % below
    }
    for (let round = 0; round < 300; round++) {
      const offsets = new Map<string, number>()
      const events = Array.from({ length: 60 }, (_, n): ThreadEvent => {
        if (random(12) === 0) return { ...placed, _tag: "Gap", cause: "slow-reader", lost: "deltas" }
        const item = `item${random(3)}`
        // An agent may begin the text of an item anew.
        const offset = random(15) === 0 ? 0 : offsets.get(item) ?? 0
        const delta = String.fromCharCode(97 + n % 26).repeat(1 + random(4))
        offsets.set(item, offset + delta.length)
        return { ...placed, _tag: "ItemDelta", itemId: ItemId.make(item), field: "text", offset, delta }
      })
      const reader = { ...ReaderBuffer.make(0, 100), behind: false }
      for (const event of events) ReaderBuffer.put(reader, [event], ReaderBuffer.weightOf([event]))
      assert.strictEqual(reader.weight, ReaderBuffer.weightOf(reader.buffer))
      const merged = ReaderBuffer.takeAll(reader)
      /** The pieces of each item's text, between other events: what goes on from the piece before is one with it. */
      const pieces = (all: ReadonlyArray<ThreadEvent>) => {
        let barrier = 0
        const found = new Map<string, Array<{ readonly offset: number; text: string }>>()
        for (const event of all) {
          if (!isDelta(event)) barrier++
          else {
            const key = `${barrier} ${event.itemId}`
            const list = found.get(key) ?? []
            const last = list.at(-1)
            if (last !== undefined && last.offset + last.text.length === event.offset) last.text += event.delta
            else list.push({ offset: event.offset, text: event.delta })
            found.set(key, list)
          }
        }
        return { barrier, found }
      }
      assert.deepStrictEqual(pieces(merged), pieces(events))
      assert.isBelow(merged.length, events.length)
    }
  })

  const delta = (offset: number, field: Delta["field"] = "text"): ThreadEvent => ({
    ...placed,
    _tag: "ItemDelta",
    itemId: ItemId.make("item"),
    field,
    offset,
    delta: "x"
  })

  it("P16: text and output of one item are not merged", () => {
    const reader = { ...ReaderBuffer.make(0, 100), behind: false }
    const events = [delta(0), delta(1, "output")]
    ReaderBuffer.put(reader, events, ReaderBuffer.weightOf(events))
    assert.deepStrictEqual(ReaderBuffer.takeAll(reader), events)
  })

  it("P11: a clock that is set back keeps deltas back no longer than the reader has asked for", () => {
    const reader = { ...ReaderBuffer.make(0, 100), behind: false }
    const events = [{ ...delta(0), at: 60_000 }]
    ReaderBuffer.put(reader, events, ReaderBuffer.weightOf(events))
    assert.deepStrictEqual([60_000, 60_030, 60_100, 70_000, 0].map((now) => ReaderBuffer.heldFor(reader, now)), [
      100,
      70,
      0,
      0,
      100
    ])
  })

  it("P11: without coalesce every event is one", () => {
    const reader = { ...ReaderBuffer.make(0, undefined), behind: false }
    const events = [delta(0), delta(1)]
    ReaderBuffer.put(reader, events, ReaderBuffer.weightOf(events))
    assert.strictEqual(ReaderBuffer.heldFor(reader, 0), 0)
    assert.deepStrictEqual(ReaderBuffer.takeAll(reader), events)
  })
})
