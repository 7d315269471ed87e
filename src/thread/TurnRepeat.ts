/**
 * A turn that is sent again under its id, by a caller that has lost the answer: it gets the answer of the first call, and
 * the agent is asked nothing.
 */
import { Deferred, Effect, Option, Predicate, Stream } from "effect"
import { hash } from "node:crypto"
import type { Epoch as EpochNumber, ThreadId, TurnId } from "../domain/Ids.ts"
import { isTerminal, type ThreadEvent } from "../domain/ThreadEvent.ts"
import type { TurnRecord } from "../domain/ThreadRecord.ts"
import type { TurnInput, TurnOrigin } from "../domain/TurnInput.ts"
import { DeliveryUncertain } from "../provider/AdapterError.ts"
import { type StoreFailed, TurnExists } from "../store/StoreError.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochWaiters from "./epoch/EpochWaiters.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** How many events are read at a time. */
const page = 512

const sorted = (_key: string, value: unknown): unknown =>
  Predicate.isObject(value) && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1))
    : value

/** Names the input as its caller gave it: what is recorded of it has notes and what hooks have added. */
export const digest = (input: TurnInput & TurnOrigin): string => hash("sha256", JSON.stringify(input, sorted))

/**
 * What the first call of this id was answered; nothing if the turn is to be sent. Fails with `TurnExists` where the id is
 * that of a turn with another input, of one that was rewound, or of one whose input is not known any more. Lock held.
 */
export const find = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch | undefined,
  { asked, turnId }: { readonly turnId: TurnId; readonly asked: string }
) {
  const { threadId } = cell
  const known = yield* recorded(deps, cell, live, turnId)
  if (known === undefined || known.status === "refused") return undefined
  const exists = new TurnExists({ turnId })
  if (known.threadId !== threadId || known.asked !== asked) return yield* exists
  const start = Option.getOrUndefined(yield* deps.store.turnStart(threadId, turnId))
  if (start === undefined || (yield* isRewound(deps, threadId, start.seq))) return yield* exists
  const continuity = live?.binding.epoch === known.epoch
    ? live.continuity
    : yield* continuityOf(deps, threadId, known.epoch, start.seq)
  if (continuity === undefined) return yield* exists
  const accepted = { threadId, turnId, epoch: known.epoch, continuity, steered: false }
  if (live !== undefined && Epoch.hasTurn(live.state, turnId)) {
    return { accepted, over: Deferred.await(EpochWaiters.turn(live, turnId).over) }
  }
  const over = ending(deps, threadId, turnId, start.seq)
  if (known.status === "unknown") {
    const { terminal } = yield* over
    // The first call was told so, too.
    if (terminal?._tag === "TurnUnknown" && terminal.reason === "delivery-uncertain") {
      return yield* new DeliveryUncertain({ turnId, code: terminal.reason })
    }
  }
  return { accepted, over }
})

/** Whether the turn that began with this event is no part of the conversation any more. */
const isRewound = Effect.fnUntraced(function*(deps: ThreadDeps, threadId: ThreadId, seq: number) {
  for (const event of yield* deps.store.rewinds(threadId, seq)) {
    if (event._tag !== "ThreadRewound") continue
    const first = Option.getOrUndefined(yield* deps.store.turnStart(threadId, event.before))
    if (first === undefined || first.seq <= seq) return true
  }
  return false
})

const isOpen = ({ status }: TurnRecord): boolean => status === "intent" || status === "accepted"

const recorded = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch | undefined,
  turnId: TurnId
) {
  const read = Effect.map(
    Effect.catchTag(deps.store.getTurn(turnId), "TurnUnreadable", () => Effect.fail(new TurnExists({ turnId }))),
    Option.getOrUndefined
  )
  const known = yield* read
  if (known === undefined || live !== undefined || !isOpen(known)) return known
  // The end of its epoch could not be stored.
  yield* ThreadCell.loadRecord(deps, cell)
  return yield* read
})

/** What the start of the epoch did with the past, from this event of it backwards. */
const continuityOf = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  threadId: ThreadId,
  epoch: EpochNumber,
  seq: number
) {
  for (let to = seq - 1; to > 0; to -= page) {
    const limit = Math.min(page, to)
    const events = yield* deps.store.readEvents({ threadId, after: to - limit, limit })
    const found = events.findLast((event) => event._tag === "SessionStarted" && event.epoch === epoch)
    if (found?._tag === "SessionStarted") return found.continuity
  }
  return undefined
})

const eventsFrom = (deps: ThreadDeps, threadId: ThreadId, seq: number): Stream.Stream<ThreadEvent, StoreFailed> =>
  Stream.paginate(
    seq,
    (after: number) =>
      Effect.map(
        deps.store.readEvents({ threadId, after, limit: page }),
        (events) => [events, events.length < page ? Option.none() : Option.fromUndefinedOr(events.at(-1)?.seq)] as const
      )
  )

/** How a turn ended that began with this event, and what the agent answered last. */
const ending = Effect.fnUntraced(function*(deps: ThreadDeps, threadId: ThreadId, turnId: TurnId, seq: number) {
  let text = ""
  const last = yield* eventsFrom(deps, threadId, seq).pipe(
    Stream.tap((event) =>
      Effect.sync(() => {
        if (event._tag !== "ItemCompleted" || event.turnId !== turnId) return
        if (event.item._tag === "AssistantMessage" && event.item.subagent === undefined) text = event.item.text
      })
    ),
    Stream.filter((event) => isTerminal(event) && event.turnId === turnId),
    Stream.runHead
  )
  const over: EpochWaiters.TurnOver = {
    terminal: Option.getOrUndefined(Option.filter(last, isTerminal)),
    text
  }
  return over
})
