/**
 * The archive of a thread, as the store has it: completed items, turn by turn, across sessions and agents.
 */
import { html, type TemplateResult } from "lit"
import type { TranscriptTurn } from "../../../domain/TranscriptTurn.ts"
import { optional } from "../api.ts"
import { fullTime, many } from "../figures.ts"
import { save, type Thread } from "../thread.ts"
import type { ListModel } from "../VirtualList.ts"
import { itemTemplate } from "./items.ts"
import { empty, loaded, tag } from "./parts.ts"

interface TurnRow {
  readonly key: string
  readonly turn: TranscriptTurn
  readonly n: number
}

const template = (thread: Thread, prefix: string) => ({ n, turn }: TurnRow): TemplateResult => {
  const outcome = optional(turn.outcome)
  return html`<section class="saidturn ${turn.rewound === true ? "rewound" : ""}">
    <header class="dim"><span class="num">${n}</span> ${fullTime(turn.startedAt)} · session ${turn.epoch}
      ${
    outcome === undefined
      ? tag("running")
      : outcome === "completed"
      ? ""
      : tag(outcome, outcome === "interrupted" ? "warn" : "bad")
  }
      ${turn.rewound === true ? tag("taken back", "warn") : ""}</header>
    ${
    turn.items.map((item) => {
      const key = `${prefix}${turn.turnId}/${item.itemId}`
      const cut = turn.cut?.includes(item.itemId) === true
      return itemTemplate({ item, state: cut ? "cut" : "completed" }, {
        open: thread.expanded.has(key),
        toggle: () => thread.toggle(key),
        image: thread.image
      })
    })
  }
  </section>`
}

/** Turns to read, as a transcript or a snapshot has them. */
export const turnsView = (thread: Thread, turns: ReadonlyArray<TranscriptTurn>, prefix: string): TemplateResult => {
  const rows = turns.map((turn, index): TurnRow => ({ key: `${prefix}${turn.turnId}`, turn, n: index + 1 }))
  const model: ListModel<TurnRow> = { rows, template: template(thread, prefix), guess: 160, keeps: "row" }
  return html`<virtual-list class="reading" tabindex="0" aria-label="Transcript" .model=${model}></virtual-list>`
}

const lines = (turns: ReadonlyArray<TranscriptTurn>): string =>
  turns.map((turn) => `${JSON.stringify(turn)}\n`).join("")

export const transcriptView = (thread: Thread): TemplateResult =>
  loaded(thread.transcript, (turns) =>
    turns.length === 0
      ? empty("Nothing was said yet")
      : html`<div class="strip">${many(turns.length, "turn")}, as stored.
        <button @click=${() => save(`${thread.threadId}.jsonl`, lines(turns))}>Save as JSON lines</button>
        <button @click=${() => thread.loadTranscript()}>Read again</button></div>
        ${turnsView(thread, turns, "x")}`, () => thread.loadTranscript())
