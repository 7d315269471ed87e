/**
 * All threads: those that wait for an answer first, then the newest activity.
 */
import { html, type TemplateResult } from "lit"
import type { ThreadInfo } from "../../../service/Results.ts"
import type { App } from "../app.ts"
import { ago, fullTime } from "../figures.ts"
import { hrefOf } from "../place.ts"
import { flat } from "../text.ts"
import { type ListModel, VirtualList } from "../VirtualList.ts"
import { empty, failed } from "./parts.ts"

interface ThreadRow {
  readonly key: string
  readonly thread: ThreadInfo
}

export const nameOf = ({ threadId, title }: Pick<ThreadInfo, "threadId" | "title">): string =>
  flat(title === undefined || title === "" ? threadId : title)

const folder = (directory: string): string => directory.split(/[/\\]/).findLast((part) => part !== "") ?? directory

const asks = { Approval: "approval", Question: "question", Elicitation: "form" } as const

const template = (app: App) => ({ thread }: ThreadRow): TemplateResult => {
  const { activeAt, background, directory, instanceId, lastTurn, openRequests, status, threadId } = thread
  const current = app.thread?.threadId === threadId
  const bad = lastTurn?.status === "failed" || lastTurn?.status === "unknown"
  const first = openRequests[0]
  return html`<a class="thread ${current ? "current" : ""}" href=${
    hrefOf(threadId)
  } tabindex="-1" aria-current=${current}>
    <span class="dot ${openRequests.length > 0 ? "waiting" : status}" title=${status}></span>
    <span class="name">${nameOf(thread)}</span>
    <span class="ago num" title=${fullTime(activeAt)}>${ago(activeAt, app.now)}</span>
    <span class="sub">${flat(instanceId)} · ${flat(folder(directory))}</span>
    <span class="mark">${
    first !== undefined
      ? html`<b class="wait">${openRequests.length === 1 ? asks[first._tag] : `${openRequests.length} requests`}</b>`
      : status !== "stopped" && status !== "idle"
      ? status
      : background.length > 0
      ? `${background.length} in background`
      : bad
      ? html`<span class="bad">${lastTurn.status}</span>`
      : ""
  }</span>
  </a>`
}

const keys = (app: App, all: ReadonlyArray<ThreadRow>) => (event: KeyboardEvent): void => {
  const list = event.currentTarget
  if (!(list instanceof VirtualList) || event.ctrlKey || event.metaKey || event.altKey) return
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
  if (step === 0) return
  event.preventDefault()
  app.step(step)
  const at = all.findIndex(({ key }) => key === app.thread?.threadId)
  if (at !== -1) list.reveal(at)
}

export const threadList = (app: App): TemplateResult => {
  const all = app.order.map((thread): ThreadRow => ({ key: thread.threadId, thread }))
  const model: ListModel<ThreadRow> = {
    rows: all,
    template: template(app),
    guess: 49,
    keeps: "nothing",
    onEnd: app.more
  }
  return html`
    <div class="filter">
      <input type="search" id="filter" placeholder="Filter threads  ( / )" aria-label="Filter threads" .value=${app.filter}
        @input=${(event: InputEvent) =>
    event.currentTarget instanceof HTMLInputElement && app.filterBy(event.currentTarget.value, app.archived)}>
      <label title="Threads that were put away"><input type="checkbox" .checked=${app.archived}
        @change=${() => app.filterBy(app.filter, !app.archived)}> archived</label>
    </div>
    ${
    !app.listed
      ? app.failure === undefined
        ? html`<div class="empty dim" role="status">Loading …</div>`
        : failed(app.failure, () => app.again())
      : all.length === 0
      ? app.filter === "" && !app.archived
        ? empty("No threads yet", "A thread shows up here when your app starts one.")
        : empty(
          "No thread fits",
          app.next === undefined ? "" : "Only the threads that are loaded were searched.",
          app.next === undefined ? "" : html`<button @click=${app.more}>Load more</button>`
        )
      : html`<virtual-list class="threads" tabindex="0" aria-label="Threads" .model=${model} @keydown=${
        keys(app, all)
      }></virtual-list>`
  }
    <div class="foot dim num">${app.listed ? `${all.length}${app.next === undefined ? "" : "+"} threads` : ""}
      ${
    app.unreadable.length === 0
      ? ""
      : html`<span class="bad" title=${
        app.unreadable.map(({ reason, threadId }) => `${flat(threadId)}: ${flat(reason)}`).join("\n")
      }>${app.unreadable.length} unreadable</span>`
  }
    </div>
  `
}
