/**
 * Every event of the thread, one line each, with its raw JSON beside.
 */
import { html, type TemplateResult } from "lit"
import type { ThreadEvent } from "../../../domain/ThreadEvent.ts"
import { flat } from "../text.ts"
import type { Thread } from "../thread.ts"
import { type ListModel, VirtualList } from "../VirtualList.ts"
import { empty, time } from "./parts.ts"
import { summary } from "./words.ts"

interface EventRow {
  readonly key: string
  readonly event: ThreadEvent
  readonly stored: boolean
}

const tones: Partial<Record<ThreadEvent["_tag"], string>> = {
  TurnFailed: "bad",
  TurnUnknown: "bad",
  ErrorReported: "bad",
  SnapshotFailed: "bad",
  Warning: "warn",
  RetryScheduled: "warn",
  Gap: "warn",
  Unrecognized: "warn"
}

const template = (thread: Thread) => ({ event, stored }: EventRow): TemplateResult =>
  html`<div class="event ${thread.raw === event ? "selected" : ""} ${stored ? "" : "dim"}" @click=${() =>
    thread.showRaw(event)}>
    <span class="num seq">${stored ? event.seq : "~"}</span><span class="num at">${time(event.at)}</span>
    <span class="kind ${tones[event._tag] ?? ""}">${event._tag}</span><span class="words">${
    flat(summary(event).slice(0, 300))
  }</span>
  </div>`

const keys = (thread: Thread, all: ReadonlyArray<EventRow>) => (event: KeyboardEvent): void => {
  const list = event.currentTarget
  if (!(list instanceof VirtualList)) return
  const at = all.findIndex((row) => row.event === thread.raw)
  const to =
    { ArrowDown: at + 1, ArrowUp: at === -1 ? all.length - 1 : at - 1, Home: 0, End: all.length - 1 }[event.key]
  if (to === undefined) return
  event.preventDefault()
  const next = Math.max(0, Math.min(all.length - 1, to))
  list.reveal(next)
  thread.showRaw(all[next]?.event)
}

/** By the event, which never changes: a filter looks at all of them at each key. */
const known = new WeakMap<ThreadEvent, string>()

const wordsOf = (event: ThreadEvent): string => {
  const words = known.get(event) ?? `${event._tag} ${summary(event).slice(0, 2000)}`.toLowerCase()
  known.set(event, words)
  return words
}

/** The rows of a log that only grows. */
const rowsOf = new WeakMap<ReadonlyArray<ThreadEvent>, Array<EventRow>>()

const storedRows = (events: ReadonlyArray<ThreadEvent>): ReadonlyArray<EventRow> => {
  const rows = rowsOf.get(events) ?? []
  rowsOf.set(events, rows)
  for (const event of events.slice(rows.length)) rows.push({ key: `s${rows.length}`, event, stored: true })
  return rows
}

export const eventsView = (thread: Thread): TemplateResult => {
  const { ephemeral, events } = thread.timeline
  const word = thread.eventFilter.toLowerCase()
  const live = ephemeral.map((event, n): EventRow => ({ key: `e${event.at}/${n}`, event, stored: false }))
  const all = [...storedRows(events), ...live].filter(({ event }) => word === "" || wordsOf(event).includes(word))
  const model: ListModel<EventRow> = { rows: all, template: template(thread), guess: 24, keeps: "end" }
  return html`
    <div class="filter"><input type="search" aria-label="Filter events" placeholder="Filter by kind or words" .value=${thread.eventFilter}
      @input=${(event: InputEvent) => {
    if (!(event.currentTarget instanceof HTMLInputElement)) return
    thread.eventFilter = event.currentTarget.value
    thread.app.changed()
  }}><span class="dim">${
    live.length === 0 ? "" : `The last ${live.length} that are not stored stand at the end.`
  }</span></div>
    ${
    all.length === 0
      ? empty(events.length === 0 ? "No events yet" : "No event fits")
      : html`<virtual-list class="events" tabindex="0" aria-label="Events" .model=${model} @keydown=${
        keys(thread, all)
      }></virtual-list>`
  }
  `
}
