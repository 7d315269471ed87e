/**
 * Messages of the model and results of tools as items.
 *
 * A block comes first as it streams, under its place in the message, and then whole in an `assistant` frame that does not
 * name the place: the first block of its type that streamed and has not come yet is it.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import { ItemId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { ItemStatus } from "../../domain/Item.ts"
import { all, andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import * as Usage from "../../domain/Usage.ts"
import type { Block, Of, Tokens } from "../protocol/Frame.ts"
import * as Items from "../protocol/Items.ts"
import {
  type About,
  type Blocks,
  type Input,
  place,
  type State,
  type Step,
  step,
  type Streaming,
  withItems,
  withTurn
} from "./TurnState.ts"

/** Whose frame it is: the agent's own, or of the subagent that a call has started. */
const subagentOf = (
  { agent_id, parent_tool_use_id }: { agent_id?: string | null; parent_tool_use_id?: string | null }
) => agent_id ?? parent_tool_use_id ?? undefined

/** A subagent in the background works beside turns. */
const placeOf = (state: State, parent: string | null | undefined): { readonly turnId?: TurnId } => {
  if (parent == null) return place(state)
  const began = state.items.open.get(ItemId.make(parent))?.about.turnId
  return began !== undefined && began === state.turn?.turnId ? { turnId: began } : {}
}

// --- as it streams ---

export const streamed = (state: State, frame: Of<"stream_event">): Step => {
  const { event } = frame
  const subagent = subagentOf(frame)
  switch (event.type) {
    case "message_start": {
      if (event.message === undefined) return step(state)
      const { id: messageId, usage } = event.message
      const ended = subagent === undefined ? stepEnded(state) : step(state)
      return andThen(
        andThen(ended, (state) => followed(state, frame, messageId)),
        (state) =>
          step(withStreaming(state, subagent, { messageId, tokens: usage ?? {}, brought: "nothing", told: false }))
      )
    }
    case "content_block_start":
      return begun(state, event.index ?? 0, event.content_block?.type ?? "", subagent)
    case "content_block_delta":
      return delta(state, event.index ?? 0, event.delta?.text ?? event.delta?.thinking ?? "", frame)
    case "message_delta": {
      const streaming = state.streaming.get(subagent)
      return step(
        streaming === undefined
          ? state
          : withStreaming(state, subagent, { ...streaming, tokens: { ...streaming.tokens, ...known(event.usage) } })
      )
    }
    case "message_stop":
      return subagent === undefined ? stepEnded(state) : step(state)
    default:
      return step(state)
  }
}

const known = (tokens: Tokens | null | undefined): Tokens =>
  Object.fromEntries(Object.entries(tokens ?? {}).filter(([, value]) => value != null))

const begun = (state: State, index: number, type: string, subagent: string | undefined): Step => {
  const streaming = state.streaming.get(subagent)
  if (streaming === undefined || (type !== "text" && type !== "thinking")) return step(state)
  const { messageId } = streaming
  const itemId = Items.textId(messageId, index)
  const before = blocksOf(state, messageId)
  return step({
    ...withBlocks(state, messageId, { ...before, begun: [...before.begun, { index, type, itemId }] }),
    items: ItemLedger.expect(state.items, Items.textItem(type, itemId, "", subagent), {
      call: undefined,
      turnId: state.turn?.turnId
    })
  })
}

const delta = (state: State, index: number, text: string, frame: Of<"stream_event">): Step => {
  const streaming = state.streaming.get(subagentOf(frame))
  return streaming === undefined ? step(state) : withItems(
    state,
    ItemLedger.append(
      state.items,
      placeOf(state, frame.parent_tool_use_id),
      Items.textId(streaming.messageId, index),
      text
    )
  )
}

/**
 * Who speaks says the next message. What has been shown of the one before and did not come whole was cut off: Claude asks its
 * model again, and what that answers comes after it.
 */
const followed = (state: State, frame: Of<"stream_event"> | Of<"assistant">, messageId: string): Step => {
  const before = state.streaming.get(subagentOf(frame))
  if (before === undefined || before.messageId === messageId) return step(state)
  const cut = new Set(blocksOf(state, before.messageId).begun.map(({ itemId }) => itemId))
  const stays = ({ item }: ItemLedger.Open<About>) => !cut.has(item.itemId)
  return cut.size === 0
    ? step(state)
    : withItems(state, ItemLedger.closeAll(state.items, placeOf(state, frame.parent_tool_use_id), { stays }))
}

/** One call of the agent's own model is over. */
export const stepEnded = (state: State): Step => {
  const streaming = state.streaming.get(undefined)
  if (streaming === undefined || streaming.told) return step(state)
  const { brought, tokens } = streaming
  const usage = usageOf(tokens)
  const at = place(state)
  const total = state.turn === undefined ? undefined : Usage.add(state.turn.usage, usage)
  const used = (usage.input ?? 0) + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0) + (usage.output ?? 0)
  const events: ReadonlyArray<ProviderEvent> = [
    { _tag: "StepEnded", ...at, usage, brought },
    ...(total === undefined ? [] : [{ _tag: "UsageUpdated" as const, ...at, usage: total }]),
    {
      _tag: "ContextUpdated",
      ...at,
      used,
      ...(state.window === undefined ? {} : { window: state.window })
    }
  ]
  const told = withStreaming(state, undefined, { ...streaming, told: true })
  return step(total === undefined ? told : withTurn(told, { usage: total }), events)
}

export const usageOf = (tokens: Tokens): Usage.Usage =>
  Object.fromEntries(
    ([
      ["input", tokens.input_tokens],
      ["output", tokens.output_tokens],
      ["cacheRead", tokens.cache_read_input_tokens],
      ["cacheWrite", tokens.cache_creation_input_tokens]
    ] as const).flatMap(([field, value]) => value == null ? [] : [[field, value]])
  )

