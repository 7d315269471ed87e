/**
 * One turn of a thread as one message of the AI SDK: a pure fold from events to the pieces of a UI message stream.
 *
 * The turn's id is the message's id, an item's id that of its text or of its tool call, a request's id that of its
 * approval. All of the message is one step, so a later stream can replace what an earlier one has shown of it
 * (`reset-step`). docs/ui-message-stream.md has the table.
 *
 * @since 0.1.0
 */
import { HashMap, Option } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import { isTerminal, type ThreadEvent } from "../domain/ThreadEvent.ts"
import { wordsOf } from "../domain/TurnInput.ts"
import * as TurnOutcome from "../domain/TurnOutcome.ts"
import { askApproval, settleApproval } from "./internal/approvalChunks.ts"
import { dataChunks, settledElicitation, settledQuestion } from "./internal/dataChunks.ts"
import { type Of, type State, type Step, toolPartOf } from "./internal/foldState.ts"
import { closeTexts, extend, takeText } from "./internal/textChunks.ts"
import { addOutput, completeTool, detachTool, takeTool } from "./internal/toolChunks.ts"
import type { MessageMetadata, UIMessageChunk } from "./UIMessageChunk.ts"

export type { State, Step } from "./internal/foldState.ts"

/**
 * Which turn becomes the message, and what the reader has of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface FoldOptions {
  /** Default: the first turn that begins. */
  readonly turnId?: TurnId | undefined
  /** The reader has an earlier part of this message, which the stream replaces: it goes on after an approval. */
  readonly replaces?: boolean | undefined
  /** What the start of the message tells beside the turn. */
  readonly metadata?: MessageMetadata | undefined
}

/**
 * No event was seen. Those before the turn's first one write nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const initial = ({ metadata = {}, replaces = false, turnId }: FoldOptions = {}): State => ({
  phase: "before",
  turnId,
  seq: 0,
  metadata,
  continuity: undefined,
  replaces,
  parts: HashMap.empty(),
  approvals: HashMap.empty(),
  asked: HashMap.empty()
})

/**
 * Whether the message is over: nothing more is written.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isOver = ({ phase }: State): boolean => phase === "over"

/**
 * Whether an approval is open.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isWaiting = ({ approvals, phase }: State): boolean => phase === "running" && HashMap.size(approvals) > 0

const begin = (state: State, event: Of<"TurnStarted" | "TurnBegan">): Step => {
  const { at: startedAt, epoch, seq, threadId, turnId } = event
  if (state.turnId !== undefined && state.turnId !== turnId) return [state, []]
  const continuity = state.continuity === undefined ? {} : { continuity: state.continuity }
  return [
    { ...state, phase: "running", turnId, seq },
    [
      {
        type: "start",
        messageId: turnId,
        messageMetadata: { ...state.metadata, ...continuity, threadId, turnId, epoch, seq, startedAt }
      },
      { type: state.replaces ? "reset-step" : "start-step" }
    ]
  ]
}

const takeItem = (state: State, event: Of<"ItemStarted" | "ItemUpdated" | "ItemCompleted" | "ItemDetached">): Step => {
  const { item } = event
  const over = event._tag === "ItemCompleted"
  switch (item._tag) {
    case "AssistantMessage":
    case "Reasoning":
      return takeText(state, item, over || event._tag === "ItemDetached")
    case "Plan":
      return [state, [{ type: "data-proposal", id: item.itemId, data: { text: item.text } }]]
    case "UserMessage":
      // What the app's user said is the input of the turn.
      return item.origin === undefined || !over ? [state, []] : [state, [said(item.itemId, item.text)]]
    default:
      if (event._tag === "ItemDetached") return detachTool(state, item)
      return over ? completeTool(state, item) : takeTool(state, item)
  }
}

const said = (id: string, text: string): UIMessageChunk => ({
  type: "steering-message",
  id,
  parts: [{ type: "text", text }]
})

const end = (state: State, event: Of<"TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown">): Step => {
  const { seq, usage } = event
  const outcome = TurnOutcome.of(event)
  const messageMetadata = { seq, outcome, ...(usage === undefined ? {} : { usage }) }
  const texts = closeTexts(state)
  const step = { type: "finish-step" } as const
  const metadata = { type: "message-metadata", messageMetadata } as const
  const over = { ...state, phase: "over", seq } as const
  switch (event._tag) {
    case "TurnCompleted":
      return [over, [...texts, step, { type: "finish", finishReason: "stop", messageMetadata }]]
    case "TurnInterrupted":
      return [over, [...texts, step, metadata, { type: "abort", reason: event.by }]]
    // A reader stops at an error: what it is to have comes before.
    case "TurnFailed": {
      const failed = { type: "data-turn-failed", id: "turn-failed", data: { failure: event.failure } } as const
      return [over, [...texts, failed, step, metadata, { type: "error", errorText: event.failure._tag }]]
    }
    case "TurnUnknown": {
      const unknown = { type: "data-turn-unknown", id: "turn-unknown", data: { reason: event.reason } } as const
      return [over, [...texts, unknown, step, metadata, { type: "error", errorText: event._tag }]]
    }
  }
}

const ask = (state: State, event: Of<"QuestionAsked" | "ElicitationRequested">): Step => [
  { ...state, asked: HashMap.set(state.asked, event.request.requestId, event) },
  dataChunks(event)
]

const settle = (state: State, event: Of<"QuestionSettled" | "ElicitationSettled">): Step => {
  const asked = Option.getOrUndefined(HashMap.get(state.asked, event.requestId))
  const next = { ...state, asked: HashMap.remove(state.asked, event.requestId) }
  if (asked?._tag === "QuestionAsked" && event._tag === "QuestionSettled") {
    return [next, [settledQuestion(asked, event)]]
  }
  if (asked?._tag === "ElicitationRequested" && event._tag === "ElicitationSettled") {
    return [next, [settledElicitation(asked, event)]]
  }
  return [next, []]
}

/** Whether the event is of the turn, of one of its items that outlives it, or of no turn and no item. */
const belongs = (state: State, event: ThreadEvent): boolean => {
  if ("turnId" in event && event.turnId !== undefined) return event.turnId === state.turnId
  switch (event._tag) {
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemCompleted":
    case "ItemDetached":
      return toolPartOf(state, event.item.itemId) !== undefined
    case "ItemDelta":
      return toolPartOf(state, event.itemId) !== undefined
    default:
      return true
  }
}

