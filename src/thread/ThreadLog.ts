/**
 * The one place where a thread's events get their order: they are numbered here, stored by a commit, and published.
 *
 * A durable event is published only after it is stored, so a `seq` that a reader has seen survives a crash. Readers
 * ({@link ./EventReader.ts}) have a bounded buffer each; one that falls behind is served from the store.
 */
import { Effect, Option, Semaphore } from "effect"
import { Epoch, Position, type ThreadId } from "../domain/Ids.ts"
import { type EventBody, isEphemeral, type ThreadEvent } from "../domain/ThreadEvent.ts"
import * as Blobs from "../store/Blobs.ts"
import * as EventPosition from "../store/EventPosition.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as ReaderBuffer from "./ReaderBuffer.ts"

export interface ThreadLog {
  readonly threadId: ThreadId
  /** Serialises steps and their commits. Not reentrant. */
  readonly lock: Semaphore.Semaphore
  /** `seq` of the last durable event; `undefined` until it was read from the store. */
  lastSeq: number | undefined
  /** How often it was forgotten: what was read from the store before the last time does not count. */
  forgotten: number
  /** Of the last durable event, or of a commit after it. */
  position: Position
  epoch: Epoch
  /** What a reader needs that joins in the middle of open items: all their text so far. */
  textSoFar: () => ReadonlyArray<EventBody>
  readonly readers: Set<ReaderBuffer.Reader>
  /** Is handed what readers are shown. */
  readonly shown: (events: ReadonlyArray<ThreadEvent>) => void
}

const nowhere = Position.make("0")
const noText = (): ReadonlyArray<EventBody> => []

export const make = (threadId: ThreadId, shown: ThreadLog["shown"]): ThreadLog => ({
  threadId,
  lock: Semaphore.makeUnsafe(1),
  lastSeq: undefined,
  forgotten: 0,
  position: nowhere,
  epoch: Epoch.make(0),
  textSoFar: noText,
  readers: new Set(),
  shown
})

/** An event of a reader's own, at the reader's place. */
export const placed = (log: ThreadLog, seq: number, at: number, body: EventBody): ThreadEvent => ({
  ...body,
  seq,
  threadId: log.threadId,
  epoch: log.epoch,
  at,
  position: log.position
})

/** The epoch whose items readers were shown is over. */
export const closeItems = (log: ThreadLog): void => {
  log.textSoFar = noText
}

/** The store may have been written to by others: where the log ends must be read again. */
export const forget = (log: ThreadLog): void => {
  log.lastSeq = undefined
  log.forgotten++
  closeItems(log)
}

/** Reads from the store where the log ends. Does nothing once it is known. */
export const load = (log: ThreadLog, store: SessionStore["Service"]): Effect.Effect<void, StoreFailed> =>
  Effect.suspend(() => {
    if (log.lastSeq !== undefined) return Effect.void
    const { forgotten } = log
    return Effect.flatMap(store.endOfLog(log.threadId), (found) => {
      if (log.forgotten !== forgotten) return load(log, store)
      if (log.lastSeq !== undefined) return Effect.void
      const end = Option.getOrUndefined(found)
      log.lastSeq = end?.lastSeq ?? 0
      log.position = end?.position ?? nowhere
      log.epoch = end?.epoch ?? Epoch.make(0)
      // What was not published to a reader, it reads from the store.
      for (const reader of log.readers) {
        reader.behind = true
        reader.wake.openUnsafe()
      }
      return Effect.void
    })
  })

/** Events at their places, not yet committed. */
export interface Numbered {
  readonly epoch: Epoch
  readonly events: ReadonlyArray<ThreadEvent>
  readonly durable: ReadonlyArray<ThreadEvent>
  /** The bytes that the events name. */
  readonly blobs: ReadonlyArray<Blobs.Blob>
}

/**
 * Gives events the numbers that follow `after`. Ephemeral ones repeat the number of the durable event before them. From
 * here on they name the bytes that they came with.
 */
export const number = (
  log: ThreadLog,
  after: number,
  at: number,
  epoch: Epoch,
  bodies: ReadonlyArray<EventBody>
): Numbered => {
  let seq = after
  const events: Array<ThreadEvent> = []
  const durable: Array<ThreadEvent> = []
  const { blobs, events: named } = Blobs.ofEvents(bodies)
  for (const body of named) {
    const ephemeral = isEphemeral(body)
    if (!ephemeral) seq++
    const event: ThreadEvent = { ...body, seq, threadId: log.threadId, epoch, at, position: log.position }
    events.push(event)
    if (!ephemeral) durable.push(event)
  }
  return { epoch, events, durable, blobs }
}

/** Shows committed events to the readers; `position` is that of the last durable one. */
export const publish = (log: ThreadLog, { durable, epoch, events }: Numbered, position: Position): void => {
  const first = durable[0]
  if (first !== undefined) {
    let place = EventPosition.placeOf(position) - durable.length
    for (const event of events) {
      if (event.seq < first.seq) continue
      // Ephemeral ones have that of the durable event before them.
      if (!isEphemeral(event)) log.position = EventPosition.of(++place)
      Object.assign(event, { position: log.position })
    }
  }
  log.lastSeq = (log.lastSeq ?? 0) + durable.length
  log.epoch = epoch
  show(log, events)
  log.shown(events)
}

/** The thread was deleted: its readers are told, and end. */
export const end = (log: ThreadLog, at: number, position: Position): void => {
  const { epoch, lastSeq = 0, threadId } = log
  const readers = Array.from(log.readers)
  log.readers.clear()
  for (const reader of readers) {
    reader.last = { _tag: "ThreadDeleted", seq: lastSeq, threadId, epoch, at, position }
    reader.wake.openUnsafe()
  }
  forget(log)
}

/** Readers that wait look again. */
export const wake = (log: ThreadLog): void => {
  for (const reader of Array.from(log.readers)) reader.wake.openUnsafe()
}

const show = (log: ThreadLog, events: ReadonlyArray<ThreadEvent>): void => {
  if (log.readers.size === 0) return
  const weight = ReaderBuffer.weightOf(events)
  // Waking a reader may run it, and its consumer, at once; a reader that joins then has these events already.
  const readers = Array.from(log.readers)
  for (const reader of readers) ReaderBuffer.put(reader, events, weight)
  for (const reader of readers) ReaderBuffer.wake(reader)
}
