/**
 * The thread that is open: who answers, what happens next, and its views.
 */
import { html, type TemplateResult } from "lit"
import * as ThreadView from "../../../domain/ThreadView.ts"
import { count, dollars, duration, timeOf } from "../figures.ts"
import { nextOf } from "../next.ts"
import { hrefOf, type Tab, tabs } from "../place.ts"
import { flat } from "../text.ts"
import { save, type Thread } from "../thread.ts"
import { eventsView } from "./events.ts"
import { json } from "./json.ts"
import { failed, tag } from "./parts.ts"
import { snapshotsView } from "./snapshots.ts"
import { nameOf } from "./threadList.ts"
import { timelineView } from "./timeline.ts"
import { transcriptView } from "./transcript.ts"
import { usageView } from "./usage.ts"
import { continuityText, continuityTone } from "./words.ts"

/** The list's state is ahead of the events while a session starts; the events are ahead while they come. */
const statusOf = (thread: Thread): string => {
  const { info, timeline } = thread
  return info?.status === "starting"
    ? "starting"
    : timeline.events.length === 0
    ? info?.status ?? ""
    : ThreadView.status(timeline.view)
}

const what = (thread: Thread): TemplateResult => {
  const { info, timeline } = thread
  const { context, mode, title } = timeline.view
  const session = timeline.view.sessions.at(-1)
  const model = timeline.view.model ?? info?.model
  const usage = info?.usage
  return html`
    ${
    session === undefined
      ? ""
      : tag(session.continuity._tag, continuityTone(session.continuity), continuityText(session.continuity))
  }
    <span>${flat(info?.instanceId ?? "")}</span>
    ${
    model === undefined
      ? ""
      : html`<span>${flat(Object.values(model).filter((part) => typeof part === "string").join("/"))}</span>`
  }
    <span>${info?.runtimeMode ?? ""}${mode === undefined ? "" : ` (${flat(mode)})`}</span>
    <span class="path" title=${flat(info?.directory ?? "")}>${flat(info?.directory ?? "")}</span>
    ${
    title === undefined || title === info?.title
      ? ""
      : html`<span title="The agent's own title">"${flat(title)}"</span>`
  }
    ${
    usage === undefined || usage.tokens === 0
      ? ""
      : html`<span class="num">${count(usage.tokens)} tokens${
        usage.costUsd === 0 ? "" : ` · ${dollars(usage.costUsd)}`
      }</span>`
  }
    ${
    context === undefined
      ? ""
      : context.window === undefined
      ? html`<span class="num">context ${count(context.used)}</span>`
      : html`<label class="num" title="How full the model's context is">context <meter min="0" max=${context.window} high=${
        context.window * 0.8
      } .value=${context.used}></meter> ${Math.round(100 * context.used / context.window)}%</label>`
  }
  `
}

const nextLine = (thread: Thread): TemplateResult | string => {
  const { app, info } = thread
  if (info === undefined) return ""
  const { at, more, text } = nextOf({
    ...info,
    status: info.status === "starting" ? "starting" : ThreadView.status(thread.timeline.view),
    background: thread.timeline.view.background
  })
  if (at === undefined) return html`${text}`
  const left = at - app.now
  return html`${text} <b class="num">${timeOf(at)}</b> <span class="dim num">${
    left > 0 ? `in ${duration(left)}` : "with its next sweep"
  }</span>. ${more ?? ""} The conversation stays.`
}

const background = (thread: Thread): TemplateResult | string => {
  const work = thread.timeline.view.background
  return work.length === 0
    ? ""
    : html`<div class="background"><span class="dim">In the background</span> ${
      work.map((one) =>
        one._tag === "Task"
          ? tag(one.task.title.slice(0, 80), "", one.task.title)
          : tag(one.item._tag === "Command" ? one.item.command.slice(0, 80) : one.item._tag, "")
      )
    }</div>`
}

const actions = (thread: Thread, status: string): TemplateResult | string => {
  const { app, threadId } = thread
  if (!app.config.write) return ""
  const { routes } = app
  const button = (label: string, action: () => Promise<unknown>, done: string, title: string) =>
    html`<button ?disabled=${thread.busy} title=${title} @click=${() => thread.act(action, done)}>${label}</button>`
  return html`<div class="actions">
    ${
    status === "running" || status === "waiting"
      ? button("Interrupt", () => routes.interrupt(threadId), "Interrupted", "Ends the turn that runs")
      : ""
  }
    ${
    status === "stopped"
      ? ""
      : button(
        "Stop",
        () => routes.stop(threadId),
        "The session is stopped",
        "Ends the session; the conversation stays"
      )
  }
    ${
    status === "idle"
      ? button("Compact", () => routes.compact(threadId), "Compacted", "Has the agent replace its context by a summary")
      : ""
  }
    ${
    button(
      "Snapshot",
      () => routes.takeSnapshot(threadId).then(() => thread.loadSnapshots()),
      "Saved",
      "Saves the conversation as it stands"
    )
  }
  </div>`
}

