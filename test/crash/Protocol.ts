/** What the host is told when it is started, and the lines that it says. */
import { Schema } from "effect"
import { InstanceId, ThreadEvent, ThreadId } from "../../src/index.ts"

export const instanceId = InstanceId.make("opencode")

/** The host's only argument. */
export const Task = Schema.fromJsonString(Schema.Struct({
  store: Schema.String,
  /** OpenCode's folders, which stay. */
  home: Schema.String,
  model: Schema.String,
  directory: Schema.String,
  threadId: ThreadId,
  /** What to report of first: the thread of the host before, after the last event that was seen of it. */
  inspect: Schema.Struct({ threadId: ThreadId, after: Schema.Int }),
  follow: Schema.String,
  /** Name of a durable hook on everything that happens to sessions. */
  hook: Schema.optionalKey(Schema.String),
  /** Left out by the last host, which stops by itself. */
  work: Schema.optionalKey(Schema.String)
}))
export type Task = typeof Task.Type

export const Line = Schema.TaggedUnion({
  /** The store is open: what the host before left behind is settled. */
  Booted: { sessionId: Schema.NullOr(Schema.String), events: Schema.Array(ThreadEvent) },
  Followed: { continuity: Schema.String, sessionId: Schema.String },
  Working: {},
  Sent: {},
  Ended: {}
})
export type Line = typeof Line.Type
export const LineText = Schema.fromJsonString(Line)
