/**
 * Reads a thread's events: the stored ones, then live ones, in order and without a hole.
 *
 * Readers pull. One that falls behind is served from the store until it has caught up; it then misses deltas only, which
 * one `Gap` reports. No durable event is ever skipped, but those that were pruned, which one `Gap` reports, too. When the
 * thread is deleted, `ThreadDeleted` comes last. Once the host has shut down, a reader ends with the last stored event, or where it is
 * if it has not caught up by then.
 */
import { Array as Arr, Cause, Effect, Stream } from "effect"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as ReaderBuffer from "./ReaderBuffer.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"

const pageSize = 512

type Batch = Arr.NonEmptyReadonlyArray<ThreadEvent>

type Deps = Pick<ThreadDeps, "store" | "clock" | "closed" | "instrumentation">

const take = (deps: Deps, log: ThreadLog.ThreadLog, reader: ReaderBuffer.Reader) =>
  Effect.suspend((): Effect.Effect<Batch, StoreFailed | Cause.Done> => {
    const again = take(deps, log, reader)
    const handOut = (events: ReadonlyArray<ThreadEvent>): typeof again => {
      if (!Arr.isReadonlyArrayNonEmpty(events)) return again
      reader.seq = Arr.lastNonEmpty(events).seq
      return Effect.succeed(events)
    }
    const at = deps.clock.currentTimeMillisUnsafe()
    if (reader.gap !== undefined && reader.buffer.length === 0 && reader.last === undefined) {
      const cause = reader.gap
      reader.gap = undefined
      deps.instrumentation?.gap(cause)
      if (cause === "log-replaced") reader.seq = 0
      const lost = cause === "log-replaced" ? "events" : "deltas"
      return handOut([ThreadLog.placed(log, reader.seq, at, { _tag: "Gap", cause, lost })])
    }
    if (reader.buffer.length > 0) {
      const held = deps.closed() ? 0 : ReaderBuffer.heldFor(reader, at)
      if (held === 0) return handOut(ReaderBuffer.takeAll(reader))
      reader.wake.closeUnsafe()
      reader.held = true
      return Effect.flatMap(Effect.raceFirst(reader.wake.await, Effect.sleep(held)), () => {
        reader.held = false
        return again
      })
    }
    if (reader.last !== undefined) {
      if (reader.over) return Cause.done()
      reader.over = true
      return Effect.succeed([reader.last])
    }
    if (!reader.behind) {
      if (deps.closed()) return Cause.done()
      reader.wake.closeUnsafe()
      return Effect.flatMap(reader.wake.await, () => again)
    }
    if (reader.seq >= (log.lastSeq ?? 0)) {
      reader.behind = false
      return handOut(log.textSoFar().map((body) => ThreadLog.placed(log, reader.seq, at, body)))
    }
    return Effect.flatMap(
      deps.store.readEvents({ threadId: log.threadId, after: reader.seq, limit: pageSize }),
      (events) => {
        // What was read while the thread was deleted may be another thread's by now.
        if (reader.last !== undefined) return again
        const [first] = events
        // Durable events have no holes: what is missing was pruned.
        return first === undefined || first.seq === reader.seq + 1
          ? handOut(events)
          : handOut([
            ThreadLog.placed(log, first.seq - 1, at, { _tag: "Gap", cause: "pruned", lost: "events" }),
            ...events
          ])
      }
    )
  })

/** What a reader wants: the events after `after`, and deltas of one item together (`coalesce`). */
export interface Query {
  readonly after: number
  readonly coalesce: number | undefined
}

/**
 * Stored events after `after`, then live ones. Ends with the scope of the stream, when the thread is deleted, or when the
 * host has shut down. `exists` fails if there is no such thread.
 */
export const read = <E>(
  deps: Deps,
  log: ThreadLog.ThreadLog,
  { after, coalesce }: Query,
  exists: Effect.Effect<void, E>
) =>
  Stream.unwrap(Effect.gen(function*() {
    const reader = ReaderBuffer.make(after, coalesce)
    yield* Effect.acquireRelease(
      Effect.sync(() => log.readers.add(reader)),
      () => Effect.sync(() => log.readers.delete(reader))
    )
    // Asked once the log knows the reader: from then on it is told of a deletion.
    yield* exists
    yield* ThreadLog.load(log, deps.store)
    // Numbers only grow: a log that ends before what the reader has seen is another one.
    if (after > (log.lastSeq ?? 0)) reader.gap = "log-replaced"
    return Stream.fromPull(Effect.succeed(take(deps, log, reader)))
  }))