const composer = (thread: Thread, status: string): TemplateResult | string => {
  const { app, threadId } = thread
  if (!app.config.write) return ""
  const steers = status === "running"
  const send = (form: HTMLFormElement): void => {
    const prompt = new FormData(form).get("prompt")
    if (typeof prompt !== "string" || prompt.trim() === "" || thread.busy) return
    thread.act(() => app.routes.sendTurn(threadId, prompt, steers).then(() => form.reset()))
  }
  return html`<form class="composer" @submit=${(event: SubmitEvent) => {
    event.preventDefault()
    if (event.currentTarget instanceof HTMLFormElement) send(event.currentTarget)
  }}>
    <textarea name="prompt" rows="2" aria-label="Prompt" placeholder=${
    steers ? "Add to the running turn" : "Send a prompt"
  }
      @keydown=${(event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    if (event.currentTarget instanceof HTMLTextAreaElement && event.currentTarget.form !== null) {
      send(event.currentTarget.form)
    }
  }}></textarea>
    <button class="primary" title="Ctrl+Enter" ?disabled=${thread.busy}>${steers ? "Steer" : "Send"}</button>
  </form>`
}

const titles: Record<Tab, string> = {
  timeline: "Timeline",
  transcript: "Transcript",
  snapshots: "Snapshots",
  usage: "Usage",
  events: "Events"
}

const tabView = (thread: Thread, tab: Tab): TemplateResult => {
  switch (tab) {
    case "timeline":
      return timelineView(thread)
    case "transcript":
      return transcriptView(thread)
    case "snapshots":
      return snapshotsView(thread)
    case "usage":
      return usageView(thread)
    case "events":
      return eventsView(thread)
  }
}

const rawPanel = (thread: Thread): TemplateResult | string => {
  const { raw } = thread
  if (raw === undefined) return ""
  const text = () => JSON.stringify(raw, null, 2)
  return html`<aside class="raw" aria-label="Raw JSON">
    <header><b>${flat(raw._tag)}</b><span class="dim num">#${raw.seq}</span>
      <button @click=${() =>
    void navigator.clipboard?.writeText(text()).then(() => thread.app.say("Copied"), thread.app.failed)}>Copy</button>
      <button @click=${() => save(`event-${raw.seq}.json`, text())}>Save</button>
      <button aria-label="Close" title="Close (Esc)" @click=${() => thread.showRaw(undefined)}>×</button></header>
    <div class="scroll" tabindex="0">${json(raw)}</div>
  </aside>`
}

const links = { connecting: "connecting", live: "live", waiting: "cut: reading again", off: "ended" } as const

export const threadView = (thread: Thread, tab: Tab): TemplateResult => {
  const { failure, info, link, threadId, timeline } = thread
  if (failure?.isFinal === true && timeline.events.length === 0) return failed(failure, () => location.reload())
  const status = statusOf(thread)
  return html`
    <header class="threadhead">
      <div class="line1">
        <a class="back" href="#/" aria-label="All threads">‹</a>
        <span class="dot ${status}" title=${status}></span>
        <h1 title=${flat(threadId)}>${info === undefined ? flat(threadId) : nameOf(info)}</h1>
        <span class="status ${status}">${status}</span>
        ${
    link === "live"
      ? ""
      : html`<span class="link ${link}" title="The stream of this thread's events">${links[link]}</span>`
  }
        ${actions(thread, status)}
      </div>
      <div class="line2 dim">${what(thread)}</div>
      <div class="line3">${timeline.view.deleted ? "The thread was deleted." : nextLine(thread)}</div>
      ${background(thread)}
      <nav class="tabs" aria-label="Views of this thread">${
    tabs.map((one, n) =>
      html`<a href=${hrefOf(threadId, one)} aria-current=${one === tab ? "page" : "false"} title=${`${titles[one]} (${
        n + 1
      })`}>${titles[one]}${
        one === "events" && timeline.events.length > 0
          ? html` <span class="dim num">${count(timeline.events.length)}</span>`
          : ""
      }</a>`
    )
  }</nav>
    </header>
    <div class="split"><div class="view ${tab}">${tabView(thread, tab)}${
    tab === "timeline" ? composer(thread, status) : ""
  }</div>${rawPanel(thread)}</div>
  `
}
