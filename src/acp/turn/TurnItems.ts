/**
 * Messages, thoughts and tool calls of a turn.
 *
 * The protocol's chunks of text bear no position, and many agents give no id: a message goes on until something else
 * comes. Ids of tool calls are the model's, which may repeat in another turn, so ours begin with the turn's. They may be
 * numbers, too, so those of messages are set apart.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import { ItemId, type TurnId } from "../../domain/Ids.ts"
import { ended, type Item } from "../../domain/Item.ts"
import { andThen } from "../../domain/Step.ts"
import * as Items from "../protocol/Items.ts"
import { type ContentBlock, merge, type ToolCall } from "../protocol/ToolCall.ts"
import { type Known, place, type State, type Step, step, type Turn, withItems, withTurn } from "./TurnState.ts"

interface Chunk {
  readonly _tag: string
  readonly content: ContentBlock
  readonly messageId?: string | null
}

export const chunk = (
  state: State,
  kind: "AssistantMessage" | "Reasoning",
  { _tag, content, messageId }: Chunk,
  raw: unknown
): Step => {
  const { turn } = state
  if (content.type !== "text" || turn === undefined) return unplaced(state, _tag, raw)
  const text = content.text ?? ""
  if (text === "") return step(state)
  const native = messageId ?? undefined
  const open = turn.message
  if (open?.kind === kind && open.native === native) {
    return withItems(state, ItemLedger.append(state.items, place(state), open.itemId, text))
  }
  return andThen(closeMessage(state), (state) => {
    const messages = turn.messages + 1
    const itemId = ItemId.make(`${turn.turnId}.${messages}`)
    return withItems(
      withTurn(state, { messages, message: { itemId, kind, native } }),
      ItemLedger.show(state.items, place(state), { _tag: kind, itemId, text }, undefined)
    )
  })
}

/** What is being written is whole once something else comes. */
const closeMessage = (state: State): Step => {
  const message = state.turn?.message
  const open = message === undefined ? undefined : state.items.open.get(message.itemId)
  if (open === undefined) return step(state)
  return withItems(
    withTurn(state, { message: undefined }),
    ItemLedger.complete(state.items, place(state), open.item)
  )
}

export const idOf = (turnId: TurnId, call: ToolCall): ItemId => ItemId.make(`${turnId}-${call.toolCallId}`)

/** What is known of a call that is open. */
export const aboutOf = (state: State, call: ToolCall): Known => {
  const { turn } = state
  const known = turn === undefined ? undefined : state.items.open.get(idOf(turn.turnId, call))?.about
  const merged = merge(known?.call, call)
  return { ...known, call: state.dialect.refine?.(merged) ?? merged, declined: known?.declined ?? false }
}

/**
 * What is new of a call. One that says nothing yet is not shown, so that an item begins as something. `decided` is what
 * became of its permission.
 */
export const tool = (
  state: State,
  next: ToolCall,
  from: { readonly type: string; readonly raw: unknown },
  at: number,
  decided?: "allowed" | "declined"
): Step => {
  const { dialect, turn } = state
  if (turn === undefined) return unplaced(state, from.type, from.raw)
  const known = aboutOf(state, next)
  const since = decided === "allowed" ? at : known.since ?? (next.status === "in_progress" ? at : undefined)
  const about = { ...known, since, declined: known.declined || decided === "declined" }
  return andThen(closeMessage(state), (state) => {
    const item = itemOf(turn, about, state, at)
    if (Items.isOver(about.call)) return withItems(state, ItemLedger.complete(state.items, place(state), item))
    return Items.isTelling(about.call, dialect)
      ? withItems(state, ItemLedger.show(state.items, place(state), item, about))
      : step({ ...state, items: ItemLedger.expect(state.items, item, about) })
  })
}

/** What waited for the user goes on now. */
export const allowed = (state: State, call: ToolCall, at: number): State => {
  const { turn } = state
  const open = turn === undefined ? undefined : state.items.open.get(idOf(turn.turnId, call))
  return open?.about === undefined
    ? state
    : { ...state, items: ItemLedger.expect(state.items, open.item, { ...open.about, since: at }) }
}

const itemOf = ({ turnId }: Turn, { call, declined, since }: Known, { dialect }: State, at: number): Item => {
  const item = Items.toItem(call, idOf(turnId, call), declined, dialect)
  return !("status" in item) || since === undefined || declined ? item : {
    ...item,
    startedAt: since,
    // A clock may be set back.
    ...(Items.isOver(call) ? { durationMillis: Math.max(0, at - since) } : {})
  }
}

/**
 * The turn is over: what is open is completed with what was seen of it, and a call that the user refused is declined.
 */
export const close = (state: State): Step =>
  withItems(
    withTurn(state, { message: undefined }),
    ItemLedger.closeAll(state.items, place(state), {
      last: ({ about, item }) =>
        about?.declined === true && "status" in item ? { ...item, status: "declined" } : ended(item)
    })
  )

/** It belongs to no turn, or is nothing that an item can hold. */
const unplaced = (state: State, type: string, raw: unknown): Step =>
  step(state, [{ _tag: "Unrecognized", ...place(state), type, raw }])
