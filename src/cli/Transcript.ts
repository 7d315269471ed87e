/** Turns and items as lines for people. */
import type { Item } from "../domain/Item.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import { wordsOf } from "../domain/TurnInput.ts"
import type { Output } from "./Output.ts"
import * as TerminalText from "./TerminalText.ts"

type Paint = Output["Service"]["paint"]

/** The last lines of what a tool has said. */
const shownLines = 12

export const tail = (text: string): ReadonlyArray<string> => {
  const lines = TerminalText.neutralise(text).trimEnd().split("\n")
  const left = lines.length - shownLines
  return left > 0 ? [`… ${left} lines more`, ...lines.slice(-shownLines)] : lines
}

/** What a tool is about, in one line. */
export const headOf = (item: Item): string => {
  switch (item._tag) {
    case "ToolCall":
      return TerminalText.line(`${item.tool}${item.title === undefined ? "" : ` ${item.title}`}`)
    case "Command":
      return TerminalText.line(`$ ${item.command}`)
    case "FileChange":
      return TerminalText.line(item.edits.map(({ kind, path }) => `${kind} ${path}`).join(", "))
    default:
      return item._tag
  }
}

const marks = { completed: "✓", failed: "✗", declined: "⊘", running: "…", pending: "…" } as const

/** A tool that is over: how it ended, and the end of what it said. */
export const toolLines = (item: Item, paint: Paint): ReadonlyArray<string> => {
  if (!("status" in item)) return []
  const colour = item.status === "completed" ? "green" : item.status === "failed" ? "red" : "yellow"
  const head = `${paint(colour, marks[item.status])} ${headOf(item)}`
  const output = item._tag === "FileChange" ? "" : item.output ?? ""
  return [head, ...(output.trim() === "" ? [] : tail(output).map((line) => paint("dim", `  ${line}`)))]
}

export const itemLines = (item: Item, paint: Paint): ReadonlyArray<string> => {
  switch (item._tag) {
    case "UserMessage":
      return TerminalText.neutralise(item.text).split("\n").map((line) => paint("bold", `> ${line}`))
    case "AssistantMessage":
    case "Plan":
      return TerminalText.neutralise(item.text).split("\n")
    case "Reasoning":
      return TerminalText.neutralise(item.text).split("\n").map((line) => paint("dim", line))
    default:
      return toolLines(item, paint)
  }
}

export const turnLines = (turn: TranscriptTurn, paint: Paint): ReadonlyArray<string> => {
  const { input, items, outcome = "running", rewound, turnId } = turn
  // The first item of a turn that was sent is its input, unless the input was a command alone.
  const said = input === undefined || items[0]?._tag === "UserMessage"
    ? []
    : [paint("bold", `> ${TerminalText.line(wordsOf(input))}`)]
  const ending = outcome === "completed" ? [] : [paint("yellow", `(${outcome})`)]
  const head = paint("dim", `-- ${TerminalText.line(turnId)}${rewound === true ? " (rewound)" : ""}`)
  return [head, ...said, ...items.flatMap((item) => itemLines(item, paint)), ...ending, ""]
}
