/**
 * How a turn ends: with the result that names its message. What is open is completed before; what goes on in the background is
 * detached.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import * as Usage from "../../domain/Usage.ts"
import { failure } from "../protocol/Failure.ts"
import type { ModelUsage, Of } from "../protocol/Frame.ts"
import * as TurnCompaction from "./TurnCompaction.ts"
import { isBeside, isLeft, stepEnded, usageOf } from "./TurnItems.ts"
import {
  type About,
  type Input,
  type State,
  type Step,
  step,
  type Turn,
  withItems,
  withRequests,
  withTurn
} from "./TurnState.ts"

export const result = (state: State, frame: Of<"result">): Step => {
  const uuids = frame.user_message_uuids ?? (frame.user_message_uuid == null ? [] : [frame.user_message_uuid])
  const done = uuids.map((uuid) => ({ _tag: "Done" as const, uuid }))
  if (state.turn === undefined || !isOf(state, state.turn, uuids, frame.origin != null)) return step(state, [], done)
  // A call of the model that was cut is counted, too.
  return andThen(stepEnded(state), (state) => {
    const { turn } = state
    if (turn === undefined) return step(state, [], done)
    const steers = new Set(Array.from(turn.steers).filter((uuid) => !uuids.includes(uuid)))
    const usage = usageOfTurn(turn, frame)
    const used = withTurn(withWindow(state, frame), { steers, usage, counted: usage })
    // What came too late to join is answered on its own; to the user it is one turn.
    return steers.size > 0 && !isAborted(frame)
      ? step(used, [], done)
      : andThen(ended(used, frame), (state) => step(state, [], done))
  })
}

/**
 * A result that names no message is of the turn that the agent began, or of a session that fails. One of a turn that the agent
 * began may name what was added to it, or what came too late for the turn before.
 */
const isOf = ({ working }: State, { steers, uuid }: Turn, uuids: ReadonlyArray<string>, own: boolean): boolean => {
  if (uuids.length === 0) return uuid === undefined || !own
  return uuids.some((named) => named === (uuid ?? working) || steers.has(named))
}

const isAborted = ({ terminal_reason }: Of<"result">): boolean => terminal_reason?.startsWith("aborted") === true

/** The difference that Claude tells since its last result counts subagents and compactions too. */
const usageOfTurn = ({ counted, usage }: Turn, frame: Of<"result">): Usage.Usage => {
  const { model_usage_since_last_result: since, usage: own } = frame
  if (since != null) return Object.values(since).reduce((sum, model) => Usage.add(sum, ofModel(model)), counted)
  return own == null ? usage : Usage.add(counted, usageOf(own))
}

const ofModel = (model: ModelUsage): Usage.Usage => ({
  input: model.inputTokens ?? 0,
  output: model.outputTokens ?? 0,
  ...(model.thinkingTokens == null ? {} : { reasoning: model.thinkingTokens }),
  cacheRead: model.cacheReadInputTokens ?? 0,
  cacheWrite: model.cacheCreationInputTokens ?? 0,
  ...(model.costUSD == null ? {} : { costUsd: model.costUSD })
})

const withWindow = (state: State, { modelUsage }: Of<"result">): State => {
  const window = Object.values(modelUsage ?? {})[0]?.contextWindow
  return window == null ? state : { ...state, window }
}

/** The message was taken back before Claude began with it. */
export const cancelled = (state: State): Step =>
  state.turn === undefined ? step(state) : close(state, (turn) => ({
    _tag: "TurnInterrupted",
    turnId: turn.turnId,
    by: "agent",
    usage: turn.usage
  }))

/** Claude goes on from a turn of its own with a message of ours, and its result names that one alone. */
export const joined = (state: State): Step =>
  close(state, ({ turnId, usage }) => ({ _tag: "TurnCompleted", turnId, usage }))

/** The end of a turn that was over before it was sent again. Of one that was cut short there is none but this. */
export const repeated = (state: State, { outcome, turnId }: Extract<Input, { readonly _tag: "Repeated" }>): Step => {
  const usage = Usage.unknown
  switch (outcome) {
    case "completed":
      return step(state, [{ _tag: "TurnCompleted", turnId, usage }])
    case "interrupted":
      return step(state, [{ _tag: "TurnInterrupted", turnId, by: "agent", usage }])
    default:
      return step(state, [{ _tag: "TurnFailed", turnId, failure: { _tag: "Other", name: outcome }, usage }])
  }
}

const ended = (state: State, frame: Of<"result">): Step =>
  close(state, (turn) => {
    const { turnId, usage } = turn
    if (isAborted(frame)) return { _tag: "TurnInterrupted", turnId, by: "agent", usage }
    const failed = failure(frame, turn)
    return failed === undefined
      ? { _tag: "TurnCompleted", turnId, usage }
      : { _tag: "TurnFailed", turnId, failure: failed, usage }
  })

const close = (state: State, how: (turn: Turn) => ProviderEvent): Step => {
  const { turn } = state
  if (turn === undefined) return step(state)
  const at = { turnId: turn.turnId }
  const stays = ({ item }: ItemLedger.Open<About>) =>
    item.subagent === undefined
      ? item._tag !== "AssistantMessage" && isLeft(state, item.itemId)
      : isBeside(state, item.subagent)
  return [
    stepEnded,
    (state: State) => withItems(state, ItemLedger.closeAll(state.items, at, { stays })),
    (state: State) => detach(state, turn),
    (state: State) => withRequests(state, RequestBook.closeTurn(state.requests, turn.turnId)),
    (state: State) => state.compaction?.trigger === "auto" ? TurnCompaction.failed(state, "TurnEnded") : step(state),
    (state: State) => step({ ...state, ...beside(state), turn: undefined, cause: "agent" }, [how(state.turn ?? turn)])
  ].reduce((before, next) => andThen(before, next), step(state))
}

/** What is known of the messages that subagents in the background are in the middle of. */
const beside = (state: State): Pick<State, "streaming" | "blocks"> => {
  const streaming = Array.from(state.streaming).filter(([who]) => who !== undefined && isBeside(state, who))
  const messages = new Set(streaming.map(([, { messageId }]) => messageId))
  return {
    streaming: new Map(streaming),
    blocks: new Map(Array.from(state.blocks).filter(([messageId]) => messages.has(messageId)))
  }
}

const detach = (state: State, { turnId }: Turn): Step =>
  step(
    { ...state, items: ItemLedger.nextTurn(state.items) },
    Array.from(state.items.open.values()).flatMap(({ about, item, started }): ReadonlyArray<ProviderEvent> =>
      started && about.turnId === turnId ? [{ _tag: "ItemDetached", turnId, item }] : []
    )
  )
