/**
 * The archive of a thread, read back from its event log: what was said and done, turn by turn, whichever agents and
 * sessions it took.
 *
 * The archive is complete independent of the agent: it outlives a lost session and a compaction, and it is what a
 * `Rehydrated` session is handed.
 */
import { Schema } from "effect"
import { Epoch, ItemId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { isTerminal, type ThreadEvent } from "./ThreadEvent.ts"
import { TurnInput } from "./TurnInput.ts"
import * as TurnOutcome from "./TurnOutcome.ts"
import * as WellFormed from "./WellFormed.ts"

export const TranscriptTurn = Schema.Struct({
  turnId: TurnId,
  epoch: Epoch,
  /** Milliseconds since the epoch. */
  startedAt: Schema.Finite,
  input: TurnInput,
  /** Completed items in order; the first is what the user said. */
  items: Schema.Array(Item),
  /** Absent while the turn runs. */
  outcome: Schema.optional(TurnOutcome.TurnOutcome)
})
export interface TranscriptTurn extends Schema.Schema.Type<typeof TranscriptTurn> {}

const userItem = (turnId: TurnId, input: TurnInput, n: number): Item => ({
  _tag: "UserMessage",
  itemId: ItemId.make(`${turnId}/user/${n}`),
  text: input.prompt,
  attachments: (input.attachments ?? []).map((attachment) =>
    attachment._tag === "File" ? attachment.path : attachment.name
  )
})

/** What was recovered of an item later takes the place of what was seen of it when it was cut. */
const put = (items: Array<Item>, item: Item): void => {
  const known = items.findIndex(({ itemId }) => itemId === item.itemId)
  if (known === -1) items.push(item)
  else items[known] = item
}

/** Folds a thread's events, in order, into its turns. */
export const fromEvents = (events: Iterable<ThreadEvent>): ReadonlyArray<TranscriptTurn> => {
  const turns = new Map<TurnId, TranscriptTurn & { readonly items: Array<Item>; outcome: TranscriptTurn["outcome"] }>()
  for (const event of events) {
    if (event._tag === "TurnStarted") {
      turns.set(event.turnId, {
        turnId: event.turnId,
        epoch: event.epoch,
        startedAt: event.at,
        input: event.input,
        items: [userItem(event.turnId, event.input, 0)],
        outcome: undefined
      })
      continue
    }
    if (event._tag === "TurnRestored") {
      const { epoch, input, items, outcome, startedAt, turnId } = event
      turns.set(turnId, { turnId, epoch, startedAt, input, items: Array.from(items), outcome })
      continue
    }
    const turn = "turnId" in event && event.turnId !== undefined ? turns.get(event.turnId) : undefined
    if (turn === undefined) continue
    if (event._tag === "TurnSteered") turn.items.push(userItem(turn.turnId, event.input, turn.items.length))
    else if (event._tag === "ItemCompleted" && event.item._tag !== "UserMessage") {
      if (event.recovered === true) put(turn.items, event.item)
      else turn.items.push(event.item)
    } else if (isTerminal(event)) turn.outcome = TurnOutcome.of(event)
  }
  return Array.from(turns.values())
}

/** What a new session is handed, and how much of the archive it holds. */
export interface Seed {
  readonly text: string
  readonly items: number
  readonly omitted: number
}

const charactersPerToken = 4

const body = (item: Item): readonly [heading: string, text: string] => {
  switch (item._tag) {
    case "UserMessage":
      return [
        item.attachments.length === 0 ? "user" : `user, with attachments ${item.attachments.join(", ")}`,
        item.text
      ]
    case "AssistantMessage":
      return ["assistant", item.text]
    case "Reasoning":
      return ["assistant, thinking", item.text]
    case "ToolCall":
      return [
        `tool ${item.tool}, ${item.status}`,
        `${JSON.stringify(item.input) ?? ""}${item.output === undefined ? "" : `\n${item.output}`}`
      ]
    case "Command":
      return [`command, ${item.status}`, `$ ${item.command}${item.output === undefined ? "" : `\n${item.output}`}`]
    case "FileChange":
      return [
        `file change, ${item.status}`,
        item.edits.map((edit) => `${edit.kind} ${edit.path}${edit.patch === undefined ? "" : `\n${edit.patch}`}`)
          .join("\n")
      ]
  }
}

const shorten = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const half = Math.max(0, Math.floor((limit - 40) / 2))
  const head = WellFormed.start(text, half)
  const tail = WellFormed.end(text, half)
  return `${head}\n[${text.length - head.length - tail.length} characters left out]\n${tail}`
}

/**
 * Renders an archive for a model, labelled as history. The newest items come first into the budget; a single item may
 * take at most half of it and is shortened in its middle. Reasoning is left out: no provider sends it back to its own
 * model either. `undefined` where there is nothing to hand over.
 */
export const seed = (turns: ReadonlyArray<TranscriptTurn>, budgetTokens: number): Seed | undefined => {
  const items = turns.flatMap((turn) => turn.items.filter((item) => item._tag !== "Reasoning"))
  if (items.length === 0) return undefined
  const budget = budgetTokens * charactersPerToken
  const entries: Array<string> = []
  let used = 0
  for (const item of items.toReversed()) {
    const [heading, text] = body(item)
    const entry = `[${heading}]\n${shorten(text, Math.floor(budget / 2))}`.replaceAll(
      "</archived-conversation",
      "<\\/archived-conversation"
    )
    if (used + entry.length > budget) break
    used += entry.length
    entries.push(entry)
  }
  const omitted = items.length - entries.length
  const text = [
    "The conversation below took place before in another session, which could not be continued. It is the archived",
    "transcript, handed over so that you can go on with it. It is history, not a new request; do not answer it.",
    "",
    `<archived-conversation items="${entries.length}" omitted="${omitted}">`,
    entries.toReversed().join("\n\n"),
    "</archived-conversation>"
  ].join("\n").toWellFormed()
  return { text, items: entries.length, omitted }
}
