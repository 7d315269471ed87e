/**
 * The items of a turn. An item is started, streams deltas, and is completed once with its whole content: the completed
 * items are the transcript.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ItemId } from "./Ids.ts"

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
 * A message, the model's reasoning, a tool call, a command, or a file change.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Item = Schema.TaggedUnion({
  /** Only in transcripts. In the events the user's input is in `TurnStarted` and `TurnSteered`. */
  UserMessage: { ...base, text: Schema.String, attachments: Schema.Array(Schema.String) },
  AssistantMessage: { ...base, text: Schema.String },
  Reasoning: { ...base, text: Schema.String },
  ToolCall: {
    ...base,
    tool: Schema.String,
    title: Schema.optionalKey(Schema.String),
    input: Schema.Unknown,
    output: Schema.optionalKey(Schema.String),
    status: ItemStatus
  },
  Command: {
    ...base,
    command: Schema.String,
    output: Schema.optionalKey(Schema.String),
    exitCode: Schema.optionalKey(Schema.Int),
    status: ItemStatus
  },
  FileChange: {
    ...base,
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
