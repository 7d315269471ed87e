/**
 * What a screen shows of a thread, as a fold over its events: messages and tools with the text that has come so far, what
 * waits for the user, the plan, the usage, the sessions with what each start did with the past, and the compactions.
 *
 * It is one pure function, so a page, a server, a client and a test see the same:
 *
 * ```ts
 * const view = events.reduce(ThreadView.step, ThreadView.empty)
 * ```
 *
 * A view is never changed: {@link step} answers a new one that shares what is as it was, and the same one where the event
 * shows nothing. A durable event that is in the view already changes nothing, so a reader that comes back may overlap.
 * Events must be of one thread, in their order.
 *
 * A long thread is opened from its end: {@link fromTranscript} takes the last turns of `readTranscript`, then events
 * follow.
 *
 * @since 0.1.0
 */
import type { ItemId, TurnId } from "./Ids.ts"
import * as sessionView from "./internal/sessionView.ts"
import * as turnView from "./internal/turnView.ts"
import type { ItemView, ThreadView, TurnView } from "./internal/viewState.ts"
import { isEphemeral, type ThreadEvent } from "./ThreadEvent.ts"
import type { ThreadStatus } from "./ThreadRecord.ts"
import type { TranscriptTurn } from "./TranscriptTurn.ts"
import * as TurnOutcome from "./TurnOutcome.ts"
import * as Usage from "./Usage.ts"

export type { CompactionView, ItemView, PlanStep, SessionView, ThreadView, TurnView } from "./internal/viewState.ts"

/**
 * Nothing has happened.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: ThreadView = {
  seq: 0,
  past: [],
  current: [],
  loose: [],
  requests: [],
  background: [],
  sessions: [],
  compactions: [],
  plan: [],
  usage: Usage.unknown,
  incomplete: false,
  deleted: false
}

/**
 * The last turns of a thread, as `readTranscript` answers them, with events up to `seq` (the thread's `lastSeq` when they
 * were read). What is open beside the turns comes with the events.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromTranscript = (turns: ReadonlyArray<TranscriptTurn>, seq: number): ThreadView => {
  const all = turns.map(turnView.fromTranscript)
  return {
    ...empty,
    seq,
    past: all.filter(({ outcome }) => outcome !== undefined),
    current: all.filter(({ outcome }) => outcome === undefined)
  }
}

/**
 * All turns, oldest first.
 *
 * @since 0.1.0
 * @category getters
 */
export const turns = ({ current, past }: ThreadView): ReadonlyArray<TurnView> =>
  current.length === 0 ? past : [...past, ...current]

/**
 * What the thread is doing, as far as its events tell: a session that is being started and a turn that is on its way have
 * none yet.
 *
 * @since 0.1.0
 * @category getters
 */
export const status = ({ compactions, current, requests, sessions }: ThreadView): ThreadStatus => {
  const session = sessions.at(-1)
  if (session === undefined || session.ended !== undefined) return "stopped"
  const compaction = compactions.at(-1)
  if (compaction !== undefined && compaction.outcome === undefined) return "compacting"
  if (requests.length > 0) return "waiting"
  return current.length > 0 ? "running" : "idle"
}

type Of<Tag extends ThreadEvent["_tag"]> = Extract<ThreadEvent, { readonly _tag: Tag }>

/** The turn that the event names, as `update` makes it. */
const updateTurn = (view: ThreadView, turnId: TurnId | undefined, update: (turn: TurnView) => TurnView): ThreadView => {
  if (turnId === undefined) return view
  const running = view.current.findIndex((turn) => turn.turnId === turnId)
  if (running !== -1) {
    const current = turnView.updateAt(view.current, running, update)
    return current === view.current ? view : { ...view, current }
  }
  const past = turnView.updateAt(view.past, view.past.findLastIndex((turn) => turn.turnId === turnId), update)
  return past === view.past ? view : { ...view, past }
}

