/**
 * Parts and deltas as item events: each item is started once, streams its text, and is completed once.
 */
import { ItemId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { add, type Usage, zero } from "../../domain/Usage.ts"
import { fromText, fromTool, shown } from "../protocol/Items.ts"
import type { StepFinishPart, TextPart, ToolPart } from "../protocol/Message.ts"
import {
  type Brought,
  including,
  inTurn,
  type OpenItem,
  put,
  type State,
  type Step,
  step,
  without
} from "./TurnState.ts"

/** New text of a part. The hot path. */
export const delta = (state: State, partId: string, text: string): Step => {
  const open = state.items.get(partId)
  if (open?.kind !== "text" || text === "") return step(state)
  const next = { ...state, items: put(state.items, partId, { ...open, text: open.text + text, started: true }) }
  if (open.torn) return step(next)
  const event: ProviderEvent = {
    _tag: "ItemDelta",
    ...inTurn(state),
    itemId: ItemId.make(partId),
    field: "text",
    offset: open.text.length,
    delta: text
  }
  // An empty part may stay empty, so an item starts with its first text.
  return step(next, open.started ? [event] : [started(state, fromText(open.part, "", state)), event])
}

/** A text or reasoning part as it stands. */
export const textPart = (state: State, part: TextPart, recovered: boolean): Step => {
  if (!shown(part) || state.done.has(part.id)) return step(state)
  const open = state.items.get(part.id)
  if (part.time?.end !== undefined) {
    if (part.text === "" && open === undefined) return step(state)
    return complete(state, part.id, fromText(part, part.text, state), open?.started === true, recovered)
  }
  if (open !== undefined) return step(state)
  const next: OpenItem = { kind: "text", part, text: "", started: false, torn: recovered }
  const opened = { ...state, items: put(state.items, part.id, next) }
  return part.text === "" ? step(opened) : delta(opened, part.id, part.text)
}

/** A tool's part as it stands. It starts once its input is known. */
export const toolPart = (state: State, part: ToolPart, recovered: boolean): Step => {
  if (state.done.has(part.id)) return step(state)
  const open = state.items.get(part.id)
  const isStarted = open?.kind === "tool" && open.started
  const item = fromTool(part, state)
  const { status } = part.state
  if (status === "completed" || status === "error") return complete(state, part.id, item, isStarted, recovered)
  const items = put(state.items, part.id, { kind: "tool", part, started: isStarted || status === "running" } as const)
  if (status === "pending") return step({ ...state, items })
  const shown = isStarted ? fromTool(open.part, state) : undefined
  return step({ ...state, items }, shown === undefined ? [started(state, item)] : changes(state, shown, item))
}

/** A running tool as it was shown, and as it is. OpenCode sends a command's output whole each time; told is what is new. */
const changes = (state: State, before: Item, now: Item): ReadonlyArray<ProviderEvent> => {
  const updated: ProviderEvent = { _tag: "ItemUpdated", ...inTurn(state), item: now }
  if (before._tag !== "Command" || now._tag !== "Command" || before.command !== now.command) return [updated]
  const [known, output] = [before.output ?? "", now.output ?? ""]
  if (known === output || !output.startsWith(known)) return [updated]
  return [{
    _tag: "ItemDelta",
    ...inTurn(state),
    itemId: now.itemId,
    field: "output",
    offset: known.length,
    delta: output.slice(known.length)
  }]
}

const started = (state: State, item: Item): ProviderEvent => ({ _tag: "ItemStarted", ...inTurn(state), item })

const complete = (state: State, partId: string, item: Item, wasStarted: boolean, recovered: boolean): Step => {
  const event: ProviderEvent = {
    _tag: "ItemCompleted",
    ...inTurn(state),
    item,
    ...(recovered ? { recovered: true } : {})
  }
  const blank = item._tag === "AssistantMessage" || item._tag === "Reasoning" ? { ...item, text: "" } : item
  return step(
    { ...state, items: without(state.items, partId), done: including(state.done, partId) },
    wasStarted ? [event] : [started(state, blank), event]
  )
}

/** Completes the items that a turn leaves open, as failed. Those of a subagent that still works stay open. */
export const closeAll = (state: State): Step => {
  const events: Array<ProviderEvent> = []
  const items = new Map(state.items)
  const done = new Set(state.done)
  for (const [id, open] of state.items) {
    if (open.part.sessionID !== state.root && state.children.get(open.part.sessionID) === true) continue
    items.delete(id)
    done.add(id)
    if (!open.started) continue
    const item = open.kind === "text"
      ? fromText(open.part, open.text, state)
      : fromTool({ ...open.part, state: { ...open.part.state, status: "error" } }, state)
    events.push({ _tag: "ItemCompleted", ...inTurn(state), item })
  }
  return step({ ...state, items, done }, events)
}

/** After a hole in the stream it is not known how much text of the open items is missing. */
export const tear = (state: State): Step => {
  let torn = false
  const items = new Map(state.items)
  for (const [id, open] of state.items) {
    if (open.kind !== "text") continue
    torn = true
    items.set(id, { ...open, torn: true })
  }
  return torn
    ? step({ ...state, items }, [{ _tag: "Gap", ...inTurn(state), cause: "provider-stream", lost: "deltas" }])
    : step(state)
}

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
