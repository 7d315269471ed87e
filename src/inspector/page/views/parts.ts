/**
 * Small things that several views have.
 */
import { html, type TemplateResult } from "lit"
import type { Failure } from "../api.ts"
import { fullTime, timeOf } from "../figures.ts"
import type { Loaded } from "../loaded.ts"
import { flat } from "../text.ts"
import type { Screen } from "../thread.ts"

export const time = (at: number): TemplateResult =>
  html`<time datetime=${new Date(at).toISOString()} title=${fullTime(at)}>${timeOf(at)}</time>`

/** A word in a rounded box. */
export const tag = (text: string, tone = "", title = ""): TemplateResult =>
  html`<span class="tag ${tone}" title=${flat(title)}>${flat(text)}</span>`

export const empty = (title: string, text: unknown = "", action: unknown = ""): TemplateResult =>
  html`<div class="empty"><h2>${title}</h2><p>${text}</p>${action}</div>`

const advice = (failure: Failure): string => {
  switch (failure.status) {
    case 0:
      return "Is the server running, and at this address? The page tries again by itself."
    case 401:
      return "The server asks for a token. Enter it below; it stays in this tab."
    case 403:
      return "The token is known and may not see this."
    case 404:
      return "It is not there, or no longer."
    case 429:
      return "There were too many requests; the page waits a moment."
    default:
      return "If it stays so, the server's log says more."
  }
}

export const failed = (failure: Failure, again?: () => void): TemplateResult =>
  html`<div class="empty bad" role="alert">
    <h2>${flat(failure.tag)}</h2>
    <p>${flat(failure.message)}</p>
    <p class="dim">${advice(failure)}</p>
    ${again === undefined ? "" : html`<button @click=${again}>Try again</button>`}
  </div>`

/** A value that is read when it is looked at. */
export const loaded = <A>(
  it: Loaded<A> | undefined,
  show: (value: A) => TemplateResult,
  again: () => void
): TemplateResult =>
  it === undefined || it.state === "loading"
    ? html`<div class="empty dim" role="status">Loading …</div>`
    : it.state === "failed"
    ? failed(it.failure, again)
    : show(it.value)

export const readOnly = (app: Screen): TemplateResult | string =>
  app.config.write
    ? ""
    : html`<p class="dim">This page only reads. Answer in your app, or serve the page with <code>write: true</code>.</p>`
