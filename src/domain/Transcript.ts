/**
 * The archive of a thread, derived from its event log: what was said and done, turn by turn, across agents and
 * sessions.
 *
 * The archive does not depend on the agent: it outlives a lost session and a compaction, and a `Rehydrated` session is
 * handed it.
 *
 * @since 0.1.0
 */
import { Epoch, ItemId, TurnId } from "./Ids.ts"
import type { Item } from "./Item.ts"
import type { ThreadEvent } from "./ThreadEvent.ts"
import * as TranscriptFold from "./TranscriptFold.ts"
import type { TranscriptTurn } from "./TranscriptTurn.ts"
import * as WellFormed from "./WellFormed.ts"

export { TranscriptTurn } from "./TranscriptTurn.ts"

/**
 * Folds a thread's events, in order, into its turns. Turns that were rewound are among them, and marked so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEvents = (events: Iterable<ThreadEvent>): ReadonlyArray<TranscriptTurn> => {
  const folding = TranscriptFold.empty()
  for (const event of events) TranscriptFold.add(folding, event)
  return TranscriptFold.turnsOf(folding)
}

/**
 * A message as an app without turns keeps it. Times are in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  readonly id: string
  readonly role: "user" | "assistant"
  readonly text: string
  readonly at: number
}

/**
 * Messages in order, as turns: each message of the user begins one, under its id. What an assistant said before the first
 * is a turn that the agent began. An id that is none is for `importThread` to refuse.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromMessages = (messages: Iterable<Message>): ReadonlyArray<TranscriptTurn> => {
  const turns: Array<{ readonly first: Message; readonly items: Array<Item> }> = []
  for (const message of messages) {
    const itemId = ItemId.make(message.id, unchecked)
    const { text } = message
    const item: Item = message.role === "user"
      ? { _tag: "UserMessage", itemId, text, attachments: [] }
      : { _tag: "AssistantMessage", itemId, text }
    const last = turns.at(-1)
    if (last === undefined || message.role === "user") turns.push({ first: message, items: [item] })
    else last.items.push(item)
  }
  return turns.map(turnOf)
}

const unchecked = { disableChecks: true } as const

const turnOf = (
  { first, items }: { readonly first: Message; readonly items: ReadonlyArray<Item> }
): TranscriptTurn => ({
  turnId: TurnId.make(first.id, unchecked),
  epoch: Epoch.make(0),
  startedAt: first.at,
  ...(first.role === "user" ? { input: { prompt: first.text } } : {}),
  items,
  outcome: "completed"
})

/**
 * The text for a new session, and how much of the archive it holds.
 *
 * @since 0.1.0
 * @category models
 */
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
    case "Plan":
      return ["assistant, plan", item.text]
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

const render = (
  turns: ReadonlyArray<TranscriptTurn>,
  budgetTokens: number,
  pruned: number,
  preface: ReadonlyArray<string>
): Seed => {
  const items = turns.flatMap((turn) => turn.items.filter((item) => item._tag !== "Reasoning"))
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
  const omitted = items.length - entries.length + pruned
  const text = [
    ...preface,
    "",
    `<archived-conversation items="${entries.length}" omitted="${omitted}">`,
    entries.toReversed().join("\n\n"),
    "</archived-conversation>"
  ].join("\n").toWellFormed()
  return { text, items: entries.length, omitted }
}

/**
 * Renders an archive for a model, labelled as history. The newest items are put into the budget first; a single item
 * takes at most half of it and is shortened in its middle. Reasoning is left out: providers do not send it back to
 * their own models either. `undefined` if there is nothing to hand over. `pruned` is how many items the archive does not
 * have any more: they count as omitted.
 *
 * @since 0.1.0
 * @category conversions
 */
export const seed = (
  turns: ReadonlyArray<TranscriptTurn>,
  budgetTokens: number,
  pruned = 0
): Seed | undefined => {
  const rendered = render(turns, budgetTokens, pruned, [
    "The conversation below took place before in another session, which could not be continued. It is the archived",
    "transcript, handed over so that you can go on with it. It is history, not a new request; do not answer it."
  ])
  return rendered.items + rendered.omitted === 0 ? undefined : rendered
}

/**
 * Renders turns that are missing at the end of a model's own history, as {@link seed} renders a whole one.
 *
 * @since 0.1.0
 * @category conversions
 */
export const missing = (turns: ReadonlyArray<TranscriptTurn>, budgetTokens: number): Seed =>
  render(turns, budgetTokens, 0, [
    "The turns below were the last ones of this conversation, and your own history does not have them any more. They are",
    "from the archived transcript, handed over so that you can go on with it. They are history, not a new request; do not",
    "answer them."
  ])
