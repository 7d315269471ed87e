/**
 * The one place where a thread's events get their order: sequence, store, publish.
 *
 * A durable event is published only after it is stored, so a `seq` that a reader has seen survives a crash. Readers pull:
 * each has a bounded buffer, and one that falls behind is served from the store until it has caught up. It then misses
 * deltas only, which one `Gap` says; no durable event is ever skipped.
 */
import { Array as Arr, type Clock, Effect, Latch, Option, Semaphore, Stream } from "effect"
import { Epoch, type ItemId, Position, type ThreadId, type TurnId } from "../domain/Ids.ts"
import type { Identity } from "../domain/LifecycleEvent.ts"
import { type EventBody, isEphemeral, type NumberedEvent, type ThreadEvent } from "../domain/ThreadEvent.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import type { Part, SessionStore } from "../store/SessionStore.ts"
import { StoreFailed, type ThreadUnreadable, type TurnUnreadable } from "../store/StoreError.ts"

type Store = SessionStore["Service"]

interface Reader {
  buffer: Array<ThreadEvent>
  /** Rough size of the buffer, in characters. */
  weight: number
  /** `seq` of the last event handed out. */
  position: number
  /** Reads from the store until it has caught up with the log. */
  behind: boolean
  /** It fell behind, and misses deltas from where its buffer ends. */
  gap: boolean
  readonly wake: Latch.Latch
}

interface OpenItem {
  readonly turnId: TurnId | undefined
  text: string
}

/** Told of events once they are stored, in their order, with whom they belong to. */
export type Recorded = (events: ReadonlyArray<ThreadEvent>, identity: Identity) => void

export interface ThreadLog {
  readonly threadId: ThreadId
  readonly recorded: Recorded
  /** Serialises appends, together with what the caller must decide in the same step. Not reentrant. */
  readonly lock: Semaphore.Semaphore
  /** `undefined` until it was read from the store. */
  lastSeq: number | undefined
  epoch: Epoch
  /** Of the last commit. */
  position: Position
  readonly openItems: Map<ItemId, OpenItem>
  readonly readers: Set<Reader>
}

/** Of a log that nothing was committed to. */
const noPosition = Position.make("0")

export const make = (threadId: ThreadId, recorded: Recorded): ThreadLog => ({
  threadId,
  recorded,
  lock: Semaphore.makeUnsafe(1),
  lastSeq: undefined,
  epoch: Epoch.make(0),
  position: noPosition,
  openItems: new Map(),
  readers: new Set()
})

/** A record that cannot be read, as a failed read. */
export const readable = <A>(
  read: Effect.Effect<A, StoreFailed | ThreadUnreadable | TurnUnreadable>
): Effect.Effect<A, StoreFailed> =>
  Effect.catchTag(
    read,
    ["ThreadUnreadable", "TurnUnreadable"],
    (cause) => Effect.fail(new StoreFailed({ operation: "read a record", reason: cause._tag, cause }))
  )

/** The store may have been written to by others: where the log ends must be learned again. */
export const forget = (log: ThreadLog): void => {
  log.lastSeq = undefined
  log.openItems.clear()
}

/** Learns from the store where the log ends. Does nothing once it is known. */
export const load = (log: ThreadLog, store: Store): Effect.Effect<void, StoreFailed> =>
  Effect.suspend(() => {
    if (log.lastSeq !== undefined) return Effect.void
    return Effect.map(readable(store.getThread(log.threadId)), (binding) => {
      if (log.lastSeq !== undefined) return
      const lastSeq = Option.match(binding, { onNone: () => 0, onSome: (found) => found.lastSeq })
      log.lastSeq = lastSeq
      log.epoch = Option.match(binding, { onNone: () => Epoch.make(0), onSome: (found) => found.epoch })
      log.position = Option.match(binding, {
        onNone: () => noPosition,
        onSome: (found) => found.position ?? noPosition
      })
      for (const reader of log.readers) {
        // What was not published to it, it reads from the store.
        reader.behind = true
        reader.position = Math.min(reader.position, lastSeq)
        reader.wake.openUnsafe()
      }
    })
  })

