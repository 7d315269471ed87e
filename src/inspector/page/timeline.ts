/**
 * What the screen of one thread shows: the fold that apps have, too (`ThreadView`), with what it has no place for, each at
 * the place where it happened: gaps, retries, warnings, and how requests and turns have ended.
 */
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import * as ThreadView from "../../domain/ThreadView.ts"
import type { ItemView, TurnView } from "../../domain/ThreadView.ts"

export type Of<Tag extends ThreadEvent["_tag"]> = Extract<ThreadEvent, { readonly _tag: Tag }>

export type Terminal = Of<"TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown">
export type Settled = Of<"ApprovalSettled" | "QuestionSettled" | "ElicitationSettled">

const noted = new Set<ThreadEvent["_tag"]>([
  "SessionStarted",
  "SessionEnded",
  "CompactionGated",
  "SnapshotWritten",
  "SnapshotFailed",
  "ApprovalRequested",
  "QuestionAsked",
  "ElicitationRequested",
  "RetryScheduled",
  "Warning",
  "ErrorReported",
  "Unrecognized",
  "Gap",
  "ThreadRewound",
  "Annotated",
  "ModelChanged",
  "ModeChanged",
  "McpStatus",
  "PlanUpdated",
  "TaskStarted",
  "TaskEnded",
  "TitleUpdated",
  "TurnReconciled",
  "ThreadDeleted"
])

/** An event at its place: in this turn, behind so many of its items; without a turn before all of them. */
interface Note extends Place {
  readonly key: string
  readonly event: ThreadEvent
}

interface Place {
  readonly turnId: string | undefined
  /** Infinite behind the end of the turn. */
  readonly items: number
}

/** Mutable: a thread may have many thousand events, and no one looks at an earlier state. */
export interface Timeline {
  view: ThreadView.ThreadView
  /** Durable events in their order, and each gap. */
  readonly events: Array<ThreadEvent>
  /** The last events that are not stored, oldest first. */
  readonly ephemeral: Array<ThreadEvent>
  /** By the turn that they are in; those of none under the empty string. */
  readonly notes: Map<string, Array<Note>>
  readonly terminals: Map<string, Terminal>
  readonly settled: Map<string, Settled>
  readonly compactions: Map<string, Of<"CompactionSettled">>
  limits: Of<"RateLimitsUpdated"> | undefined
  /** Rows of turns that were as they are now. */
  readonly drawn: WeakMap<TurnView, { readonly last: Note | undefined; readonly rows: ReadonlyArray<Row> }>
}

export type Row =
  | { readonly kind: "turn"; readonly key: string; readonly turn: TurnView }
  | { readonly kind: "item"; readonly key: string; readonly one: ItemView; readonly dim: boolean }
  | { readonly kind: "note"; readonly key: string; readonly event: ThreadEvent }
  | { readonly kind: "end"; readonly key: string; readonly turn: TurnView; readonly event: Terminal | undefined }

export const make = (): Timeline => ({
  view: ThreadView.empty,
  events: [],
  ephemeral: [],
  notes: new Map(),
  terminals: new Map(),
  settled: new Map(),
  compactions: new Map(),
  limits: undefined,
  drawn: new WeakMap()
})

const ephemeralKept = 200

const isEphemeral = (event: ThreadEvent): boolean => {
  switch (event._tag) {
    case "ItemDelta":
    case "ItemUpdated":
    case "TaskUpdated":
    case "DiffUpdated":
    case "OffersChanged":
      return true
    default:
      return false
  }
}

const placeOf = ({ current, past }: ThreadView.ThreadView, event: ThreadEvent): Place => {
  const named = "turnId" in event ? event.turnId : undefined
  const running = current.find(({ turnId }) => turnId === named) ?? current.at(-1)
  if (running !== undefined) return { turnId: running.turnId, items: running.items.length }
  const turn = past.findLast(({ turnId }) => turnId === named) ?? past.at(-1)
  return { turnId: turn?.turnId, items: Number.POSITIVE_INFINITY }
}

const note = (timeline: Timeline, event: ThreadEvent): void => {
  const place = placeOf(timeline.view, event)
  const owner = place.turnId ?? ""
  const list = timeline.notes.get(owner) ?? []
  const last = list.at(-1)
  // Only the plan as it stands: one that changes with each step would fill the screen.
  if (event._tag === "PlanUpdated" && last?.event._tag === "PlanUpdated") list.pop()
  list.push({ key: `n${timeline.events.length}`, event, ...place })
  timeline.notes.set(owner, list)
}

