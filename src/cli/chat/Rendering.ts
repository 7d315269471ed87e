/** Events as text on a terminal, as they come. Pure: the state is what was written so far. */
import type { ItemId } from "../../domain/Ids.ts"
import type { OpenRequest } from "../../domain/ThreadActivity.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import { tokens, type Usage } from "../../domain/Usage.ts"
import { continuityLine } from "../Continuity.ts"
import type { Output } from "../Output.ts"
import * as TerminalText from "../TerminalText.ts"
import { headOf, itemLines, toolLines } from "../Transcript.ts"

type Paint = Output["Service"]["paint"]

export interface State {
  /** The item whose text was written last, which has no line end yet. */
  readonly writing: ItemId | undefined
  /** How much of each open text is written, in UTF-16 code units; undefined for what is no text. */
  readonly shown: ReadonlyMap<ItemId, { readonly length: number; readonly dim: boolean }>
}

export const initial: State = { writing: undefined, shown: new Map() }

type Step = readonly [state: State, text: string]

/** Ends the line that text was written on. */
const fresh = ({ writing }: State): string => writing === undefined ? "" : "\n"

const lines = (state: State, ...all: ReadonlyArray<string>): Step =>
  all.length === 0 ? [state, ""] : [{ ...state, writing: undefined }, `${fresh(state)}${all.join("\n")}\n`]

const extend = (state: State, itemId: ItemId, offset: number, text: string, paint: Paint): Step => {
  const known = state.shown.get(itemId)
  if (known === undefined || offset > known.length) return [state, ""]
  const delta = text.slice(known.length - offset)
  if (delta === "") return [state, ""]
  const shown = new Map(state.shown).set(itemId, { ...known, length: known.length + delta.length })
  const words = TerminalText.neutralise(delta)
  const before = state.writing === itemId ? "" : fresh(state)
  return [{ writing: itemId, shown }, before + (known.dim ? paint("dim", words) : words)]
}

const usageLine = (usage: Usage | undefined, paint: Paint): ReadonlyArray<string> => {
  if (usage === undefined || tokens(usage) === 0) return []
  const cost = usage.costUsd === undefined ? "" : `, $${usage.costUsd.toFixed(4)}`
  return [paint("dim", `${tokens(usage).toLocaleString("en")} tokens${cost}`)]
}

const item = (
  state: State,
  event: Extract<ThreadEvent, { _tag: "ItemStarted" | "ItemCompleted" }>,
  paint: Paint
): Step => {
  const { item } = event
  const over = event._tag === "ItemCompleted"
  if (item._tag === "AssistantMessage" || item._tag === "Reasoning") {
    const known = state.shown.get(item.itemId) ?? { length: 0, dim: item._tag === "Reasoning" }
    const opened = { ...state, shown: new Map(state.shown).set(item.itemId, known) }
    const [written, text] = extend(opened, item.itemId, 0, item.text, paint)
    if (!over) return [written, text]
    const shown = new Map(written.shown)
    shown.delete(item.itemId)
    return written.writing === item.itemId
      ? [{ writing: undefined, shown }, `${text}\n`]
      : [{ ...written, shown }, text]
  }
  if (!over) return "status" in item ? lines(state, paint("cyan", `… ${headOf(item)}`)) : [state, ""]
  if (item._tag === "UserMessage") {
    return item.origin === undefined ? [state, ""] : lines(state, ...itemLines(item, paint))
  }
  return lines(state, ...("status" in item ? toolLines(item, paint) : itemLines(item, paint)))
}

const plainly = (event: ThreadEvent, paint: Paint): ReadonlyArray<string> => {
  switch (event._tag) {
    case "SessionStarted":
      return [`${paint("dim", TerminalText.line(event.instanceId))} ${continuityLine(event.continuity, paint)}`]
    case "TurnCompleted":
      return usageLine(event.usage, paint)
    case "TurnInterrupted":
      return [paint("yellow", `Interrupted by ${event.by}.`)]
    case "TurnFailed": {
      const { failure } = event
      const message = "message" in failure && failure.message !== undefined ? `: ${failure.message}` : ""
      return [paint("red", TerminalText.line(`The turn failed (${failure._tag})${message}`, 300))]
    }
    case "TurnUnknown":
      return [paint("red", `What became of the turn is not known (${event.reason}).`)]
    case "PlanUpdated":
      return event.steps.map(({ status, text }) =>
        paint(
          "dim",
          `${status === "completed" ? "[x]" : status === "in-progress" ? "[>]" : "[ ]"} ${TerminalText.line(text)}`
        )
      )
    case "RetryScheduled":
      return [
        paint("yellow", TerminalText.line(`The agent tries again (${event.attempt}). ${event.message ?? ""}`, 200))
      ]
    case "Warning":
      return [paint("yellow", TerminalText.line(`${event.code} ${event.message ?? ""}`, 300))]
    case "ErrorReported":
      return [paint("red", TerminalText.line(`${event.name} ${event.message ?? ""}`, 300))]
    case "CompactionGated":
      return [paint("dim", "The agent compacts its context ...")]
    case "CompactionSettled":
      return [paint("dim", `The compaction has ended: ${event.outcome}.`)]
    case "TaskStarted":
      return [paint("dim", TerminalText.line(`In the background: ${event.task.title}`))]
    case "TaskEnded":
      return [paint("dim", TerminalText.line(`Background ${event.task.status}: ${event.task.title}`))]
    case "Gap":
      return event.lost === "events" ? [paint("yellow", `Events are missing here (${event.cause}).`)] : []
    case "ThreadDeleted":
      return ["The thread was deleted."]
    default:
      return []
  }
}

/** The state after one more event, and the text to write. */
export const step = (state: State, event: ThreadEvent, paint: Paint): Step => {
  switch (event._tag) {
    case "ItemDelta":
      return event.field === "text" ? extend(state, event.itemId, event.offset, event.delta, paint) : [state, ""]
    case "ItemStarted":
    case "ItemCompleted":
      return item(state, event, paint)
    default:
      return lines(state, ...plainly(event, paint))
  }
}

/** What an open request asks of the user, and how it is answered. */
export const question = ({ _tag, request }: OpenRequest, paint: Paint): ReadonlyArray<string> => {
  const strong = (text: string) => paint(["bold", "yellow"], TerminalText.neutralise(text))
  switch (_tag) {
    case "Approval": {
      const { choices = [], covers, kind, subject } = request
      const always = covers === undefined ? "" : `, a: allow ${TerminalText.line(covers)} in this session`
      return [
        strong(`May the agent do this (${kind})? ${subject}`),
        ...choices.map(({ label }, n) => `  ${n + 1}: ${TerminalText.line(label)}`),
        paint("dim", `y: yes${always}, n: no; anything else is no, and the reason`)
      ]
    }
    case "Question":
      return [
        ...request.questions.flatMap(({ multiple, options, question }) => [
          strong(question),
          ...options.map(({ description, label }, n) =>
            `  ${n + 1}: ${TerminalText.line(description === undefined ? label : `${label} (${description})`)}`
          ),
          ...(multiple ? [paint("dim", "several, separated by commas")] : [])
        ]),
        paint("dim", `${request.questions.length > 1 ? "answers separated by semicolons; " : ""}/dismiss gives none`)
      ]
    case "Elicitation":
      return [
        strong(`${request.server ?? "A server"} asks: ${request.message}`),
        request.form._tag === "Url"
          ? `Open ${TerminalText.neutralise(request.form.url)} and press y when it is done, or n to decline.`
          : "It wants values of a form, which a terminal cannot give; n declines."
      ]
  }
}
