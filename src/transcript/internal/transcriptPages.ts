/**
 * A thread's turns, read from the store page by page: what is in memory is one page, however long the log is.
 *
 * A turn lies in the log from its beginning to its end, with others in between where the agent begins one of its own. What
 * is told of it after its end (an item that went on, one that was recovered, a rewind) is found by an index.
 */
import { Array as Arr, Effect, Option, Stream } from "effect"
import type { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import * as TranscriptFold from "../../domain/TranscriptFold.ts"
import type { TranscriptTurn } from "../../domain/TranscriptTurn.ts"
import type { SessionStore, TurnStart } from "../../store/SessionStore.ts"
import type { StoreFailed } from "../../store/StoreError.ts"

/** At most so many turns in a page, and so many events from the first one's beginning to the last one's. */
const pageTurns = 64
const pageEvents = 1000

/** How many events are read at once. */
const batch = 512

type Store = SessionStore["Service"]

const begins = (event: ThreadEvent): event is Extract<
  ThreadEvent,
  { readonly _tag: "TurnStarted" | "TurnBegan" | "TurnRestored" }
> => event._tag === "TurnStarted" || event._tag === "TurnBegan" || event._tag === "TurnRestored"

/** Other turns are not of the page, and what the app said of no turn is added by {@link addAnnotations}. */
const isFolded = (event: ThreadEvent, turnIds: ReadonlySet<TurnId>): boolean =>
  begins(event) ? turnIds.has(event.turnId) : event._tag !== "Annotated" || event.turnId !== undefined

/** Folds the log from the first of these turns until all of them have ended; answers where that was. */
const foldPage = Effect.fnUntraced(function*(
  store: Store,
  threadId: ThreadId,
  starts: Arr.NonEmptyReadonlyArray<TurnStart>,
  folding: TranscriptFold.Folding
) {
  const turnIds = new Set(starts.map(({ turnId }) => turnId))
  const last = Arr.lastNonEmpty(starts).seq
  let after = Arr.headNonEmpty(starts).seq - 1
  for (;;) {
    const events = yield* store.readEvents({ threadId, after, limit: batch })
    for (const event of events) {
      if (isFolded(event, turnIds)) TranscriptFold.add(folding, event)
      after = event.seq
      if (after >= last && !TranscriptFold.isOpen(folding)) return after
    }
    if (events.length < batch) return after
  }
})

/** Adds what was told of these turns after the event `after`. */
const addLater = Effect.fnUntraced(function*(
  store: Store,
  threadId: ThreadId,
  after: number,
  folding: TranscriptFold.Folding
) {
  const turnIds = Array.from(folding.turns.keys())
  const itemIds: ReadonlyArray<ItemId> = Array.from(folding.detached.keys())
  for (const event of yield* store.lateEvents({ threadId, after, turnIds, itemIds })) {
    if (!begins(event)) TranscriptFold.add(folding, event)
  }
})

/** Adds what the app said of no turn: to the turn that it follows. */
const addAnnotations = Effect.fnUntraced(function*(
  store: Store,
  threadId: ThreadId,
  starts: Arr.NonEmptyReadonlyArray<TurnStart>,
  folding: TranscriptFold.Folding
) {
  const from = Arr.headNonEmpty(starts).seq
  const after = Arr.lastNonEmpty(starts).seq
  const [next] = yield* store.turnStarts({ threadId, after, before: undefined, from: "start", limit: 1 })
  for (const event of yield* store.annotations({ threadId, after: from, before: next?.seq })) {
    const turn = starts.findLast(({ seq }) => seq < event.seq)
    if (event._tag === "Annotated") TranscriptFold.annotate(folding, event, turn?.turnId)
  }
})

/** Where what was taken back after the event `after` lies: from the beginning of a turn to the event that took it back. */
const rewound = Effect.fnUntraced(function*(store: Store, threadId: ThreadId, after: number) {
  const found = yield* store.rewinds(threadId, after)
  return yield* Effect.forEach(found, (event) => {
    if (event._tag !== "ThreadRewound") return Effect.succeed({ from: event.seq, to: event.seq })
    return Effect.map(store.turnStart(threadId, event.before), (start) => ({
      // What a pruned turn was the first of, begins with the log.
      from: Option.match(start, { onNone: () => 0, onSome: ({ seq }) => seq }),
      to: event.seq
    }))
  })
})

const pageOf = Effect.fnUntraced(function*(
  store: Store,
  threadId: ThreadId,
  starts: Arr.NonEmptyReadonlyArray<TurnStart>
) {
  const folding = TranscriptFold.empty()
  yield* addLater(store, threadId, yield* foldPage(store, threadId, starts, folding), folding)
  yield* addAnnotations(store, threadId, starts, folding)
  const ranges = yield* rewound(store, threadId, Arr.headNonEmpty(starts).seq)
  for (const { seq, turnId } of starts) {
    const turn = folding.turns.get(turnId)
    if (turn !== undefined && ranges.some(({ from, to }) => from <= seq && seq < to)) turn.rewound = true
  }
  return TranscriptFold.turnsOf(folding)
})

/** The first of these turns whose events are few enough to be read together. */
const together = (starts: Arr.NonEmptyReadonlyArray<TurnStart>): Arr.NonEmptyReadonlyArray<TurnStart> => {
  const [first, ...rest] = starts
  return [first, ...Arr.takeWhile(rest, ({ seq }) => Math.abs(seq - first.seq) < pageEvents)]
}

/** The turns that begin after one event and before another one, and which of them come first. */
export interface Range {
  readonly after: number
  readonly before?: number | undefined
  /** Default: from the start, in the order in which they began. From the end: the newest first. */
  readonly from?: "start" | "end"
  /** At most so many. */
  readonly limit?: number
}

/** Turns of this part of the log. */
export const turns = (
  store: Store,
  threadId: ThreadId,
  { from = "start", limit = Infinity, ...range }: Range
): Stream.Stream<TranscriptTurn, StoreFailed> =>
  Stream.paginate(
    { after: range.after, before: range.before, left: limit },
    ({ after, before, left }) =>
      Effect.gen(function*() {
        const starts = left === 0
          ? []
          : yield* store.turnStarts({ threadId, after, before, from, limit: Math.min(pageTurns, left) })
        if (!Arr.isReadonlyArrayNonEmpty(starts)) return [[], Option.none()] as const
        const some = together(starts)
        const { seq } = Arr.lastNonEmpty(some)
        const rest = { after: from === "start" ? seq : after, before: from === "start" ? before : seq }
        const page = yield* pageOf(store, threadId, from === "start" ? some : Arr.reverse(some))
        return [
          from === "start" ? page : Arr.reverse(page),
          Option.some({ ...rest, left: left - some.length })
        ] as const
      })
  )
