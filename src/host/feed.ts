/**
 * All threads in one order: what is stored, page by page, then what follows, as it is committed. With deltas, what live
 * threads show beside it comes behind the durable event that it belongs to.
 */
import { Array as Arr, Cause, Effect, Latch, Order, Stream } from "effect"
import type { FeedEvent, FeedGap } from "../domain/FeedEvent.ts"
import { Position } from "../domain/Ids.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { StreamAllEvents } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import * as EventPosition from "../store/EventPosition.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import type { DeltaReader, LiveDeltas } from "./liveDeltas.ts"
import type { ThreadActors } from "./threadActors.ts"

const pageSize = 512

const start = Position.make("0")

/** How often a reader with deltas lets threads show what they have just committed, before it goes on without. */
const patience = 64

interface Reader {
  position: Position
  deltas: DeltaReader | undefined
  readonly wake: Latch.Latch
}

const byPlace = Order.mapInput(Order.Number, ({ position }: ThreadEvent) => EventPosition.placeOf(position))

/** Puts what was shown behind the durable event that it belongs to. */
const interleave = (
  events: ReadonlyArray<ThreadEvent>,
  shown: ReadonlyArray<ThreadEvent>
): ReadonlyArray<ThreadEvent> => {
  if (shown.length === 0) return events
  const merged: Array<ThreadEvent> = []
  let next = 0
  for (const delta of Arr.sort(shown, byPlace)) {
    for (let event = events[next]; event !== undefined && byPlace(event, delta) <= 0; event = events[++next]) {
      merged.push(event)
    }
    merged.push(delta)
  }
  merged.push(...events.slice(next))
  return merged
}

export const make = ({ actors, closing, deltas: live, deps: { closed, store } }: {
  readonly actors: ThreadActors
  readonly deltas: LiveDeltas
  /** Open once the host has shut down. */
  readonly closing: Latch.Latch
  readonly deps: Pick<ThreadDeps, "store" | "closed">
}) => {
  const isShown = ({ seq, threadId }: ThreadEvent): boolean => (actors.peek(threadId)?.shownSeq ?? seq) >= seq

  /** A commit is in the store a moment before its thread has shown it, with the deltas around it. */
  const untilShown = (events: ReadonlyArray<ThreadEvent>) =>
    Effect.repeat(Effect.yieldNow, { times: patience, until: () => events.every(isShown) })

  /** What waits for the reader and belongs to events that it has been handed. */
  const takeShown = ({ deltas, position }: Reader): ReadonlyArray<ThreadEvent> => {
    if (deltas === undefined || deltas.buffer.length === 0) return []
    const end = EventPosition.placeOf(position)
    const waiting = deltas.buffer
    deltas.buffer = waiting.filter((event) => EventPosition.placeOf(event.position) > end)
    return deltas.buffer.length === 0
      ? waiting
      : waiting.filter((event) => EventPosition.placeOf(event.position) <= end)
  }

  const gap = (cause: FeedGap["cause"], lost: FeedGap["lost"], position: Position): readonly [FeedGap] => [
    { _tag: "FeedGap", cause, lost, position }
  ]

  const next = (
    reader: Reader,
    input: StreamAllEvents
  ): Effect.Effect<Arr.NonEmptyReadonlyArray<FeedEvent>, StoreFailed | InputInvalid | Cause.Done> =>
    Effect.gen(function*() {
      const { kinds } = input
      const fits = (event: ThreadEvent) => kinds === undefined || kinds.includes(event._tag)
      for (;;) {
        if (reader.deltas?.lost === true) {
          reader.deltas = undefined
          return gap("slow-reader", "deltas", reader.position)
        }
        reader.wake.closeUnsafe()
        const page = yield* store.readFeed({ after: reader.position, kinds, limit: pageSize })
        if (page.ahead) {
          reader.position = start
          return gap("log-replaced", "events", start)
        }
        if (reader.deltas !== undefined && page.events.length > 0) yield* untilShown(page.events)
        const moved = page.through !== reader.position
        reader.position = page.through
        const found = interleave(page.events, takeShown(reader).filter(fits))
        if (Arr.isReadonlyArrayNonEmpty(found)) return found
        if (moved) continue
        if (input.deltas === true && reader.deltas === undefined) {
          reader.deltas = live.join(actors.all().flatMap((actor) => actor.textSoFar()), reader.wake)
          continue
        }
        if (closed()) return yield* Cause.done()
        yield* Effect.raceFirst(
          store.feedChanged(reader.position),
          Effect.raceFirst(reader.wake.await, closing.await)
        )
      }
    }).pipe(
      Effect.catchTag(
        "PageInvalid",
        ({ reason }) =>
          Effect.fail(new InputInvalid({ operation: "streamAllEvents", issues: [{ path: "after", reason }] }))
      )
    )

  return {
    streamAllEvents: (input) =>
      Stream.unwrap(Effect.map(
        Effect.acquireRelease(
          Effect.sync((): Reader => ({
            position: input.after ?? start,
            deltas: undefined,
            wake: Latch.makeUnsafe(false)
          })),
          ({ deltas }) => Effect.sync(() => deltas === undefined ? undefined : live.leave(deltas))
        ),
        (reader) => Stream.fromPull(Effect.succeed(next(reader, input)))
      ))
  } satisfies Pick<ProviderService["Service"], "streamAllEvents">
}
