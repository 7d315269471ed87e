/**
 * Tokens and money of the thread, turn by turn, and what is left of the account's quotas.
 */
import { html, type TemplateResult } from "lit"
import * as ThreadView from "../../../domain/ThreadView.ts"
import type { TurnView } from "../../../domain/ThreadView.ts"
import { add, type Usage } from "../../../domain/Usage.ts"
import { dollars, duration, fullTime, timeOf } from "../figures.ts"
import { flat } from "../text.ts"
import type { Thread } from "../thread.ts"
import { empty } from "./parts.ts"

const columns = ["input", "cacheRead", "cacheWrite", "output", "reasoning"] as const

const cells = (usage: Usage | undefined): TemplateResult =>
  html`${columns.map((name) => html`<td class="num">${usage?.[name]?.toLocaleString() ?? "–"}</td>`)}
    <td class="num">${usage?.costUsd === undefined ? "–" : dollars(usage.costUsd)}</td>`

const row = (thread: Thread, { input, outcome, startedAt, turnId, usage }: TurnView, n: number): TemplateResult => {
  const end = thread.timeline.terminals.get(turnId)
  return html`<tr><td class="num">${n + 1}</td><td class="num" title=${fullTime(startedAt)}>${timeOf(startedAt)}</td>
    <td class="words">${flat((input?.prompt ?? "(the agent's own)").slice(0, 120))}</td>
    <td>${outcome ?? "running"}</td><td class="num">${end === undefined ? "" : duration(end.at - startedAt)}</td>${
    cells(usage)
  }</tr>`
}

const limits = (thread: Thread): TemplateResult | string => {
  const told = thread.timeline.limits
  return told === undefined ?
    "" :
    html`<h3>Quotas, as the agent told at ${timeOf(told.at)}</h3><ul class="limits">${
      told.limits.map(({ name, resetsAt, used }) =>
        html`<li><label>${flat(name)} ${
          used === undefined
            ? ""
            : html`<meter min="0" max="1" high="0.8" .value=${used}></meter> <span class="num">${
              Math.round(used * 100)
            }%</span>`
        }</label>
        ${resetsAt === undefined ? "" : html`<span class="dim">resets ${fullTime(resetsAt)}</span>`}</li>`
      )
    }</ul>`
}

/** The newest turns: older ones are in the sum, and in the events. */
const shownTurns = 500

export const usageView = (thread: Thread): TemplateResult => {
  const turns = ThreadView.turns(thread.timeline.view)
  if (turns.length === 0) return empty("No turns yet", "What each turn uses shows up here.")
  const total = turns.reduce<Usage>((sum, { usage }) => usage === undefined ? sum : add(sum, usage), {})
  const from = Math.max(0, turns.length - shownTurns)
  return html`<div class="tablebox scroll" tabindex="0">
    <table><thead><tr><th class="num">#</th><th>Began</th><th>Prompt</th><th>Outcome</th><th class="num">Took</th><th class="num">Input</th>
      <th class="num">Cache read</th><th class="num">Cache write</th><th class="num">Output</th><th class="num">Reasoning</th><th class="num">Cost</th></tr></thead>
      <tbody><tr class="total"><td></td><td></td><td>All (${turns.length})</td><td></td><td></td>${cells(total)}</tr>
      ${turns.slice(from).map((turn, n) => row(thread, turn, from + n)).toReversed()}</tbody></table>
    <p class="dim">– means that the agent does not tell. Input is without what came from the cache.</p>
    ${limits(thread)}</div>`
}