const show = (state: State, event: ThreadEvent): Step => {
  if (isTerminal(event)) return end(state, event)
  switch (event._tag) {
    case "ItemDelta":
      return event.field === "output"
        ? addOutput(state, event)
        : extend(state, event.itemId, event.offset, event.delta)
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemCompleted":
    case "ItemDetached":
      return takeItem(state, event)
    case "ApprovalRequested":
      return askApproval(state, event)
    case "ApprovalSettled":
      return settleApproval(state, event)
    case "QuestionAsked":
    case "ElicitationRequested":
      return ask(state, event)
    case "QuestionSettled":
    case "ElicitationSettled":
      return settle(state, event)
    case "TurnSteered":
      return [state, [said(`${event.turnId}:${event.seq}`, wordsOf(event.input))]]
    case "ThreadDeleted":
      return [{ ...state, phase: "over" }, [...closeTexts(state), { type: "error", errorText: event._tag }]]
    default:
      return [state, dataChunks(event)]
  }
}

/**
 * The state after one more event of the thread, and the pieces that it writes. Events come in their order, the turn's first
 * one among them.
 *
 * @since 0.1.0
 * @category folding
 */
export const step = (state: State, event: ThreadEvent): Step => {
  switch (state.phase) {
    case "over":
      return [state, []]
    case "before":
      if (event._tag === "TurnStarted" || event._tag === "TurnBegan") return begin(state, event)
      return [event._tag === "SessionStarted" ? { ...state, continuity: event.continuity } : state, []]
    case "running":
      return belongs(state, event) ? show({ ...state, seq: event.seq }, event) : [state, []]
  }
}

/**
 * Ends the stream while an approval is open. A page of the AI SDK sends the answer once the stream is over; the message goes
 * on in the next one.
 *
 * @since 0.1.0
 * @category folding
 */
export const pause = (state: State): Step => [
  { ...state, phase: "over" },
  [
    ...closeTexts(state),
    { type: "finish-step" },
    { type: "finish", finishReason: "stop", messageMetadata: { seq: state.seq, outcome: "waiting" } }
  ]
]

/**
 * Ends the stream although the turn is not over: the service has shut down, or the log could not be read. The page may
 * resume.
 *
 * @since 0.1.0
 * @category folding
 */
export const breakOff = (state: State, code: string): Step => [
  { ...state, phase: "over" },
  [...closeTexts(state), { type: "error", errorText: code }]
]
