/**
 * Folds the events of a thread into its turns, one after the other, so that a log of any length is read page by page.
 */
import { Struct } from "effect"
import type { Annotation } from "./AppData.ts"
import type { ItemId, TurnId } from "./Ids.ts"
import type { Item } from "./Item.ts"
import { isTerminal, type ThreadEvent } from "./ThreadEvent.ts"
import type { TranscriptTurn } from "./TranscriptTurn.ts"
import { type RecordedInput, wordsOf } from "./TurnInput.ts"
import * as TurnOutcome from "./TurnOutcome.ts"

/** What is made of a turn's id needs no check of its own. A Schema here would make pages that fold events many times larger. */
function assertId(_id: string): asserts _id is ItemId {}

/** The words of a user have no id of their own. */
const idOf = (turnId: TurnId, n: number): ItemId => {
  const id: string = `${turnId}.user.${n}`
  assertId(id)
  return id
}

/** What the user has said, as an item: what came `n` items after the beginning of the turn. */
export const userItem = (turnId: TurnId, input: RecordedInput, n: number): Item => ({
  _tag: "UserMessage",
  itemId: idOf(turnId, n),
  text: wordsOf(input),
  attachments: (input.attachments ?? []).map((attachment) =>
    attachment._tag === "File" ? attachment.path : attachment.name
  )
})

/** A turn while its events are folded. */
interface Folded extends Omit<TranscriptTurn, "items" | "outcome" | "cut" | "annotations" | "rewound"> {
  readonly items: Array<Item>
  readonly cut: Set<ItemId>
  readonly annotations: Array<Annotation & { readonly seq: number }>
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

/** The turn and those after it are no part of the conversation any more. One that is not here was pruned: it was older. */
const rewind = (turns: ReadonlyMap<TurnId, Folded>, before: TurnId): void => {
  let found = !turns.has(before)
  for (const turn of turns.values()) {
    found ||= turn.turnId === before
    if (found) turn.rewound = true
  }
}

/** What was folded so far. It is changed in place. */
export interface Folding {
  readonly turns: Map<TurnId, Folded>
  /** Items that went on after their turn, and that turn. */
  readonly detached: Map<ItemId, TurnId>
  /** The turn that began last. */
  last: TurnId | undefined
}

export const empty = (): Folding => ({ turns: new Map(), detached: new Map(), last: undefined })

/** Whether one of the turns has not ended yet. */
export const isOpen = ({ turns }: Folding): boolean =>
  Array.from(turns.values()).some(({ outcome }) => outcome === undefined)

const begin = (
  folding: Folding,
  { annotations = [], ...turn }: Omit<Folded, "cut" | "annotations" | "rewound"> & Pick<TranscriptTurn, "annotations">,
  seq: number
): void => {
  folding.last = turn.turnId
  folding.turns.set(turn.turnId, {
    ...turn,
    cut: new Set(),
    annotations: annotations.map((annotation) => ({ ...annotation, seq })),
    rewound: false
  })
}

/** What the app said of no turn belongs to the one that it follows; `of` is that turn, where the reader knows it. */
export const annotate = (
  { last, turns }: Folding,
  { at, data, kind, seq, turnId }: Extract<ThreadEvent, { readonly _tag: "Annotated" }>,
  of = turnId ?? last
): void => {
  if (of !== undefined) turns.get(of)?.annotations.push({ at, kind, data, seq })
}

/** The turn that an event belongs to, if it was begun. */
const turnOf = ({ detached, turns }: Folding, event: ThreadEvent): Folded | undefined => {
  const turnId = "turnId" in event
    ? event.turnId
    : event._tag === "ItemCompleted"
    ? detached.get(event.item.itemId)
    : undefined
  return turnId === undefined ? undefined : turns.get(turnId)
}

/** The input of the turn says them. */
export const isOwnWords = (item: Item): boolean => item._tag === "UserMessage" && item.origin === undefined

/** Adds the event that follows those before. */
export const add = (folding: Folding, event: ThreadEvent): void => {
  switch (event._tag) {
    case "TurnStarted": {
      const { at, epoch, input, turnId } = event
      const items = [userItem(turnId, input, 0)]
      return begin(folding, { turnId, epoch, startedAt: at, input, items, outcome: undefined }, event.seq)
    }
    case "TurnBegan": {
      const { at, cause, epoch, turnId } = event
      return begin(folding, { turnId, epoch, startedAt: at, cause, items: [], outcome: undefined }, event.seq)
    }
    case "TurnRestored": {
      const { annotations, cause, epoch, input, items, outcome, startedAt, turnId } = event
      return begin(folding, {
        turnId,
        epoch,
        startedAt,
        ...(input === undefined ? {} : { input }),
        ...(cause === undefined ? {} : { cause }),
        items: Array.from(items),
        outcome,
        ...(annotations === undefined ? {} : { annotations })
      }, event.seq)
    }
    case "Annotated":
      return annotate(folding, event)
    case "ThreadRewound":
      return rewind(folding.turns, event.before)
  }
  if (event._tag === "ItemDetached" && event.turnId !== undefined) {
    folding.detached.set(event.item.itemId, event.turnId)
  }
  const turn = turnOf(folding, event)
  if (turn === undefined) return
  if (event._tag === "TurnSteered") turn.items.push(userItem(turn.turnId, event.input, turn.items.length))
  else if (event._tag === "ItemCompleted" && !isOwnWords(event.item)) complete(turn, event)
  else if (isTerminal(event)) turn.outcome = TurnOutcome.of(event)
}

/** The turns as they are told now, in the order in which they began. */
export const turnsOf = ({ turns }: Folding): ReadonlyArray<TranscriptTurn> =>
  Array.from(
    turns.values(),
    ({ annotations, cut, outcome, rewound, ...turn }): TranscriptTurn => ({
      ...turn,
      ...(outcome === undefined ? {} : { outcome }),
      ...(annotations.length === 0
        ? {}
        : { annotations: annotations.toSorted((a, b) => a.seq - b.seq).map(Struct.pick(["at", "kind", "data"])) }),
      ...(cut.size === 0 ? {} : { cut: Array.from(cut) }),
      ...(rewound ? { rewound } : {})
    })
  )