const withStreaming = (state: State, subagent: string | undefined, streaming: Streaming): State => ({
  ...state,
  streaming: new Map(state.streaming).set(subagent, streaming)
})

const none: Blocks = { whole: 0, begun: [] }

const blocksOf = ({ blocks }: State, messageId: string): Blocks => blocks.get(messageId) ?? none

const withBlocks = (state: State, messageId: string, blocks: Blocks): State => ({
  ...state,
  blocks: new Map(state.blocks).set(messageId, blocks)
})

// --- whole ---

export const said = (state: State, frame: Of<"assistant">): Step => {
  // It stands for a call of the model that failed, and the turn's end tells of it.
  if (frame.error != null || frame.is_api_error_message === true) {
    return step(withTurn(state, { error: frame.error ?? "unknown" }))
  }
  return andThen(
    followed(state, frame, frame.message.id),
    (state) => all(state, frame.message.content, (state, block) => whole(state, frame, block))
  )
}

const whole = (state: State, frame: Of<"assistant">, block: Block): Step => {
  const { message: { id: messageId }, parent_tool_use_id } = frame
  const subagent = subagentOf(frame)
  const before = blocksOf(state, messageId)
  const streamed = before.begun.find(({ type }) => type === block.type)
  const counted = broughtBy(
    withBlocks(state, messageId, {
      whole: before.whole + 1,
      begun: before.begun.filter((begun) => begun !== streamed)
    }),
    messageId,
    block,
    subagent
  )
  const at = placeOf(state, parent_tool_use_id)
  if (block.type === "text" || block.type === "thinking") {
    const itemId = streamed?.itemId ?? Items.textId(messageId, before.whole)
    const text = block.text ?? block.thinking ?? ""
    return withItems(counted, ItemLedger.complete(state.items, at, Items.textItem(block.type, itemId, text, subagent)))
  }
  const call = Items.callOf(block)
  if (call === undefined) return step(counted)
  const item = Items.toolItem(call, { status: "running" }, subagent)
  return withItems(counted, ItemLedger.show(state.items, at, item, { call, turnId: at.turnId }))
}

/** A call of the model that does not stream is known by its whole blocks alone. */
const broughtBy = (state: State, messageId: string, { type }: Block, subagent: string | undefined): State => {
  const before = state.streaming.get(subagent)
  const streaming: Streaming = before?.messageId === messageId
    ? before
    : { messageId, tokens: {}, brought: "nothing", told: false }
  const brought = type === "tool_use" ? "tool" : type === "text" && streaming.brought === "nothing" ? "text" : undefined
  return withStreaming(state, subagent, brought === undefined ? streaming : { ...streaming, brought })
}

/** Results of tools. Everything else in the user's name is in the events of the turn, or is a note of Claude's. */
export const answered = (state: State, frame: Of<"user">): Step => {
  const { content } = frame.message
  return typeof content === "string" ? step(state) : all(state, content, (state, block) => result(state, frame, block))
}

const result = (state: State, frame: Of<"user">, block: Block): Step => {
  if (block.type !== "tool_result" || block.tool_use_id == null) return step(state)
  const itemId = ItemId.make(block.tool_use_id)
  const open = state.items.open.get(itemId)
  if (open?.about.call === undefined) return step(state)
  const decision = frame.tool_result_meta?.find(({ id }) => id === block.tool_use_id)?.permission_decision?.decision
  const outcome = {
    status: statusOf(block, decision),
    output: Items.outputOf(block.content),
    content: block.content,
    result: frame.tool_use_result
  }
  const item = Items.toolItem(open.about.call, outcome, open.item.subagent)
  const at = placeOf(state, frame.parent_tool_use_id)
  // What was left in the background goes on, and its end is told by its task.
  return isLeft(state, itemId)
    ? withItems(
      state,
      ItemLedger.show(state.items, at, "status" in item ? { ...item, status: "running" } : item, open.about)
    )
    : withItems(
      state,
      ItemLedger.complete(state.items, at, "status" in item ? { ...item, ...open.about.timing } : item)
    )
}

/** Told a moment before its result, so this is when it began. */
export const ran = (
  state: State,
  { durationMillis, itemId }: Extract<Input, { readonly _tag: "Ran" }>,
  at: number
): Step => {
  const open = state.items.open.get(itemId)
  if (open === undefined) return step(state)
  const timing = { startedAt: at - durationMillis, durationMillis }
  return step({ ...state, items: ItemLedger.expect(state.items, open.item, { ...open.about, timing }) })
}

export const statusOf = (block: Block, decision: string | null | undefined): ItemStatus =>
  block.is_error !== true ? "completed" : decision === "reject" ? "declined" : "failed"

/** Whether the item's work goes on in the background. */
export const isLeft = ({ tasks }: State, itemId: ItemId): boolean =>
  Array.from(tasks.values()).some(({ background, task }) => background && task.itemId === itemId)

/** Whether a subagent works on without the turn: by its own id, or that of the call that has started it. */
export const isBeside = (state: State, subagent: string): boolean =>
  state.tasks.get(TaskId.make(subagent))?.background === true || isLeft(state, ItemId.make(subagent))

/** The item of a task that has ended. */
export const finished = (state: State, taskId: TaskId, status: ItemStatus): Step => {
  const itemId = state.tasks.get(taskId)?.task.itemId
  const open = itemId === undefined ? undefined : state.items.open.get(itemId)
  if (open === undefined || !("status" in open.item)) return step(state)
  // It belongs to its turn for as long as that runs.
  const at = open.about.turnId === state.turn?.turnId ? place(state) : {}
  return withItems(state, ItemLedger.complete(state.items, at, { ...open.item, status }))
}