/** Takes one more event. One that is here already changes nothing. */
export const add = (timeline: Timeline, event: ThreadEvent): void => {
  const { view } = timeline
  if (event._tag === "Gap" && event.cause === "log-replaced") {
    Object.assign(timeline, make())
  } else if (isEphemeral(event)) {
    timeline.ephemeral.push(event)
    if (timeline.ephemeral.length > ephemeralKept) timeline.ephemeral.shift()
  } else if (event.seq <= view.seq && event._tag !== "Gap" && event._tag !== "ThreadDeleted") {
    return
  }
  timeline.view = ThreadView.step(timeline.view, event)
  if (isEphemeral(event)) return
  // A view that had nothing to show for it did not move.
  if (timeline.view.seq < event.seq) timeline.view = { ...timeline.view, seq: event.seq }
  timeline.events.push(event)
  switch (event._tag) {
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      timeline.terminals.set(event.turnId, event)
      break
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      timeline.settled.set(event.requestId, event)
      break
    case "CompactionSettled":
      timeline.compactions.set(event.compactionId, event)
      break
    case "RateLimitsUpdated":
      timeline.limits = event
      break
    default:
      // A snapshot that a compaction took is told with the compaction.
      if (noted.has(event._tag) && !(event._tag === "SnapshotWritten" && event.compactionId !== undefined)) {
        note(timeline, event)
      }
  }
}

const noteRow = ({ event, key }: Note): Row => ({ kind: "note", key, event })

const itemRow = (owner: string, dim: boolean) => (one: ItemView): Row => ({
  kind: "item",
  key: `i${owner}/${one.item.itemId}`,
  one,
  dim
})

const turnRows = (timeline: Timeline, turn: TurnView): ReadonlyArray<Row> => {
  const notes = timeline.notes.get(turn.turnId) ?? []
  const known = timeline.drawn.get(turn)
  if (known !== undefined && known.last === notes.at(-1)) return known.rows
  const dim = turn.rewound === true
  const rows: Array<Row> = [{ kind: "turn", key: `t${turn.turnId}`, turn }]
  let next = 0
  const notesUpTo = (items: number) => {
    for (let one = notes[next]; one !== undefined && one.items <= items; one = notes[++next]) rows.push(noteRow(one))
  }
  const toRow = itemRow(turn.turnId, dim)
  turn.items.forEach((one, n) => {
    notesUpTo(n)
    // The first words of the user stand at the head of the turn.
    if (n !== 0 || turn.input === undefined) rows.push(toRow(one))
  })
  notesUpTo(turn.items.length)
  if (turn.outcome !== undefined) {
    rows.push({ kind: "end", key: `e${turn.turnId}`, turn, event: timeline.terminals.get(turn.turnId) })
  }
  notesUpTo(Number.POSITIVE_INFINITY)
  timeline.drawn.set(turn, { last: notes.at(-1), rows })
  return rows
}

/** Everything in the order of the screen, oldest first. */
export const rows = (timeline: Timeline): ReadonlyArray<Row> => {
  const all: Array<Row> = (timeline.notes.get("") ?? []).map(noteRow)
  for (const turn of ThreadView.turns(timeline.view)) for (const row of turnRows(timeline, turn)) all.push(row)
  for (const one of timeline.view.loose) all.push(itemRow("", false)(one))
  return all
}

/** The last event that a row shows, for its raw JSON. */
export const eventOf = ({ ephemeral, events }: Timeline, row: Row): ThreadEvent | undefined => {
  switch (row.kind) {
    case "note":
      return row.event
    case "end":
      return row.event
    case "turn":
      return events.findLast((event) =>
        (event._tag === "TurnStarted" || event._tag === "TurnBegan" || event._tag === "TurnRestored") &&
        event.turnId === row.turn.turnId
      )
    case "item": {
      const { itemId } = row.one.item
      const isOfItem = (event: ThreadEvent) => "item" in event && event.item.itemId === itemId
      return events.findLast(isOfItem) ?? ephemeral.findLast(isOfItem) ??
        events.findLast((event) => event._tag === "TurnSteered" && itemId.startsWith(event.turnId))
    }
  }
}
