/**
 * What the driver and the app say to each other: one JSON value a line, commands on the app's stdin, replies on its
 * stdout. It stands for whatever a real app has there: HTTP, a WebSocket, a window.
 */
import { Schema } from "effect"
import { ApprovalDecision, RequestId, ThreadEvent, ThreadId } from "../../src/index.ts"

export const threadId = ThreadId.make("continuity")
/** The app's only argument. */
export const Settings = Schema.fromJsonString(Schema.Struct({
  agent: Schema.Literals(["opencode", "codex", "claude", "qwen"]),
  /** The SQLite file. */
  store: Schema.String,
  /** The scripted model and a home for the agent of its own; without it the user's own agent. */
  scripted: Schema.optionalKey(Schema.Struct({ url: Schema.String, home: Schema.String })),
  /** `provider/model`. */
  model: Schema.optionalKey(Schema.String)
}))
export type Settings = typeof Settings.Type

export const Command = Schema.TaggedUnion({
  /** Creates the thread, or moves it. */
  Start: { directory: Schema.String },
  /** Send me the thread's events after this one, and all that follow. */
  Watch: { after: Schema.Int },
  Send: { prompt: Schema.String },
  Decide: { requestId: RequestId, decision: ApprovalDecision }
})
export type Command = typeof Command.Type
export const CommandLine = Schema.fromJsonString(Command)

export const Reply = Schema.TaggedUnion({
  Ready: {},
  Event: { event: ThreadEvent },
  Failed: { error: Schema.String, message: Schema.String }
})
export type Reply = typeof Reply.Type
export const ReplyLine = Schema.fromJsonString(Reply)