/** An epoch of the thread, and the session that it is bound to. */
export interface Author extends Identity {
  readonly epoch: Epoch
}

/** What a write stores: durable events, and what they tell hooks. */
export type Written = Pick<Part, "events" | "lifecycle">

/** Events at their places, not yet written. */
interface Numbered extends Written {
  readonly author: Author
  readonly all: ReadonlyArray<NumberedEvent>
}

const number = (
  log: ThreadLog,
  after: number,
  at: number,
  author: Author,
  bodies: ReadonlyArray<EventBody>
): Numbered => {
  let seq = after
  const all: Array<NumberedEvent> = []
  const events: Array<NumberedEvent> = []
  for (const body of bodies) {
    const ephemeral = isEphemeral(body)
    if (!ephemeral) seq++
    const event: NumberedEvent = { ...body, seq, threadId: log.threadId, epoch: author.epoch, at }
    all.push(event)
    if (!ephemeral) events.push(event)
  }
  return { author, all, events, lifecycle: events.flatMap((event) => LifecycleRecord.of(event, author) ?? []) }
}

const commit = (log: ThreadLog, { all, author, events }: Numbered, position: Position): void => {
  const published = all.map((event): ThreadEvent => {
    if (!isEphemeral(event)) log.position = position
    return { ...event, position: log.position }
  })
  log.lastSeq = (log.lastSeq ?? 0) + events.length
  log.epoch = author.epoch
  publish(log, published)
  if (events.length > 0) log.recorded(published.filter((event) => !isEphemeral(event)), author)
}

/**
 * Numbers the events, stores the durable ones by `write`, and shows all of them to the readers. If the store fails,
 * nothing was numbered and nothing is shown. Call it with the log's lock held and the log loaded.
 */
export const append = <E>(
  log: ThreadLog,
  clock: Clock.Clock,
  author: Author,
  bodies: ReadonlyArray<EventBody>,
  write: (written: Written) => Effect.Effect<Position, E>
): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    const numbered = number(log, log.lastSeq ?? 0, clock.currentTimeMillisUnsafe(), author, bodies)
    return numbered.events.length > 0
      ? Effect.uninterruptible(Effect.map(write(numbered), (position) => commit(log, numbered, position)))
      : Effect.sync(() => commit(log, numbered, log.position))
  })

/** As {@link append}, where one epoch ends and the next begins in one step. */
export const appendBoth = <E>(
  log: ThreadLog,
  clock: Clock.Clock,
  ended: readonly [Author, ReadonlyArray<EventBody>],
  begun: readonly [Author, ReadonlyArray<EventBody>],
  write: (ended: Written, begun: Written) => Effect.Effect<Position, E>
): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    const at = clock.currentTimeMillisUnsafe()
    const first = number(log, log.lastSeq ?? 0, at, ...ended)
    const second = number(log, (log.lastSeq ?? 0) + first.events.length, at, ...begun)
    return Effect.uninterruptible(Effect.map(write(first, second), (position) => {
      commit(log, first, position)
      commit(log, second, position)
    }))
  })

/** A reader's buffer holds at most so many events, and characters of text, before it is served from the store. */
const bufferEvents = 16_384
const bufferWeight = 8 * 1024 * 1024

const weigh = (event: ThreadEvent): number => {
  if (event._tag === "ItemDelta") return event.delta.length + 64
  if ("item" in event) {
    const item = event.item
    return 256 + ("text" in item ? item.text.length : "output" in item ? (item.output?.length ?? 0) : 0)
  }
  return 256
}

const track = (log: ThreadLog, event: ThreadEvent): void => {
  switch (event._tag) {
    case "ItemDelta": {
      const open = log.openItems.get(event.itemId)
      if (open === undefined) log.openItems.set(event.itemId, { turnId: event.turnId, text: event.delta })
      else open.text = event.offset === 0 ? event.delta : open.text + event.delta
      break
    }
    case "ItemCompleted":
      log.openItems.delete(event.item.itemId)
      break
    case "SessionEnded":
      log.openItems.clear()
      break
  }
}

