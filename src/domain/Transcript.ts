/**
 * The archive of a thread, derived from its event log: what was said and done, turn by turn, across agents and
 * sessions.
 *
 * The archive does not depend on the agent: it outlives a lost session and a compaction, and a `Rehydrated` session is
 * handed it.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Epoch, ItemId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { isTerminal, type ThreadEvent } from "./ThreadEvent.ts"
import { TurnCause } from "./TurnCause.ts"
import { TurnInput } from "./TurnInput.ts"
import * as TurnOutcome from "./TurnOutcome.ts"
import * as WellFormed from "./WellFormed.ts"

/**
 * One turn: its input, its completed items, and its outcome.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TranscriptTurn = Schema.Struct({
  turnId: TurnId,
  epoch: Epoch,
  /** Milliseconds since the epoch. */
  startedAt: Schema.Finite,
  /** Absent for a turn that the agent began. */
  input: Schema.optionalKey(TurnInput),
  /** Why the agent began it; absent for a turn that was sent. */
  cause: Schema.optionalKey(TurnCause),
  /** Completed items in order; the first is what the user said, if the turn was sent. */
  items: Schema.Array(Item),
  /** Absent while the turn runs. */
  outcome: Schema.optional(TurnOutcome.TurnOutcome),
  /**
   * Items that hold only what was seen of them, because the turn or the session ended before the agent completed them.
   */
  cut: Schema.optionalKey(Schema.Array(ItemId)),
  /** Set if the conversation was taken back to before this turn: no model is handed it any more. */
  rewound: Schema.optionalKey(Schema.Literal(true))
})

/**
 * One turn: its input, its completed items, and its outcome.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface TranscriptTurn extends Schema.Schema.Type<typeof TranscriptTurn> {}

const userItem = (turnId: TurnId, input: TurnInput, n: number): Item => ({
  _tag: "UserMessage",
  itemId: ItemId.make(`${turnId}.user.${n}`),
  text: input.prompt,
  attachments: (input.attachments ?? []).map((attachment) =>
    attachment._tag === "File" ? attachment.path : attachment.name
  )
})

/** A turn while its events are folded. */
interface Folded extends Omit<TranscriptTurn, "items" | "outcome" | "cut" | "rewound"> {
  readonly items: Array<Item>
  readonly cut: Set<ItemId>
  outcome: TranscriptTurn["outcome"]
  rewound: boolean
}

/** A later version of a cut item, from the agent or its history, replaces it. */
const complete = (
  turn: Folded,
  { cut, item, recovered }: Extract<ThreadEvent, { readonly _tag: "ItemCompleted" }>
): void => {
  const { itemId } = item
  const known = recovered === true || turn.cut.has(itemId) ? turn.items.findIndex((one) => one.itemId === itemId) : -1
  if (known === -1) turn.items.push(item)
  else turn.items[known] = item
  if (cut === true) turn.cut.add(itemId)
  else turn.cut.delete(itemId)
}

/** The turn and those after it are no part of the conversation any more. */
const rewind = (turns: ReadonlyMap<TurnId, Folded>, before: TurnId): void => {
  let found = false
  for (const turn of turns.values()) {
    found ||= turn.turnId === before
    if (found) turn.rewound = true
  }
}

/**
 * Folds a thread's events, in order, into its turns. Turns that were rewound are among them, and marked so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromEvents = (events: Iterable<ThreadEvent>): ReadonlyArray<TranscriptTurn> => {
  const turns = new Map<TurnId, Folded>()
  /** Items that went on after their turn, and that turn. */
  const detached = new Map<ItemId, TurnId>()
  for (const event of events) {
    if (event._tag === "TurnStarted") {
      turns.set(event.turnId, {
        turnId: event.turnId,
        epoch: event.epoch,
        startedAt: event.at,
        input: event.input,
        items: [userItem(event.turnId, event.input, 0)],
        cut: new Set(),
        outcome: undefined,
        rewound: false
      })
      continue
    }
    if (event._tag === "TurnRestored") {
      const { cause, epoch, input, items, outcome, startedAt, turnId } = event
      turns.set(turnId, {
        turnId,
        epoch,
        startedAt,
        ...(input === undefined ? {} : { input }),
        ...(cause === undefined ? {} : { cause }),
        items: Array.from(items),
        cut: new Set(),
        outcome,
        rewound: false
      })
      continue
    }
    if (event._tag === "TurnBegan") {
      const { at, cause, epoch, turnId } = event
      turns.set(turnId, {
        turnId,
        epoch,
        startedAt: at,
        cause,
        items: [],
        cut: new Set(),
        outcome: undefined,
        rewound: false
      })
      continue
    }
    if (event._tag === "ThreadRewound") {
      rewind(turns, event.before)
      continue
    }
    if (event._tag === "ItemDetached" && event.turnId !== undefined) detached.set(event.item.itemId, event.turnId)
    const turnId = "turnId" in event
      ? event.turnId
      : event._tag === "ItemCompleted"
      ? detached.get(event.item.itemId)
      : undefined
    const turn = turnId === undefined ? undefined : turns.get(turnId)
    if (turn === undefined) continue
    if (event._tag === "TurnSteered") turn.items.push(userItem(turn.turnId, event.input, turn.items.length))
    else if (event._tag === "ItemCompleted" && event.item._tag !== "UserMessage") complete(turn, event)
    else if (isTerminal(event)) turn.outcome = TurnOutcome.of(event)
  }
  return Array.from(
    turns.values(),
    ({ cut, rewound, ...turn }): TranscriptTurn => ({
      ...turn,
      ...(cut.size === 0 ? {} : { cut: Array.from(cut) }),
      ...(rewound ? { rewound } : {})
    })
  )
}

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

/**
 * Renders an archive for a model, labelled as history. The newest items are put into the budget first; a single item
 * takes at most half of it and is shortened in its middle. Reasoning is left out: providers do not send it back to
 * their own models either. `undefined` if there is nothing to hand over.
 *
 * @since 0.1.0
 * @category conversions
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
