/**
 * Deliveries to hooks: those that are still tried, and those that were given up.
 */
import { html, type TemplateResult } from "lit"
import type { DeliveryPage, WaitingPage } from "../../../service/Results.ts"
import type { App } from "../app.ts"
import { duration, fullTime } from "../figures.ts"
import type { Listing } from "../Listing.ts"
import { hrefOf } from "../place.ts"
import { flat } from "../text.ts"
import { json } from "./json.ts"
import { empty, loaded } from "./parts.ts"

type Waiting = WaitingPage["deliveries"][number]
type GivenUp = DeliveryPage["deliveries"][number]

const about = ({ event, hook }: Waiting | GivenUp): TemplateResult =>
  html`<td>${flat(hook)}</td><td>${flat(event._tag)}<div class="dim"><a href=${hrefOf(event.threadId)}>${
    flat(event.threadId)
  }</a> #${event.seq}</div></td>`

const raw = ({ event }: Waiting | GivenUp): TemplateResult =>
  html`<details><summary>Event</summary>${json(event)}</details>`

/** When it is tried next. */
const nextOf = ({ nextAt: at }: Waiting, now: number): TemplateResult | string => {
  if (at === undefined) return html`<span class="dim">when the app has this hook again</span>`
  return at <= now ? "now" : html`in ${duration(at - now)}<div class="dim">${fullTime(at)}</div>`
}

const waiting = (now: number) => (one: Waiting): TemplateResult => {
  const { error } = one
  return html`<tr>${about(one)}
    <td class=${error === undefined ? "dim" : "bad"}>${error === undefined ? "none yet" : flat(error)}</td>
    <td class="num" data-of="Tries">${one.attempts}</td><td class="num" data-of="Next try">${
    nextOf(one, now)
  }</td><td>${raw(one)}</td></tr>`
}

const givenUp = (app: App) => (one: GivenUp): TemplateResult =>
  html`<tr>${about(one)}
    <td class="bad">${
    flat(one.error)
  }</td><td class="num" data-of="Tries">${one.attempts}</td><td class="num" data-of="Given up">${
    fullTime(one.givenUpAt)
  }</td>
    <td>${
    app.config.write
      ? html`<button @click=${() => app.resend(one.hook, one.event.eventId)}>Send again</button>`
      : ""
  }${raw(one)}</td></tr>`

const table = <A>(list: Listing<A>, rows: ReadonlyArray<A>, last: string, row: (one: A) => TemplateResult) =>
  html`<div class="tablebox"><table><thead><tr><th>Hook</th><th>Event</th><th>Last error</th><th class="num">Tries</th>
    <th class="num">${last}</th><th></th></tr></thead><tbody>${rows.map(row)}</tbody></table></div>
    ${list.next === undefined ? "" : html`<button @click=${list.more}>Load more</button>`}`

const resendAll = (app: App, rows: ReadonlyArray<GivenUp>): TemplateResult | string =>
  app.config.write
    ? html`<p>${
      Array.from(new Set(rows.map(({ hook }) => hook))).map((hook) =>
        html`<button @click=${() => app.resend(hook, undefined)}>Send all of ${flat(hook)} again</button> `
      )
    }</p>`
    : ""

export const hooksView = (app: App): TemplateResult =>
  html`<div class="page scroll"><h1>Hook deliveries <button @click=${app.loadDeliveries}>Look again</button></h1>
    <section class="deliveries givenup"><h2>Given up</h2>${
    loaded(app.givenUp.loaded, (rows) =>
      rows.length === 0
        ? empty("None", "A delivery that fails at every try shows up here for a week.")
        : html`${resendAll(app, rows)}${table(app.givenUp, rows, "Given up", givenUp(app))}`, app.givenUp.load)
  }</section>
    <section class="deliveries waiting"><h2>Still tried</h2>${
    loaded(app.undelivered.loaded, (rows) =>
      rows.length === 0
        ? empty("None", "Every other delivery has reached its hook.")
        : table(app.undelivered, rows, "Next try", waiting(app.now)), app.undelivered.load)
  }</section></div>`
