/**
 * What was said in a thread, read back from the store.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import { isTerminal } from "../../domain/ThreadEvent.ts"
import * as TranscriptFold from "../../domain/TranscriptFold.ts"
import type { TranscriptTurn } from "../../domain/TranscriptTurn.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import * as transcriptPages from "./transcriptPages.ts"

/** How many events are read at once. */
const page = 512

export interface ThreadArchive {
  /** All turns that begin after the event `after`, also those before a reset; one page of them is in memory. */
  readonly turns: (threadId: ThreadId, after: number) => Stream.Stream<TranscriptTurn, StoreFailed>
  readonly turn: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<Option.Option<TranscriptTurn>, StoreFailed>
  /** Since the last reset, without what was rewound: what the conversation now knows, or should. */
  readonly sinceReset: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TranscriptTurn>, StoreFailed>
  /** As `sinceReset`, and where the last event lies that ended this turn, or that the thread has it by. */
  readonly around: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<{
    readonly turns: ReadonlyArray<TranscriptTurn>
    readonly endSeq: number | undefined
  }, StoreFailed>
}

export const make = (store: SessionStore["Service"]): ThreadArchive => {
  const eventsOf = (threadId: ThreadId) =>
    Stream.paginate(0, (after: number) =>
      Effect.map(store.readEvents({ threadId, after, limit: page }), (events) =>
        [
          events,
          events.length < page ? Option.none() : Option.fromUndefinedOr(events.at(-1)?.seq)
        ] as const))

  const conversation = (threadId: ThreadId, turnId?: TurnId) =>
    Effect.suspend(() => {
      let folding = TranscriptFold.empty()
      let endSeq: number | undefined
      return eventsOf(threadId).pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => {
            if (event._tag === "SessionReset") folding = TranscriptFold.empty()
            else TranscriptFold.add(folding, event)
            const ends = isTerminal(event) || event._tag === "TurnRestored"
            if (ends && event.turnId === turnId) endSeq = event.seq
          })
        ),
        Effect.map(() => ({
          turns: TranscriptFold.turnsOf(folding).filter((turn) => turn.rewound !== true),
          endSeq
        }))
      )
    })

  const turns = (threadId: ThreadId, after: number) => transcriptPages.turns(store, threadId, after)

  return {
    turns,
    turn: (threadId, turnId) =>
      Effect.flatMap(
        store.turnStart(threadId, turnId),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: ({ seq }) => Stream.runHead(turns(threadId, seq - 1))
        })
      ),
    sinceReset: (threadId) => Effect.map(conversation(threadId), ({ turns }) => turns),
    around: conversation
  }
}
