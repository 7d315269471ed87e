/**
 * The last turns of a thread, as far as a session that was resumed does not have them. An agent's files can be older than
 * the thread: restored from a backup, cut off by a power failure or a full disk, or turns were taken back elsewhere.
 */
import { Array as Arr, Effect, Option, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { Item } from "../domain/Item.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import type { ProviderSession, TurnPlace } from "../provider/ProviderAdapter.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** How long the agent may take to say what it has. What it does not say in time is taken for what it claims to be. */
const patience = "10 seconds"

/** How many turns back it is looked for where the history ends. */
const reach = 256

interface Kept {
  readonly place: TurnPlace
  readonly turn: TranscriptTurn
}

/**
 * Asks the agent's history for the session's last completed turn, with its answer, and where that is missing, for where
 * the history ends. Oldest first; none where the agent keeps no history, or does not answer.
 */
export const find = (
  deps: ThreadDeps,
  threadId: ThreadId,
  session: ProviderSession
): Effect.Effect<ReadonlyArray<TranscriptTurn>> =>
  session.capabilities.history
    ? search(deps, threadId, session).pipe(
      Effect.timeout(patience),
      Effect.catch((error) =>
        Effect.as(Effect.logWarning("It is not known whether the session has the thread's last turns", error), [])
      )
    )
    : Effect.succeed([])

const search = Effect.fnUntraced(function*(deps: ThreadDeps, threadId: ThreadId, session: ProviderSession) {
  const has = ({ place, turn }: Kept) =>
    Effect.map(
      session.evidence(place),
      ({ items, outcome }) => outcome !== "never-delivered" && (isAnswered(items) || !isAnswered(turn.items))
    )
  const turns = kept(deps, threadId, yield* deps.store.sessionTurns(threadId, reach))
  const last = yield* Stream.runHead(turns)
  if (Option.isNone(last) || (yield* has(last.value))) return []
  const all = yield* Stream.runCollect(turns)
  // The turns before this one are lost, that one is not, or is not looked for.
  let lost = 1
  let end = all.length
  while (lost < end) {
    const middle = Math.floor((lost + end) / 2)
    const turn = all[middle]
    if (turn !== undefined && (yield* has(turn))) end = middle
    else lost = middle + 1
  }
  return Arr.reverse(all.slice(0, end).map(({ turn }) => turn))
})

const isAnswered = (items: ReadonlyArray<Item>) => items.some(({ _tag }) => _tag === "AssistantMessage")

/** Those that the archive has and that were not rewound, in their order. */
const kept = (deps: ThreadDeps, threadId: ThreadId, places: ReadonlyArray<TurnPlace>) =>
  Stream.fromIterable(places).pipe(
    Stream.mapEffect((place) =>
      Effect.map(
        deps.archive.turn(threadId, place.turnId),
        Option.flatMap((turn) => turn.rewound === true ? Option.none() : Option.some<Kept>({ place, turn }))
      )
    ),
    Stream.flatMap((found) => Stream.fromIterable(Option.toArray(found)))
  )
