/** What the host is told when it is started, and the lines that it says. */
import { Schema } from "effect"
import { ThreadEvent, ThreadId } from "../../src/index.ts"
import { names } from "./Agents.ts"

const Agent = Schema.Literals(names)

/** The host's only argument. */
export const Task = Schema.fromJsonString(Schema.Struct({
  store: Schema.String,
  /** Has a folder for each agent, which outlives the host. */
  homes: Schema.String,
  model: Schema.String,
  directory: Schema.String,
  threadId: ThreadId,
  /** Those that the host has. */
  agents: Schema.Array(Agent),
  /** The one that it goes on with: if another had the thread before, this is a swap. */
  agent: Agent,
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
  Booted: {
    /** What is stored of the thread's session at each agent that had it, as JSON. */
    cursors: Schema.Record(Schema.String, Schema.String),
    events: Schema.Array(ThreadEvent)
  },
  Followed: { continuity: Schema.String, sessionId: Schema.String },
  Working: {},
  Sent: {},
  Ended: {}
})
export type Line = typeof Line.Type
export const LineText = Schema.fromJsonString(Line)
