/**
 * What was said in a thread, read back from the store.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import * as Transcript from "../../domain/Transcript.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { StoreFailed } from "../../store/StoreError.ts"

const page = 2000

type Turns = Effect.Effect<ReadonlyArray<Transcript.TranscriptTurn>, StoreFailed>

export interface ThreadArchive {
  readonly all: (threadId: ThreadId) => Turns
  /** Since the last reset: what the conversation now knows, or should. */
  readonly sinceReset: (threadId: ThreadId) => Turns
}

export const make = (store: SessionStore["Service"]): ThreadArchive => {
  const eventsOf = (threadId: ThreadId) =>
    Stream.paginate(0, (after) =>
      Effect.map(store.readEvents({ threadId, after, limit: page }), (events) =>
        [
          events,
          events.length < page ? Option.none() : Option.fromUndefinedOr(events.at(-1)?.seq)
        ] as const)).pipe(Stream.runCollect)

  return {
    all: (threadId) => Effect.map(eventsOf(threadId), Transcript.fromEvents),
    sinceReset: (threadId) =>
      Effect.map(eventsOf(threadId), (events) => {
        const reset = events.findLastIndex((event) => event._tag === "SessionReset")
        return Transcript.fromEvents(events.slice(reset + 1))
      })
  }
}