const publish = (log: ThreadLog, events: ReadonlyArray<ThreadEvent>): void => {
  for (const event of events) track(log, event)
  if (log.readers.size === 0) return
  let weight = 0
  for (const event of events) weight += weigh(event)
  // Waking a reader may run it, and whoever waits for it, at once; a reader that joins then has these events already.
  const readers = Array.from(log.readers)
  for (const reader of readers) {
    if (!reader.behind) {
      if (reader.weight + weight > bufferWeight || reader.buffer.length + events.length > bufferEvents) {
        reader.behind = true
        reader.gap = true
      } else {
        for (const event of events) reader.buffer.push(event)
        reader.weight += weight
      }
    }
  }
  for (const reader of readers) reader.wake.openUnsafe()
}

/** What a reader needs that joins, or rejoins, in the middle of open items: all their text so far. */
const textSoFar = (log: ThreadLog, place: Place): ReadonlyArray<ThreadEvent> =>
  Array.from(log.openItems, ([itemId, open]) => ({
    _tag: "ItemDelta",
    itemId,
    offset: 0,
    delta: open.text,
    ...(open.turnId === undefined ? {} : { turnId: open.turnId }),
    ...place
  }))

type Place = Pick<ThreadEvent, "seq" | "threadId" | "epoch" | "at" | "position">

const pageSize = 512

const take = (
  log: ThreadLog,
  store: Store,
  clock: Clock.Clock,
  reader: Reader
): Effect.Effect<Arr.NonEmptyReadonlyArray<ThreadEvent>, StoreFailed> =>
  Effect.suspend(() => {
    const handOut = (events: ReadonlyArray<ThreadEvent>) => {
      if (!Arr.isReadonlyArrayNonEmpty(events)) return take(log, store, clock, reader)
      reader.position = Arr.lastNonEmpty(events).seq
      return Effect.succeed(events)
    }
    if (reader.buffer.length > 0) {
      const events = reader.buffer
      reader.buffer = []
      reader.weight = 0
      return handOut(events)
    }
    if (!reader.behind) {
      reader.wake.closeUnsafe()
      return Effect.flatMap(reader.wake.await, () => take(log, store, clock, reader))
    }
    const place = {
      seq: reader.position,
      threadId: log.threadId,
      epoch: log.epoch,
      position: log.position,
      at: clock.currentTimeMillisUnsafe()
    }
    if (reader.gap) {
      reader.gap = false
      return handOut([{ _tag: "Gap", cause: "slow-reader", lost: "deltas", ...place }])
    }
    if (reader.position >= (log.lastSeq ?? 0)) {
      reader.behind = false
      return handOut(textSoFar(log, place))
    }
    return Effect.flatMap(
      store.readEvents({ threadId: log.threadId, after: reader.position, limit: pageSize }),
      (page) => {
        // The log cannot be ahead of its store, so an empty page means that the thread was deleted.
        if (page.length === 0) reader.position = log.lastSeq ?? 0
        return handOut(page)
      }
    )
  })

/** Stored events after `after`, then live ones, without a hole. Ends with the scope of the stream. */
export const read = (
  log: ThreadLog,
  store: Store,
  clock: Clock.Clock,
  after: number
): Stream.Stream<ThreadEvent, StoreFailed> =>
  Stream.unwrap(Effect.gen(function*() {
    yield* load(log, store)
    const reader: Reader = {
      buffer: [],
      weight: 0,
      position: after,
      behind: true,
      gap: false,
      wake: Latch.makeUnsafe(false)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => log.readers.add(reader)),
      () => Effect.sync(() => log.readers.delete(reader))
    )
    return Stream.fromPull(Effect.succeed(take(log, store, clock, reader)))
  }))
