/**
 * The whole screen.
 */
import { html, type TemplateResult } from "lit"
import type { App } from "../app.ts"
import { theme, version } from "../config.ts"
import { flat } from "../text.ts"
import { hooksView } from "./hooks.ts"
import { agentsView, doorView, helpView } from "./pages.ts"
import { empty, failed } from "./parts.ts"
import { threadList } from "./threadList.ts"
import { threadView } from "./threadView.ts"

const main = (app: App): TemplateResult => {
  const { place, thread } = app
  switch (place.view) {
    case "agents":
      return agentsView(app)
    case "hooks":
      return hooksView(app)
    case "thread":
      return thread === undefined ? html`` : threadView(thread, place.tab)
    case "home":
      return app.listed && app.waiting > 0
        ? empty(
          `${app.waiting === 1 ? "One thread waits" : `${app.waiting} threads wait`} for an answer`,
          "They stand first in the list."
        )
        : empty("Choose a thread", html`Press <kbd>?</kbd> for the keys.`)
  }
}

const links = {
  connecting: "connecting …",
  live: "live",
  waiting: "not connected, trying again",
  off: "not connected"
} as const

const top = (app: App): TemplateResult => {
  const nav = (href: string, view: string, label: string) =>
    html`<a href=${href} aria-current=${
      app.place.view === view || (view === "home" && app.place.view === "thread") ? "page" : "false"
    }>${label}</a>`
  return html`<header class="top">
    <b class="brand">coding agents</b>
    <nav aria-label="Pages">${nav("#/", "home", "Threads")}${nav("#/agents", "agents", "Agents")}${
    nav("#/hooks", "hooks", "Hooks")
  }</nav>
    <span class="grow"></span>
    ${
    app.waiting === 0
      ? ""
      : html`<button class="waitbutton" @click=${() => app.firstWaiting()}>${app.waiting} waiting</button>`
  }
    <span class="link ${app.link}" role="status">${links[app.link]}</span>
    <span class="dim" title=${`Version ${version}`}>${app.config.write ? "" : "read-only"}</span>
    <button class="quiet" title="Light, dark, or as the system" @click=${() => {
    theme.next()
    app.changed()
  }}>${theme.get()}</button>
    <button class="quiet" title="Keys (?)" aria-label="Keys" @click=${() => app.showHelp(true)}>?</button>
  </header>`
}

export const shell = (app: App): TemplateResult => {
  if (app.failure?.status === 401) return html`${top(app)}<main class="only">${doorView(app)}</main>`
  if (app.failure?.isFinal === true && !app.listed) {
    return html`${top(app)}<main class="only">${failed(app.failure, () => app.reconnect())}</main>`
  }
  const { notice, place } = app
  return html`${top(app)}
    <div class="columns ${place.view === "home" ? "athome" : "away"} ${
    place.view === "agents" || place.view === "hooks" ? "wide" : ""
  }">
      <aside class="list" aria-label="Threads">${threadList(app)}</aside>
      <main>${main(app)}</main>
    </div>
    ${
    notice === undefined
      ? ""
      : html`<div class="notice ${notice.bad ? "bad" : ""}" role=${notice.bad ? "alert" : "status"}>${
        flat(notice.text)
      }</div>`
  }
    ${app.help ? helpView(app) : ""}`
}
