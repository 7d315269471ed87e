/**
 * What a turn is made of. An item is started, streams deltas, and is completed once, with its whole content: who has
 * the completed items has the transcript.
 */
import { Schema } from "effect"
import { ItemId } from "./Ids.ts"

export const ItemStatus = Schema.Literals(["pending", "running", "completed", "failed", "declined"])
export type ItemStatus = typeof ItemStatus.Type

const base = {
  itemId: ItemId,
  /** The provider's session id of the subagent that made this item; absent for the agent itself. */
  subagent: Schema.optionalKey(Schema.String)
}

export const FileEdit = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["add", "modify", "delete"]),
  /** Unified diff, where the agent gives one. */
  patch: Schema.optionalKey(Schema.String)
})
export type FileEdit = typeof FileEdit.Type

export const Item = Schema.TaggedUnion({
  /** Occurs in transcripts only. In the events the user's words are in `TurnStarted` and `TurnSteered`. */
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
export type Item = typeof Item.Type
