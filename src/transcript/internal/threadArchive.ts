/**
 * What was said in a thread, read back from the store.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import { isTerminal, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import * as Transcript from "../../domain/Transcript.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { StoreFailed } from "../../store/StoreError.ts"

const page = 2000

type Turns = Effect.Effect<ReadonlyArray<Transcript.TranscriptTurn>, StoreFailed>

export interface ThreadArchive {
  readonly all: (threadId: ThreadId) => Turns
  /** Since the last reset, without what was rewound: what the conversation now knows, or should. */
  readonly sinceReset: (threadId: ThreadId) => Turns
  /** As `sinceReset`, and where the last event lies that ended this turn, or that the thread has it by. */
  readonly around: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<{
    readonly turns: ReadonlyArray<Transcript.TranscriptTurn>
    readonly endSeq: number | undefined
  }, StoreFailed>
}

const conversation = (events: ReadonlyArray<ThreadEvent>): ReadonlyArray<Transcript.TranscriptTurn> => {
  const reset = events.findLastIndex((event) => event._tag === "SessionReset")
  return Transcript.fromEvents(events.slice(reset + 1)).filter((turn) => turn.rewound !== true)
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
    sinceReset: (threadId) => Effect.map(eventsOf(threadId), conversation),
    around: (threadId, turnId) =>
      Effect.map(eventsOf(threadId), (events) => ({
        turns: conversation(events),
        endSeq: events.findLast((event) =>
          (isTerminal(event) || event._tag === "TurnRestored") && event.turnId === turnId
        )?.seq
      }))
  }
}
