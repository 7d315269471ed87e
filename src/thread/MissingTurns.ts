/**
 * The last turns of a thread that a session of it does not have: they ran in another agent's session, or the agent's files
 * are older than the thread (a backup, a power failure, a full disk), or they were taken back elsewhere.
 */
import { Array as Arr, Effect, Option, Stream } from "effect"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type { Item } from "../domain/Item.ts"
import * as Transcript from "../domain/Transcript.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import type { Capabilities } from "../provider/Capabilities.ts"
import type { ProviderSession } from "../provider/ProviderAdapter.ts"
import type { HeldTurn } from "../store/HeldTurn.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as CutTurn from "./CutTurn.ts"
import type { Note } from "./epoch/EpochState.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** How long the agent may take to say what it has. What it does not say in time is taken for what it claims to be. */
const patience = "10 seconds"

/** How many events are read at once. */
const page = 256

interface Kept extends HeldTurn {
  readonly turn: TranscriptTurn
}

/** How much of a conversation is handed to a session, in tokens. */
export const handoverTokens = (
  { rehydrateTokens }: { readonly rehydrateTokens: number },
  { handoverTokens = rehydrateTokens }: Capabilities
): number => Math.min(rehydrateTokens, handoverTokens)

/** What is said of turns that a session does not have, and what goes with its next prompt. */
export const handOver = (
  turns: ReadonlyArray<TranscriptTurn>,
  { onMissing, rehydrateTokens }: { readonly onMissing: MissingPolicy; readonly rehydrateTokens: number }
) => {
  const { items, omitted, text } = Transcript.missing(turns, onMissing === "rehydrate" ? rehydrateTokens : 0)
  const notes: ReadonlyArray<Note> = items === 0 ? [] : [{ about: "missing-turns", text }]
  return { notes, missing: { turns: turns.length, items, omitted } }
}

/**
 * Oldest first. `undefined` where the session has had no turn of the thread, so that nothing is known of what it has. `cut`:
 * at a start.
 */
export const find = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  threadId: ThreadId,
  session: ProviderSession,
  cut?: CutTurn.Asked
) {
  const { sessionId } = session
  const has = session.capabilities.history ? asking(session) : () => Effect.succeed(true)
  // Most sessions have all turns: one question, whatever the thread's length.
  const [last] = yield* deps.store.heldTurns({ threadId, sessionId, limit: 1 })
  if (last?.own === true) {
    if (cut !== undefined && (yield* CutTurn.proves(deps, session, last.place.turnId, cut))) return []
    const turn = Option.getOrUndefined(yield* deps.archive.turn(threadId, last.place.turnId))
    if (turn !== undefined && turn.rewound !== true && (yield* has({ ...last, turn }))) return []
  }
  const held = yield* deps.store.heldTurns({ threadId, sessionId })
  // What is older than its own first turn was there before the session, or was handed to it.
  const oldest = held.findLast(({ own }) => own)
  if (oldest === undefined) return yield* lackedByCopy(deps, threadId, session, held)
  const places = new Map(held.map((one) => [one.place.turnId, one]))
  const { lacked, turns } = yield* search(
    deps.archive.turns(threadId, { after: 0, from: "end" }).pipe(
      Stream.takeUntil(({ turnId }) => turnId === oldest.place.turnId),
      Stream.filter(({ rewound }) => rewound !== true),
      Stream.flatMap((turn) => {
        const one = places.get(turn.turnId)
        return one === undefined ? Stream.empty : Stream.succeed<Kept>({ ...one, turn })
      })
    ),
    has
  )
  return turns.length === 0 ? undefined : Arr.reverse(turns.slice(0, lacked)).map(({ turn }) => turn)
})

/**
 * The turns that a fork's session was made without, for as long as no prompt has told it of them and no other session has
 * had the thread.
 */
const lackedByCopy = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  threadId: ThreadId,
  { sessionId }: ProviderSession,
  held: ReadonlyArray<HeldTurn>
) {
  const [first] = yield* deps.store.readEvents({ threadId, after: 0, limit: 1 })
  if (first?._tag !== "SessionStarted" || first.sessionId !== sessionId) return undefined
  const lost = first.continuity._tag === "Forked" ? first.continuity.lost : undefined
  if (lost === undefined) return undefined
  const copied = yield* Stream.runCollect(restoredAfter(deps, threadId, first.seq))
  const turnIds = new Set(copied.map(({ turnId }) => turnId))
  return held.every(({ place }) => turnIds.has(place.turnId))
    ? Transcript.fromEvents(copied.slice(-lost.turns))
    : undefined
})

/** The turns that a thread begins with. */
const restoredAfter = (deps: ThreadDeps, threadId: ThreadId, seq: number) =>
  Stream.paginate(seq, (after) =>
    Effect.map(deps.store.readEvents({ threadId, after, limit: page }), (events) => {
      const restored = Arr.takeWhile(events, (event) => event._tag === "TurnRestored")
      return [restored, restored.length < page ? Option.none() : Option.fromUndefinedOr(restored.at(-1)?.seq)] as const
    }))

/** The agent's word for it, where it has one. */
const asking = (session: ProviderSession) => ({ place, turn }: Kept) =>
  place.ref === undefined ? Effect.succeed(true) : session.evidence(place).pipe(
    Effect.map(({ items, outcome }) => outcome !== "never-delivered" && (isAnswered(items) || !isAnswered(turn.items))),
    Effect.timeout(patience),
    Effect.catch((error) => Effect.as(Effect.logWarning("The agent does not say which turns it has", error), true))
  )

const isAnswered = (items: ReadonlyArray<Item>) => items.some(({ _tag }) => _tag === "AssistantMessage")

/**
 * How many of these turns, newest first, the session lacks. It has all that are older than one that it has, so that few are
 * asked for: in steps that double, and then between the last two. Nothing is read beyond the first one that it has.
 */
const search = Effect.fnUntraced(function*(
  newestFirst: Stream.Stream<Kept, StoreFailed>,
  has: (turn: Kept) => Effect.Effect<boolean>
) {
  const turns: Array<Kept> = []
  const own: Array<number> = []
  let [from, next] = [0, 0]
  yield* Stream.runForEachWhile(newestFirst, (turn) =>
    Effect.gen(function*() {
      const ordinal = turn.own ? own.push(turns.length) - 1 : undefined
      turns.push(turn)
      if (ordinal !== next) return true
      if (yield* has(turn)) return false
      from = ordinal + 1
      next = 2 * from
      return true
    }))
  let to = own.length - 1 < next ? own.length : next
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const turn = turns[own[middle] ?? 0]
    if (turn !== undefined && (yield* has(turn))) to = middle
    else from = middle + 1
  }
  return { turns, lacked: own[to] ?? turns.length }
})
