/** Messages and reasoning as text that grows. */
import { HashMap } from "effect"
import type { ItemId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { UIMessageChunk } from "../UIMessageChunk.ts"
import { type State, type Step, type TextPart, textPartOf, withPart } from "./foldState.ts"

export type TextItem = Extract<Item, { readonly _tag: "AssistantMessage" | "Reasoning" }>

const kindOf = ({ _tag }: TextItem): TextPart["kind"] => _tag === "Reasoning" ? "reasoning" : "text"

const start = ({ itemId, subagent }: TextItem, kind: TextPart["kind"]): UIMessageChunk => ({
  type: `${kind}-start`,
  id: itemId,
  ...(subagent === undefined ? {} : { providerMetadata: { eca: { subagent } } })
})

/** The text from `offset` on: what the reader has of it already is left out, and so is what follows a hole. */
export const extend = (state: State, itemId: ItemId, offset: number, text: string): Step => {
  const part = textPartOf(state, itemId)
  if (part === undefined || !part.open || offset > part.shown) return [state, []]
  const delta = text.slice(part.shown - offset)
  if (delta === "") return [state, []]
  const next = withPart(state, itemId, { ...part, shown: part.shown + delta.length })
  return [next, [{ type: `${part.kind}-delta`, id: itemId, delta }]]
}

/** The item as it stands. An item that was over and comes again, longer, goes on as a part of its own. */
export const takeText = (state: State, item: TextItem, over: boolean): Step => {
  const { itemId, text } = item
  const part = textPartOf(state, itemId)
  const kind = kindOf(item)
  const shown = part?.shown ?? 0
  const begins = part?.open !== true
  if (begins && part !== undefined && text.length <= shown) return [state, []]
  const opened = begins ? withPart(state, itemId, { _tag: "Text", kind, shown, open: true }) : state
  const [extended, delta] = extend(opened, itemId, 0, text)
  const chunks = [...(begins ? [start(item, kind)] : []), ...delta]
  if (!over) return [extended, chunks]
  const closed = { _tag: "Text", kind, shown: Math.max(shown, text.length), open: false } as const
  return [withPart(extended, itemId, closed), [...chunks, { type: `${kind}-end`, id: itemId }]]
}

/** Ends the text that is open: the stream is over, or pauses. */
export const closeTexts = (state: State): ReadonlyArray<UIMessageChunk> =>
  Array.from(
    HashMap.entries(state.parts)
  ).flatMap(([itemId, part]): ReadonlyArray<UIMessageChunk> =>
    part._tag === "Text" && part.open ? [{ type: `${part.kind}-end`, id: itemId }] : []
  )
