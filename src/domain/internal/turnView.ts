/**
 * One turn of a view: its items as they stand, with the text of their deltas.
 */
import type { ItemId } from "../Ids.ts"
import type { Item } from "../Item.ts"
import * as OpenWork from "../OpenWork.ts"
import * as TranscriptFold from "../TranscriptFold.ts"
import type { TranscriptTurn } from "../TranscriptTurn.ts"
import type { RecordedInput } from "../TurnInput.ts"
import type { ItemView, TurnView } from "./viewState.ts"

type Items = ReadonlyArray<ItemView>

/** The newest first: it is the one that is spoken of. */
const indexOf = (items: Items, itemId: ItemId): number => items.findLastIndex(({ item }) => item.itemId === itemId)

const replace = <A>(list: ReadonlyArray<A>, n: number, one: A): ReadonlyArray<A> => {
  const changed = list.slice()
  changed[n] = one
  return changed
}

/** As `update` makes it; the list itself where that is as it was. */
export const updateAt = <A>(list: ReadonlyArray<A>, n: number, update: (one: A) => A): ReadonlyArray<A> => {
  const one = list[n]
  if (one === undefined) return list
  const changed = update(one)
  return changed === one ? list : replace(list, n, changed)
}

export const has = (turn: TurnView, itemId: ItemId): boolean => indexOf(turn.items, itemId) !== -1

/** The item as it stands now; behind the others if it is new. */
export const put = (items: Items, item: Item, state: ItemView["state"]): Items => {
  const n = indexOf(items, item.itemId)
  return n === -1 ? [...items, { item, state }] : replace(items, n, { item, state })
}

/** With more text. What does not follow the text that is there is left out: the whole of it comes with the item's end. */
export const extend = (items: Items, itemId: ItemId, offset: number, delta: string): Items =>
  updateAt(items, indexOf(items, itemId), (one) => {
    if (one.state !== "open" || offset > lengthOf(one.item)) return one
    return { item: OpenWork.extend(one.item, offset, delta), state: "open" }
  })

const lengthOf = (item: Item): number =>
  "text" in item ? item.text.length : "output" in item ? item.output?.length ?? 0 : 0

const said = (turn: TurnView, input: RecordedInput): TurnView => {
  const told = turn.items.filter(({ state }) => state !== "open").length
  return {
    ...turn,
    items: [...turn.items, { item: TranscriptFold.userItem(turn.turnId, input, told), state: "completed" }]
  }
}

export const begin = (turn: Omit<TurnView, "items">): TurnView => {
  const begun: TurnView = { ...turn, items: [] }
  return turn.input === undefined ? begun : said(begun, turn.input)
}

export const steer = said

export const fromTranscript = ({ cut = [], items, outcome, ...turn }: TranscriptTurn): TurnView => ({
  ...turn,
  items: items.map((item) => ({ item, state: cut.includes(item.itemId) ? "cut" : "completed" })),
  ...(outcome === undefined ? {} : { outcome })
})
