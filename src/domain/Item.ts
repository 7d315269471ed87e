/**
 * The items of a turn. An item is started, streams deltas, and is completed once with its whole content: the completed
 * items are the transcript.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ItemId } from "./Ids.ts"
import { ToolContent, ToolDetail, ToolKind } from "./Tool.ts"

/**
 * State of a tool call, command or file change. `declined`: an approval was denied.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ItemStatus = Schema.Literals(["pending", "running", "completed", "failed", "declined"])

/**
 * @since 0.1.0
 * @category models
 */
export type ItemStatus = typeof ItemStatus.Type

const base = {
  itemId: ItemId,
  /** The provider's session id of the subagent that made this item; absent for the agent itself. */
  subagent: Schema.optionalKey(Schema.String)
}

/** When the agent began with it, in milliseconds since 1970, and how long it took; where the agent tells. */
const timing = {
  startedAt: Schema.optionalKey(Schema.Finite),
  durationMillis: Schema.optionalKey(Schema.Finite)
}

/**
 * One file of a file change.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FileEdit = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["add", "modify", "delete"]),
  /** Unified diff, if the agent reports one. */
  patch: Schema.optionalKey(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type FileEdit = typeof FileEdit.Type

/**
 * A message, the model's reasoning, a plan, a tool call, a command, or a file change.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Item = Schema.TaggedUnion({
  /**
   * What the user of the app said is only in transcripts: in the events it is in `TurnStarted` and `TurnSteered`. With
   * `origin` it is what another client of the same session has said, and an event as any other.
   */
  UserMessage: {
    ...base,
    text: Schema.String,
    attachments: Schema.Array(Schema.String),
    origin: Schema.optionalKey(Schema.Literal("other-client"))
  },
  AssistantMessage: { ...base, text: Schema.String },
  Reasoning: { ...base, text: Schema.String },
  /** What the agent proposes to do, as the user is asked to approve it. */
  Plan: { ...base, text: Schema.String },
  ToolCall: {
    ...base,
    ...timing,
    /** The agent's own name of the tool. */
    tool: Schema.String,
    kind: ToolKind,
    detail: Schema.optionalKey(ToolDetail),
    title: Schema.optionalKey(Schema.String),
    input: Schema.Unknown,
    /** Plain text. */
    output: Schema.optionalKey(Schema.String),
    content: Schema.optionalKey(Schema.Array(ToolContent)),
    status: ItemStatus
  },
  Command: {
    ...base,
    ...timing,
    command: Schema.String,
    output: Schema.optionalKey(Schema.String),
    exitCode: Schema.optionalKey(Schema.Int),
    status: ItemStatus
  },
  FileChange: {
    ...base,
    ...timing,
    edits: Schema.Array(FileEdit),
    status: ItemStatus
  }
})

/**
 * @since 0.1.0
 * @category models
 */
export type Item = typeof Item.Type

/**
 * The item once nothing works on it any more: what still ran, or was to run, has failed.
 *
 * @since 0.1.0
 * @category conversions
 */
export const ended = (item: Item): Item =>
  "status" in item && (item.status === "running" || item.status === "pending") ? { ...item, status: "failed" } : item
