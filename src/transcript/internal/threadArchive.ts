/**
 * What was said in a thread, read back from the store, with that of the threads it was forked from.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import * as Transcript from "../../domain/Transcript.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { StoreFailed } from "../../store/StoreError.ts"

const page = 2000

type Turns = Effect.Effect<ReadonlyArray<Transcript.TranscriptTurn>, StoreFailed>

export interface ThreadArchive {
  /** All of it. */
  readonly whole: (threadId: ThreadId) => Turns
  /** Since the last reset: what the conversation now knows, or should. */
  readonly conversation: (threadId: ThreadId) => Turns
}

export const make = (store: SessionStore["Service"]): ThreadArchive => {
  const eventsOf = (threadId: ThreadId, upTo: number) =>
    Stream.paginate(0, (after) =>
      Effect.map(store.readEvents({ threadId, after, limit: page }), (events) =>
        [
          events.filter((event) => event.seq <= upTo),
          events.length < page ? Option.none() : Option.fromUndefinedOr(events.at(-1)?.seq)
        ] as const)).pipe(Stream.runCollect)

  const read = (threadId: ThreadId, upTo: number, cut: boolean): Turns =>
    Effect.gen(function*() {
      const all = yield* eventsOf(threadId, upTo)
      const reset = cut ? all.findLastIndex((event) => event._tag === "SessionReset") : -1
      const turns = Transcript.fromEvents(all.slice(reset + 1))
      if (reset !== -1) return turns
      const fork = all.find((event) => event._tag === "SessionStarted" && event.continuity._tag === "Forked")
      if (fork?._tag !== "SessionStarted" || fork.continuity._tag !== "Forked") return turns
      // A copy holds what its source's session held.
      return [...(yield* read(fork.continuity.from, fork.continuity.seq, true)), ...turns]
    })

  return {
    whole: (threadId) => read(threadId, Number.MAX_SAFE_INTEGER, false),
    conversation: (threadId) => read(threadId, Number.MAX_SAFE_INTEGER, true)
  }
}
