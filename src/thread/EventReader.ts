/**
 * Reads a thread's events: the stored ones, then live ones, in order and without a hole.
 *
 * Readers pull. One that falls behind is served from the store until it has caught up; it then misses deltas only, which
 * one `Gap` reports. No durable event is ever skipped. When the thread is deleted, `ThreadDeleted` comes last.
 */
import { Array as Arr, Cause, type Clock, Effect, Latch, Stream } from "effect"
import type { EventBody, ThreadEvent } from "../domain/ThreadEvent.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import * as ThreadLog from "./ThreadLog.ts"

type Store = SessionStore["Service"]

const pageSize = 512

/** An event of the reader's own, at the reader's place. */
const placed = (log: ThreadLog.ThreadLog, seq: number, at: number, body: EventBody): ThreadEvent => ({
  ...body,
  seq,
  threadId: log.threadId,
  epoch: log.epoch,
  at,
  position: log.position
})

type Batch = Arr.NonEmptyReadonlyArray<ThreadEvent>

const take = (log: ThreadLog.ThreadLog, store: Store, clock: Clock.Clock, reader: ThreadLog.Reader) =>
  Effect.suspend((): Effect.Effect<Batch, Effect.Error<ReturnType<Store["readEvents"]>> | Cause.Done> => {
    const again = take(log, store, clock, reader)
    const handOut = (events: ReadonlyArray<ThreadEvent>): typeof again => {
      if (!Arr.isReadonlyArrayNonEmpty(events)) return again
      reader.seq = Arr.lastNonEmpty(events).seq
      return Effect.succeed(events)
    }
    const at = clock.currentTimeMillisUnsafe()
    if (reader.gap !== undefined && reader.buffer.length === 0 && reader.last === undefined) {
      const cause = reader.gap
      reader.gap = undefined
      if (cause === "log-replaced") reader.seq = 0
      const lost = cause === "log-replaced" ? "events" : "deltas"
      return handOut([placed(log, reader.seq, at, { _tag: "Gap", cause, lost })])
    }
    if (reader.buffer.length > 0) {
      const events = reader.buffer
      reader.buffer = []
      reader.weight = 0
      return handOut(events)
    }
    if (reader.last !== undefined) {
      if (reader.over) return Cause.done()
      reader.over = true
      return Effect.succeed([reader.last])
    }
    if (!reader.behind) {
      reader.wake.closeUnsafe()
      return Effect.flatMap(reader.wake.await, () => again)
    }
    if (reader.seq >= (log.lastSeq ?? 0)) {
      reader.behind = false
      return handOut(log.textSoFar().map((body) => placed(log, reader.seq, at, body)))
    }
    return Effect.flatMap(
      store.readEvents({ threadId: log.threadId, after: reader.seq, limit: pageSize }),
      // What was read while the thread was deleted may be another thread's by now.
      (events) => reader.last === undefined ? handOut(events) : again
    )
  })

/** Stored events after `after`, then live ones. Ends with the scope of the stream, or when the thread is deleted. */
export const read = (log: ThreadLog.ThreadLog, store: Store, clock: Clock.Clock, after: number) =>
  Stream.unwrap(Effect.gen(function*() {
    yield* ThreadLog.load(log, store)
    const reader: ThreadLog.Reader = {
      buffer: [],
      weight: 0,
      seq: after,
      behind: true,
      last: undefined,
      over: false,
      // Numbers only grow: a log that ends before what the reader has seen is another one.
      gap: after > (log.lastSeq ?? 0) ? "log-replaced" : undefined,
      wake: Latch.makeUnsafe(false)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => log.readers.add(reader)),
      () => Effect.sync(() => log.readers.delete(reader))
    )
    return Stream.fromPull(Effect.succeed(take(log, store, clock, reader)))
  }))
