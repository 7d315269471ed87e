/**
 * What waits for one reader of a thread: a bounded buffer. A reader for which more waits is served from the store.
 *
 * For a reader that asks for it (`coalesce`), deltas of one item are one event where only deltas of other items came between
 * them, and are kept back for a while so that more of them come together. A slow reader is then shown fewer events and the
 * same text.
 */
import { Latch } from "effect"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"

/** One reader's side of the log. */
export interface Reader {
  buffer: Array<ThreadEvent>
  /** Rough size of the buffer, in characters. */
  weight: number
  /** For how many milliseconds deltas are kept back at most; none where they are not. */
  readonly coalesce: number | undefined
  /** It waits for more of them, or for that time to pass. */
  held: boolean
  /** `seq` of the last event handed out. */
  seq: number
  /** It reads from the store until it has caught up with the log. */
  behind: boolean
  /** The thread was deleted: what is handed out last. From then on the reader is not the log's any more. */
  last: ThreadEvent | undefined
  /** `last` was handed out. */
  over: boolean
  /** A hole that it has to report before anything else. */
  gap: "slow-reader" | "log-replaced" | undefined
  readonly wake: Latch.Latch
}

/** A reader that begins after the event `after`. */
export const make = (after: number, coalesce: number | undefined): Reader => ({
  buffer: [],
  weight: 0,
  coalesce,
  held: false,
  seq: after,
  behind: true,
  last: undefined,
  over: false,
  gap: undefined,
  wake: Latch.makeUnsafe(false)
})

/** The buffer holds at most so many events, and characters of text, before the reader is served from the store. */
const maxEvents = 16_384
const maxWeight = 8 * 1024 * 1024

/** So much text is not kept back. */
const heldWeight = 64 * 1024

const weightOfEvent = 64

const weigh = (event: ThreadEvent): number => {
  if (event._tag === "ItemDelta") return event.delta.length + weightOfEvent
  if ("item" in event) {
    const item = event.item
    return 256 + ("text" in item ? item.text.length : "output" in item ? (item.output?.length ?? 0) : 0)
  }
  return 256
}

export const weightOf = (events: ReadonlyArray<ThreadEvent>): number =>
  events.reduce((weight, event) => weight + weigh(event), 0)

/** Adds the delta to the one that it goes on from, if only deltas came between them. */
const merge = ({ buffer }: Reader, delta: Extract<ThreadEvent, { readonly _tag: "ItemDelta" }>): boolean => {
  for (let n = buffer.length - 1; n >= 0; n--) {
    const before = buffer[n]
    if (before?._tag !== "ItemDelta") return false
    if (before.itemId !== delta.itemId || before.field !== delta.field) continue
    if (before.offset + before.delta.length !== delta.offset) return false
    buffer[n] = { ...before, delta: before.delta + delta.delta }
    return true
  }
  return false
}

/** Puts events into the buffer, whose weight is given; where there is no room the reader falls behind. */
export const put = (reader: Reader, events: ReadonlyArray<ThreadEvent>, weight: number): void => {
  if (reader.behind) return
  if (reader.weight + weight > maxWeight || reader.buffer.length + events.length > maxEvents) {
    reader.behind = true
    reader.gap ??= "slow-reader"
    return
  }
  reader.weight += weight
  for (const event of events) {
    if (reader.coalesce !== undefined && event._tag === "ItemDelta" && merge(reader, event)) {
      reader.weight -= weightOfEvent
    } else {
      reader.buffer.push(event)
    }
  }
}

/** Whether what is in the buffer may be kept back: deltas alone, and not too many. */
const mayBeHeld = ({ behind, buffer, last, weight }: Reader): boolean =>
  !behind && last === undefined && weight <= heldWeight && buffer.every(({ _tag }) => _tag === "ItemDelta")

/** For how many more milliseconds what is in the buffer is kept back. */
export const heldFor = (reader: Reader, now: number): number => {
  const { buffer: [first], coalesce } = reader
  return coalesce === undefined || first === undefined || !mayBeHeld(reader)
    ? 0
    : Math.max(0, Math.min(coalesce, first.at + coalesce - now))
}

/** Has the reader look at its buffer, unless it keeps back what is there. */
export const wake = (reader: Reader): void => {
  if (!reader.held || !mayBeHeld(reader)) reader.wake.openUnsafe()
}

/** Takes all that is in the buffer. */
export const takeAll = (reader: Reader): ReadonlyArray<ThreadEvent> => {
  const events = reader.buffer
  reader.buffer = []
  reader.weight = 0
  return events
}
