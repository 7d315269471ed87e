/**
 * The state of the fold, and what its parts share.
 *
 * @since 0.1.0
 */
import { HashMap, Option } from "effect"
import type { Continuity } from "../../domain/Continuity.ts"
import type { ItemId, RequestId, TurnId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { ApprovalRequest } from "../../domain/UserRequest.ts"
import type { MessageMetadata, UIMessageChunk } from "../UIMessageChunk.ts"

/** A message, reasoning, or a plan that is proposed: `shown` is how much of its text the reader has, in UTF-16 code units. */
export interface TextPart {
  readonly _tag: "Text"
  readonly kind: "text" | "reasoning"
  readonly shown: number
  readonly open: boolean
}

export interface ToolPart {
  readonly _tag: "Tool"
  readonly output: string
  /** How long the output was when the reader was last shown it; undefined before. */
  readonly shown: number | undefined
  readonly asked: boolean
  readonly open: boolean
}

/** An approval that is open. `alone`: it belongs to no item, so a tool's part was made up for it. */
export interface OpenApproval {
  readonly request: ApprovalRequest
  readonly toolCallId: string
  readonly alone: boolean
}

/**
 * What the fold knows of the turn that becomes the message.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly phase: "before" | "running" | "over"
  /** The turn that becomes the message. Undefined: the first that begins. */
  readonly turnId: TurnId | undefined
  readonly seq: number
  /** What `start` tells beside the turn itself. */
  readonly metadata: MessageMetadata
  readonly continuity: Continuity | undefined
  /** The reader has an earlier part of the same message, which this one replaces. */
  readonly replaces: boolean
  readonly parts: HashMap.HashMap<ItemId, TextPart | ToolPart>
  readonly approvals: HashMap.HashMap<RequestId, OpenApproval>
  /** Questions and elicitations that are open. */
  readonly asked: HashMap.HashMap<RequestId, Of<"QuestionAsked" | "ElicitationRequested">>
}

/**
 * A state, and what was written on the way to it.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = readonly [state: State, chunks: ReadonlyArray<UIMessageChunk>]

export type Of<Tag extends ThreadEvent["_tag"]> = Extract<ThreadEvent, { readonly _tag: Tag }>

export const textPartOf = (state: State, itemId: ItemId): TextPart | undefined => {
  const part = Option.getOrUndefined(HashMap.get(state.parts, itemId))
  return part?._tag === "Text" ? part : undefined
}

export const toolPartOf = (state: State, itemId: ItemId): ToolPart | undefined => {
  const part = Option.getOrUndefined(HashMap.get(state.parts, itemId))
  return part?._tag === "Tool" ? part : undefined
}

export const withPart = (state: State, itemId: ItemId, part: TextPart | ToolPart): State => ({
  ...state,
  parts: HashMap.set(state.parts, itemId, part)
})
