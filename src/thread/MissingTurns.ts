/**
 * The last turns of a thread that a session of it does not have: they ran in another agent's session, or the agent's files
 * are older than the thread (a backup, a power failure, a full disk), or they were taken back elsewhere.
 */
import { Array as Arr, Effect, Option, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { Item } from "../domain/Item.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import type { ProviderSession } from "../provider/ProviderAdapter.ts"
import type { HeldTurn } from "../store/HeldTurn.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** How long the agent may take to say what it has. What it does not say in time is taken for what it claims to be. */
const patience = "10 seconds"

/** How many turns back it is looked for what the session has. */
const reach = 256

interface Kept extends HeldTurn {
  readonly turn: TranscriptTurn
}

/** Oldest first. `undefined` where the session has had no turn of the thread, so that nothing is known of what it has. */
export const find = Effect.fnUntraced(function*(deps: ThreadDeps, threadId: ThreadId, session: ProviderSession) {
  const held = yield* deps.store.heldTurns({ threadId, sessionId: session.sessionId, limit: reach })
  // What is older than its own first turn was there before the session, or was handed to it.
  const turns = kept(deps, threadId, held.slice(0, held.findLastIndex(({ own }) => own) + 1))
  const last = Option.getOrUndefined(yield* Stream.runHead(turns))
  if (last === undefined) return undefined
  const asked = session.capabilities.history ? asking(session) : () => Effect.succeed(true)
  if (last.own && (yield* asked(last))) return []
  const all = yield* Stream.runCollect(turns)
  const own = all.filter((turn) => turn.own)
  const had = own[yield* firstHad(own, asked)]
  return Arr.reverse(all.slice(0, had === undefined ? all.length : all.indexOf(had)).map(({ turn }) => turn))
})

/** The agent's word for it, where it has one. */
const asking = (session: ProviderSession) => ({ place, turn }: Kept) =>
  place.ref === undefined ? Effect.succeed(true) : session.evidence(place).pipe(
    Effect.map(({ items, outcome }) => outcome !== "never-delivered" && (isAnswered(items) || !isAnswered(turn.items))),
    Effect.timeout(patience),
    Effect.catch((error) => Effect.as(Effect.logWarning("The agent does not say which turns it has", error), true))
  )

const isAnswered = (items: ReadonlyArray<Item>) => items.some(({ _tag }) => _tag === "AssistantMessage")

/** Where those begin, newest first, that the agent has: it has all that are older than one that it has. */
const firstHad = Effect.fnUntraced(function*(own: ReadonlyArray<Kept>, has: (turn: Kept) => Effect.Effect<boolean>) {
  let [from, to] = [0, own.length]
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const turn = own[middle]
    if (turn !== undefined && (yield* has(turn))) to = middle
    else from = middle + 1
  }
  return to
})

/** Those that the archive has and that were not rewound, in their order. */
const kept = (
  deps: ThreadDeps,
  threadId: ThreadId,
  held: ReadonlyArray<HeldTurn>
): Stream.Stream<Kept, StoreFailed> =>
  Stream.fromIterable(held).pipe(
    Stream.mapEffect((one) =>
      Effect.map(
        deps.archive.turn(threadId, one.place.turnId),
        Option.flatMap((turn) => turn.rewound === true ? Option.none() : Option.some<Kept>({ ...one, turn }))
      )
    ),
    Stream.flatMap((found) => Stream.fromIterable(Option.toArray(found)))
  )