/** The items of the turn that has this one; those of no turn if none has it. */
const updateItems = (
  view: ThreadView,
  { itemId, turnId }: { readonly itemId: ItemId; readonly turnId: TurnId | undefined },
  update: (items: ReadonlyArray<ItemView>) => ReadonlyArray<ItemView>
): ThreadView => {
  const owner = turnId ?? view.past.findLast((turn) => turnView.has(turn, itemId))?.turnId ??
    view.current.find((turn) => turnView.has(turn, itemId))?.turnId
  if (owner === undefined) {
    const loose = update(view.loose)
    return loose === view.loose ? view : { ...view, loose }
  }
  return updateTurn(view, owner, (turn) => {
    const items = update(turn.items)
    return items === turn.items ? turn : { ...turn, items }
  })
}

const takeItem = (view: ThreadView, event: Of<"ItemStarted" | "ItemUpdated" | "ItemDetached" | "ItemCompleted">) => {
  const { item, turnId } = event
  // The input of the turn has what the app's user said.
  if (item._tag === "UserMessage" && item.origin === undefined) return view
  const state = event._tag === "ItemCompleted" ? event.cut === true ? "cut" : "completed" : "open"
  return updateItems(view, { itemId: item.itemId, turnId }, (items) => turnView.put(items, item, state))
}

const begin = (view: ThreadView, turn: Omit<TurnView, "items">): ThreadView => ({
  ...view,
  current: [...view.current, turnView.begin(turn)]
})

const end = (
  view: ThreadView,
  event: Of<"TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown">
): ThreadView => {
  const turn = view.current.find(({ turnId }) => turnId === event.turnId)
  if (turn === undefined) return view
  const usage = event.usage ?? turn.usage
  const outcome = TurnOutcome.of(event)
  return {
    ...view,
    current: view.current.filter((one) => one !== turn),
    past: [...view.past, { ...turn, outcome, ...(usage === undefined ? {} : { usage }) }],
    usage: usage === undefined ? view.usage : Usage.add(view.usage, usage)
  }
}

const rewind = (view: ThreadView, { before }: Of<"ThreadRewound">): ThreadView => {
  // A turn that is not in the view is older than all that are.
  const from = Math.max(0, view.past.findIndex(({ turnId }) => turnId === before))
  const rewound = (turn: TurnView): TurnView => ({ ...turn, rewound: true })
  return {
    ...sessionView.withoutContext(view),
    past: [...view.past.slice(0, from), ...view.past.slice(from).map(rewound)]
  }
}

/** What one event shows; the view itself where that is nothing. */
const show = (view: ThreadView, event: ThreadEvent): ThreadView => {
  switch (event._tag) {
    case "ItemDelta": {
      const { delta, itemId, offset, turnId } = event
      return updateItems(view, { itemId, turnId }, (items) => turnView.extend(items, itemId, offset, delta))
    }
    case "ItemStarted":
    case "ItemUpdated":
      return takeItem(view, event)
    case "TurnStarted":
    case "TurnBegan": {
      const { at: startedAt, epoch, turnId } = event
      const from = event._tag === "TurnStarted" ? { input: event.input } : { cause: event.cause }
      return begin(view, { turnId, epoch, startedAt, ...from })
    }
    case "TurnRestored":
      return { ...view, past: [...view.past, turnView.fromTranscript(event)] }
    case "TurnSteered":
      return updateTurn(view, event.turnId, (turn) => turnView.steer(turn, event.input))
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return end(view, event)
    case "UsageUpdated":
      return updateTurn(view, event.turnId, (turn) => ({ ...turn, usage: event.usage }))
    case "DiffUpdated":
      return updateTurn(view, event.turnId, (turn) => ({ ...turn, diff: event.diff }))
    case "PlanUpdated":
      return { ...view, plan: event.steps }
    case "ThreadRewound":
      return rewind(view, event)
    case "ItemDetached":
    case "ItemCompleted":
      return sessionView.show(takeItem(view, event), event)
    default:
      return sessionView.show(view, event)
  }
}

/**
 * The view after one more event of the thread.
 *
 * @since 0.1.0
 * @category folding
 */
export const step = (view: ThreadView, event: ThreadEvent): ThreadView => {
  if (event._tag === "Gap" && event.cause === "log-replaced") return empty
  const { seq } = event
  if (seq > view.seq) {
    const shown = show(view, event)
    return shown === view ? view : { ...shown, seq }
  }
  // Only what is not stored repeats a number: anything else is in the view already.
  return seq === view.seq && isEphemeral(event) ? show(view, event) : view
}
