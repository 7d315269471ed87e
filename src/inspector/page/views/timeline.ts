/**
 * The timeline of a thread: turns with their items, and what happened between them.
 */
import { html, nothing, type TemplateResult } from "lit"
import type { TurnView } from "../../../domain/ThreadView.ts"
import { count, duration } from "../figures.ts"
import { isShown } from "../images.ts"
import { flat, prose } from "../text.ts"
import type { Thread } from "../thread.ts"
import { eventOf, type Row, rows, type Terminal } from "../timeline.ts"
import { type ListModel, VirtualList } from "../VirtualList.ts"
import { itemTemplate, picture, type Place } from "./items.ts"
import { noteTemplate } from "./notes.ts"
import { empty, tag, time } from "./parts.ts"
import { openRequests } from "./requests.ts"
import { failureText, usageText } from "./words.ts"

const causes: Record<string, string> = {
  background: "work in the background ended",
  queue: "something queued in the agent came up",
  schedule: "a schedule of the agent",
  "other-client": "another client of the session",
  agent: "the agent itself"
}

const turnHead = ({ cause, input, rewound }: TurnView, image: Place["image"]): TemplateResult => {
  if (input === undefined) {
    return html`<div class="prompt own"><span class="dim">A turn that no one sent: ${
      causes[cause ?? "agent"] ?? cause
    }</span></div>`
  }
  const { actor, attachments = [], command, context = [], mode, model, prompt } = input
  return html`<div class="prompt ${rewound === true ? "rewound" : ""}">
    <div class="who">${flat(actor ?? "User")}
      ${mode === undefined ? "" : tag(mode, "dim")}
      ${
    model === undefined
      ? ""
      : tag(Object.values(model).filter((part) => typeof part === "string").join("/"), "dim", "Model")
  }
      ${context.length === 0 ? "" : tag(`${context.length} context`, "dim", context.join("\n\n"))}
      ${rewound === true ? tag("taken back", "warn") : ""}
    </div>
    ${command === undefined ? "" : html`<p><code>/${flat(command.name)} ${flat(command.arguments ?? "")}</code></p>`}
    ${prose(prompt)}
    ${
    attachments.map((one) =>
      one._tag === "Blob" && isShown(one)
        ? picture(one, one.name, image)
        : tag(one._tag === "File" ? one.path : one.name, "dim", "Attachment")
    )
  }
  </div>`
}

const outcome = (event: Terminal): string => {
  switch (event._tag) {
    case "TurnCompleted":
      return event.refused === undefined ? "" : `, after the user had ${event.refused} a request`
    case "TurnFailed":
      return `: ${failureText(event.failure)}`
    case "TurnInterrupted":
      return ` by ${
        event.by === "user" || event.by === "agent" ? `the ${event.by}` : event.by === "stop" ? "a stop" : "a shutdown"
      }`
    case "TurnUnknown":
      return event.reason === "host-crash" ? ": the host crashed" : ": it may or may not have reached the agent"
  }
}

const tones = { completed: "", failed: "bad", interrupted: "warn", unknown: "bad" } as const

const turnEnd = (
  { outcome: how = "completed", startedAt, usage }: TurnView,
  event: Terminal | undefined
): TemplateResult =>
  html`<div class="end ${tones[how]}">
    <span class="title">${how}</span>${event === undefined ? "" : flat(outcome(event))}
    <span class="dim num">${
    [event === undefined ? "" : duration(event.at - startedAt), usage === undefined ? "" : usageText(usage)]
      .filter((text) => text !== "").join(" · ")
  }</span>
  </div>`

const timeOfRow = (row: Row) => {
  switch (row.kind) {
    case "note":
      return time(row.event.at)
    case "end":
      return row.event === undefined ? nothing : time(row.event.at)
    case "turn":
      return time(row.turn.startedAt)
    case "item": {
      const { item } = row.one
      return "startedAt" in item && item.startedAt !== undefined ? time(item.startedAt) : nothing
    }
  }
}

const body = (thread: Thread, row: Row): TemplateResult => {
  switch (row.kind) {
    case "turn":
      return turnHead(row.turn, thread.image)
    case "end":
      return turnEnd(row.turn, row.event)
    case "note":
      return noteTemplate(thread, row.event)
    case "item":
      return itemTemplate(row.one, {
        open: thread.expanded.has(row.key),
        toggle: () => thread.toggle(row.key),
        image: thread.image
      })
  }
}

const template = (thread: Thread) => (row: Row): TemplateResult =>
  html`<article class="row ${thread.selected === row.key ? "selected" : ""} ${
    row.kind === "item" && row.dim ? "rewound" : ""
  }" id=${row.key}>
    <div class="when">${timeOfRow(row)}</div>
    <div class="what">${body(thread, row)}</div>
    <button class="rawb" title="Raw JSON (r)" aria-label="Raw JSON" tabindex="-1"
      @click=${() => thread.showRaw(eventOf(thread.timeline, row))}>{ }</button>
  </article>`

const keys = (thread: Thread, all: ReadonlyArray<Row>) => (event: KeyboardEvent): void => {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
  const list = event.currentTarget
  if (!(list instanceof VirtualList)) return
  const at = all.findIndex(({ key }) => key === thread.selected)
  const select = (index: number) => {
    const next = Math.max(0, Math.min(all.length - 1, index))
    thread.selected = all[next]?.key
    list.reveal(next)
  }
  switch (event.key) {
    case "ArrowDown":
      select(at + 1)
      break
    case "ArrowUp":
      select(at === -1 ? all.length - 1 : at - 1)
      break
    case "Home":
      select(0)
      break
    case "End":
      select(all.length - 1)
      break
    case "Enter":
    case " ":
      if (thread.selected !== undefined) thread.toggle(thread.selected)
      break
    case "r": {
      const row = all[at]
      if (row !== undefined) thread.showRaw(eventOf(thread.timeline, row))
      break
    }
    default:
      return
  }
  event.preventDefault()
  thread.app.changed()
}

export const timelineView = (thread: Thread): TemplateResult => {
  const { from, holes, link, timeline } = thread
  const all = rows(timeline)
  const model: ListModel<Row> = { rows: all, template: template(thread), guess: 44, keeps: "end" }
  const waiting = timeline.view.requests.length
  return html`
    ${
    from === 0 ? "" : html`<div class="strip">The first ${count(from)} events are not loaded.
      <button class="link" @click=${() => thread.fromStart()}>Load all</button></div>`
  }
    ${
    holes === 0
      ? ""
      : html`<div class="strip warn">The stream lost events ${
        holes === 1 ? "once" : `${holes} times`
      }; they were read again.</div>`
  }
    ${
    all.length === 0
      ? link === "live" || link === "off"
        ? empty("Nothing has happened yet", "The first turn will show up here as it comes.")
        : html`<div class="empty dim" role="status">Reading the log …</div>`
      : html`<virtual-list class="timeline" tabindex="0" aria-label="Timeline" .model=${model} @keydown=${
        keys(thread, all)
      }></virtual-list>`
  }
    ${waiting === 0 ? "" : openRequests(thread)}
  `
}
