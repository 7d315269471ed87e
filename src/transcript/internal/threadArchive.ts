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
import * as ItemCount from "./itemCount.ts"
import * as transcriptPages from "./transcriptPages.ts"

/** How many events are read at once. */
const page = 512

/** A conversation, as it would be handed over. */
export interface Conversation {
  readonly turns: ReadonlyArray<TranscriptTurn>
  /** Items of it that are not in the archive any more. */
  readonly pruned: number
}

export interface ThreadArchive {
  /** The turns that begin in this part of the log, also those before a reset; one page of them is in memory. */
  readonly turns: (
    threadId: ThreadId,
    range: transcriptPages.Range
  ) => Stream.Stream<TranscriptTurn, StoreFailed>
  readonly turn: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<Option.Option<TranscriptTurn>, StoreFailed>
  /** Since the last reset, without what was rewound: what the conversation now knows, or should. */
  readonly sinceReset: (threadId: ThreadId) => Effect.Effect<Conversation, StoreFailed>
  /** As `sinceReset`, and where the last event lies that ended this turn, or that the thread has it by. */
  readonly around: (
    threadId: ThreadId,
    turnId: TurnId
  ) => Effect.Effect<Conversation & { readonly endSeq: number | undefined }, StoreFailed>
  /** How many items of the conversation the events up to this one hold, with those that were pruned before. */
  readonly itemsThrough: (threadId: ThreadId, through: number) => Effect.Effect<number, StoreFailed>
}

export const make = (store: SessionStore["Service"]): ThreadArchive => {
  const eventsOf = (threadId: ThreadId) =>
    Stream.paginate(0, (after: number) =>
      Effect.map(store.readEvents({ threadId, after, limit: page }), (events) =>
        [
          events,
          events.length < page ? Option.none() : Option.fromUndefinedOr(events.at(-1)?.seq)
        ] as const))

  const prunedItems = (threadId: ThreadId) =>
    Effect.map(store.pruned(threadId), Option.match({ onNone: () => 0, onSome: ({ items }) => items }))

  const conversation = (threadId: ThreadId, turnId?: TurnId) =>
    Effect.gen(function*() {
      let folding = TranscriptFold.empty()
      let pruned = yield* prunedItems(threadId)
      let endSeq: number | undefined
      yield* Stream.runForEach(eventsOf(threadId), (event) =>
        Effect.sync(() => {
          if (event._tag === "SessionReset") {
            folding = TranscriptFold.empty()
            pruned = 0
          } else TranscriptFold.add(folding, event)
          const ends = isTerminal(event) || event._tag === "TurnRestored"
          if (ends && event.turnId === turnId) endSeq = event.seq
        }))
      return { turns: TranscriptFold.turnsOf(folding).filter((turn) => turn.rewound !== true), pruned, endSeq }
    })

  const itemsThrough = Effect.fnUntraced(function*(threadId: ThreadId, through: number) {
    const count = ItemCount.empty()
    let pruned = yield* prunedItems(threadId)
    yield* eventsOf(threadId).pipe(
      Stream.takeWhile(({ seq }) => seq <= through),
      Stream.runForEach((event) =>
        Effect.sync(() => {
          if (event._tag === "SessionReset") pruned = 0
          ItemCount.add(count, event)
        })
      )
    )
    for (const event of yield* store.rewinds(threadId, through)) ItemCount.add(count, event)
    return pruned + ItemCount.total(count)
  })

  const turns = (threadId: ThreadId, range: transcriptPages.Range) => transcriptPages.turns(store, threadId, range)

  return {
    turns,
    turn: (threadId, turnId) =>
      Effect.flatMap(
        store.turnStart(threadId, turnId),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: ({ seq }) => Stream.runHead(turns(threadId, { after: seq - 1, limit: 1 }))
        })
      ),
    sinceReset: conversation,
    around: conversation,
    itemsThrough
  }
}
