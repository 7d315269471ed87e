/**
 * The order of events: gapless, items whole, nothing after the end.
 */
import { Effect, Fiber, Stream } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import { endings, type Host, is, run, start, stop, stored, thread, within } from "./Bench.ts"
import { equal, expect, type Tagged, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const many = Array.from({ length: 120 }, (_, n) => `word${n}`).join(" ")

/** All events of two turns, the second a long one, as a live reader has them. */
const read = Effect.fnUntraced(function*(host: Host) {
  const { agents, bench } = host
  yield* start(host)
  yield* run(host, bench.prompts.say("first"))
  const turnId = TurnId.make("long")
  const reader = yield* agents.streamEvents({ threadId: thread }).pipe(
    Stream.takeUntil((event) => event._tag === "TurnCompleted" && event.turnId === turnId),
    Stream.runCollect,
    Effect.forkChild({ startImmediately: true })
  )
  yield* within(
    bench,
    "the end of a long turn",
    agents.runTurn({ threadId: thread, turnId, prompt: bench.prompts.say(many) })
  )
  return { turnId, events: yield* within(bench, "the events of two turns", Fiber.join(reader)) }
})

const onHost = (prove: (host: Host) => Effect.Effect<void, Tagged>): Rule["prove"] => (bench) => bench.onHost(prove)

const durable = (event: ThreadEvent) =>
  event._tag !== "ItemDelta" && event._tag !== "ItemUpdated" && event._tag !== "Gap"

export const rules: ReadonlyArray<Rule> = [
  {
    id: "events/gapless",
    promise: "P11",
    title: "a reader has every durable event once and in order, and no gap where nothing was lost",
    prove: onHost(Effect.fnUntraced(function*(host) {
      const { events } = yield* read(host)
      const seqs = events.filter(durable).map((event) => event.seq)
      yield* equal(seqs, seqs.map((_, index) => index + 1), "sequence")
      const kept = (yield* stored(host)).filter((event) => event.seq <= (seqs.at(-1) ?? 0))
      yield* equal(events.filter(durable).map(({ _tag }) => _tag), kept.map(({ _tag }) => _tag), "the stored events")
      yield* equal(events.filter(is("Gap")), [], "gaps")
    }))
  },
  {
    id: "events/items",
    promise: "P11",
    title: "an item starts before anything else of it, and is completed once; the user's own words are no item",
    prove: onHost(Effect.fnUntraced(function*(host) {
      const { events } = yield* read(host)
      const state = new Map<string, "started" | "completed">()
      for (const event of events) {
        if (!("item" in event) && event._tag !== "ItemDelta") continue
        if ("item" in event) {
          const own = event.item._tag === "UserMessage" && event.item.origin === undefined
          yield* expect(!own, "the user's words are in TurnStarted alone", event)
        }
        const itemId = event._tag === "ItemDelta" ? event.itemId : event.item.itemId
        const key = `${event.turnId ?? ""} ${itemId}`
        yield* equal(
          state.get(key),
          event._tag === "ItemStarted" ? undefined : "started",
          `state of item ${itemId} before ${event._tag}`
        )
        state.set(key, event._tag === "ItemCompleted" ? "completed" : "started")
      }
      yield* expect(Array.from(state.values()).every((now) => now === "completed"), "every item is completed", events)
    }))
  },
  {
    id: "events/deltas",
    promise: "P11",
    title: "an item's deltas, joined, are its text",
    assumes: ["events/items"],
    prove: onHost(Effect.fnUntraced(function*(host) {
      const { events } = yield* read(host)
      const texts = new Map<string, string>()
      for (const event of events) {
        if (event._tag === "TurnStarted") texts.clear()
        if (event._tag === "ItemDelta") {
          const text = texts.get(event.itemId) ?? ""
          if (event.offset !== 0) yield* equal(event.offset, text.length, "a delta's offset")
          texts.set(event.itemId, (event.offset === 0 ? "" : text) + event.delta)
        }
        if (event._tag !== "ItemCompleted" || !("text" in event.item)) continue
        const streamed = texts.get(event.item.itemId)
        if (streamed !== undefined) yield* equal(streamed, event.item.text, "the deltas of an item")
      }
    }))
  },
  {
    id: "events/in-turn",
    promise: "P11",
    title: "what belongs to a turn lies between its start and its end",
    prove: onHost(Effect.fnUntraced(function*(host) {
      const long = yield* read(host)
      const third = yield* run(host, host.bench.prompts.say("third"))
      const all = yield* stored(host)
      let open: string | undefined
      for (const event of all) {
        if (event._tag === "TurnStarted") open = event.turnId
        else if ("turnId" in event && event.turnId !== undefined && event.turnId !== open) {
          return yield* new Violated({ expected: `an event of turn ${open ?? "none"}`, seen: event })
        }
        if (event._tag === "TurnCompleted") open = undefined
        if ("item" in event) yield* expect("turnId" in event, "an item with its turn", event)
      }
      for (const { turnId } of [long, third]) yield* equal(endings(all, turnId), ["TurnCompleted"], "terminal events")
    }))
  },
  {
    id: "events/ids",
    promise: "P11",
    title: "item ids are unique in the thread, also across turns and a resume",
    assumes: ["continuity/resumed"],
    prove: onHost(Effect.fnUntraced(function*(host) {
      yield* start(host)
      yield* run(host, host.bench.prompts.say("one"))
      yield* run(host, host.bench.prompts.say("two"))
      yield* stop(host)
      yield* run(host, host.bench.prompts.say("three"))
      const turns = new Map<string, string | undefined>()
      for (const event of yield* stored(host)) {
        if (event._tag !== "ItemCompleted") continue
        const { item: { itemId }, turnId } = event
        if (turns.has(itemId)) yield* equal(turnId, turns.get(itemId), `the turn of item ${itemId}`)
        turns.set(itemId, turnId)
      }
    }))
  }
]
