/**
 * What belongs to no thread: agents, the keys, and the door.
 */
import { html, type TemplateResult } from "lit"
import type { AgentInfo } from "../../../service/Results.ts"
import { optional } from "../api.ts"
import type { App } from "../app.ts"
import { token } from "../config.ts"
import { flat } from "../text.ts"
import { empty, loaded, tag } from "./parts.ts"

const told = (value: unknown): unknown => {
  if (value === true) return html`<span class="good">yes</span>`
  if (value === false) return html`<span class="dim">no</span>`
  return Array.isArray(value) ? value.join(", ") : typeof value === "object" && value !== null
    ? Object.entries(value).map(([name, how]) => html`<div>${flat(name)}: ${flat(String(how))}</div>`)
    : flat(String(value))
}

const checkOf = (info: AgentInfo): TemplateResult => {
  const check = optional(info.check)
  if (check === undefined) return tag("not checked", "dim", "The adapter cannot tell, or did not in time")
  const { fix, installed, login, path, tested, testedVersions, version } = check
  return html`${
    installed
      ? tag(version ?? "installed", tested ? "good" : "warn", `Tested: ${testedVersions.from} to ${testedVersions.to}`)
      : tag("not installed", "bad")
  }
    ${login === "unknown" ? "" : tag(`logged ${login}`, login === "in" ? "good" : "bad")}
    ${path === undefined ? "" : html`<div class="dim mono">${flat(path)}</div>`}
    ${fix === undefined ? "" : html`<p>Missing: ${fix.missing}. Do: <code>${flat(fix.command)}</code></p>`}`
}

const agent = (info: AgentInfo): TemplateResult =>
  html`<section class="agent"><h2>${flat(info.instanceId)} <span class="dim">${flat(info.provider)}</span></h2>
    <div>${checkOf(info)}</div>
    <details><summary>Capabilities</summary><table class="caps"><tbody>${
    Object.entries(info.capabilities).map(([name, value]) =>
      html`<tr><th>${flat(name)}</th><td>${told(value)}</td></tr>`
    )
  }</tbody></table></details></section>`

export const agentsView = (app: App): TemplateResult =>
  html`<div class="page scroll"><h1>Agents</h1>${
    loaded(app.agents, (agents) =>
      agents.length === 0
        ? empty("No agent is registered", "Give `CodingAgents.layer` an agent.")
        : html`${agents.map(agent)}`, () => app.loadAgents())
  }</div>`

const keyList: ReadonlyArray<readonly [string, string]> = [
  ["/", "filter the threads"],
  ["j  k", "next and previous thread"],
  ["1 … 5", "timeline, transcript, snapshots, usage, events"],
  ["t", "to the timeline; ↑ ↓ then choose a row, Enter unfolds it, r shows its raw JSON"],
  ["a", "to the first open request"],
  ["p", "to the prompt"],
  ["Ctrl+Enter", "send the prompt"],
  ["Esc", "close what is open"],
  ["?", "these keys"]
]

export const helpView = (app: App): TemplateResult =>
  html`<dialog class="help" open aria-label="Keys"><h2>Keys</h2><dl>${
    keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)
  }</dl><button id="closehelp" @click=${() => app.showHelp(false)}>Close</button></dialog>`

export const doorView = (app: App): TemplateResult => {
  const enter = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const given = new FormData(event.currentTarget).get("token")
    if (typeof given !== "string" || given === "") return
    token.set(given)
    app.reconnect()
  }
  return html`<form class="door" @submit=${enter}><h1>This server asks for a token</h1>
    <p class="dim">It was printed by the server at its start, or is known to the app. It stays in this tab, and is sent to this server only.</p>
    <input type="password" name="token" aria-label="Token" autocomplete="off" required>
    ${
    token.get() === undefined
      ? ""
      : html`<p class="bad" role="alert">The server does not take the token that this tab has.</p>`
  }
    <button class="primary">Open</button></form>`
}
