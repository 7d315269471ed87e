/**
 * Parts and deltas as items: what OpenCode says of each, written into the session's {@link ItemLedger}.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import { ItemId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { add, type Usage, zero } from "../../domain/Usage.ts"
import { fromText, fromTool, shown } from "../protocol/Items.ts"
import type { StepFinishPart, TextPart, ToolPart } from "../protocol/Message.ts"
import { andThen, type Brought, inTurn, put, type State, type Step, step } from "./TurnState.ts"

const into = (state: State, { events, state: items }: ItemLedger.Step<TextPart | ToolPart>): Step =>
  step({ ...state, items }, events)

/** New text of a part. The hot path. An empty part may stay empty, so its item starts with its first text. */
export const delta = (state: State, itemId: ItemId, text: string): Step =>
  state.items.open.get(itemId)?.about.type === "tool"
    ? step(state)
    : into(state, ItemLedger.append(state.items, inTurn(state), itemId, text))

/** A text or reasoning part as it stands. */
export const textPart = (state: State, part: TextPart, recovered: boolean): Step => {
  const itemId = part.id
  if (!shown(part) || state.items.done.has(itemId)) return step(state)
  const isOpen = state.items.open.has(itemId)
  if (part.time?.end !== undefined) {
    return part.text === "" && !isOpen
      ? step(state)
      : into(state, ItemLedger.complete(state.items, inTurn(state), fromText(part, part.text, state), { recovered }))
  }
  if (isOpen) return step(state)
  // Of two texts in one message, the first is of an attempt that was given up, or it would have ended.
  const before = part.type === "text"
    ? abandonTexts(state, (open) => open.type === "text" && open.messageID === part.messageID)
    : step(state)
  return andThen(before, (state) => {
    const items = ItemLedger.expect(state.items, fromText(part, "", state), part, { torn: recovered })
    return delta({ ...state, items }, part.id, part.text)
  })
}

/** Ends texts where they broke off: OpenCode asks its model again and never comes back to them (1.18.33). */
export const abandonTexts = (state: State, isAbandoned: (part: TextPart) => boolean): Step =>
  into(
    state,
    ItemLedger.closeAll(state.items, inTurn(state), {
      stays: ({ about }) => about.type === "tool" || !isAbandoned(about)
    })
  )

/** A tool's part as it stands. It starts once its input is known. */
export const toolPart = (state: State, part: ToolPart, recovered: boolean): Step => {
  const item = fromTool(part, state)
  switch (part.state.status) {
    case "completed":
    case "error":
      return into(state, ItemLedger.complete(state.items, inTurn(state), item, { recovered }))
    case "pending":
      return step({ ...state, items: ItemLedger.expect(state.items, item, part) })
    default:
      return into(state, ItemLedger.show(state.items, inTurn(state), item, part))
  }
}

/** Completes the items that a turn leaves open, as failed. Those of a subagent that still works stay open. */
export const closeAll = (state: State): Step =>
  into(
    state,
    ItemLedger.closeAll(state.items, inTurn(state), {
      stays: ({ about }) => about.sessionID !== state.root && state.children.get(about.sessionID) === true,
      last: ({ about, item }) =>
        about.type === "tool" ? fromTool({ ...about, state: { ...about.state, status: "error" } }, state) : item
    })
  )

/** After a hole in the stream it is not known how much text of the open items is missing. */
export const tear = (state: State): Step => into(state, ItemLedger.tear(state.items, inTurn(state)))

// --- usage ---

/**
 * Each step of the model reports once; the turn's usage is their sum, subagents included. One that wrote a summary brings
 * nothing to the turn, and is not told.
 */
export const stepFinish = (state: State, part: StepFinishPart, brought: Brought | undefined): Step => {
  if (state.usage.has(part.id)) return step(state)
  const usage = usageOf(part)
  const next = { ...state, usage: put(state.usage, part.id, usage) }
  const updated: ProviderEvent = { _tag: "UsageUpdated", ...inTurn(state), usage: total(next) }
  return step(
    next,
    brought === undefined ? [updated] : [{ _tag: "StepEnded", ...inTurn(state), usage, brought }, updated]
  )
}

export const usageOf = ({ cost, tokens }: StepFinishPart): Usage => {
  const { input, output, reasoning, cache } = tokens
  // OpenCode says 0 where a model has no price, so 0 is not known to be a price.
  const priced = cost > 0 ? { costUsd: cost } : {}
  return { input, output, reasoning, cacheRead: cache.read, cacheWrite: cache.write, ...priced }
}

export const total = (state: State): Usage => Array.from(state.usage.values()).reduce(add, zero)
