/**
 * A session that an agent has of its own: made by its own program, or by another app.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { SessionId } from "./Ids.ts"

/**
 * What a picker shows of a session.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentSession = Schema.Struct({
  sessionId: SessionId,
  title: Schema.optionalKey(Schema.String),
  /** Where it works, as the agent names it. */
  directory: Schema.String,
  /** Milliseconds since 1970. */
  updatedAt: Schema.Finite
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AgentSession extends Schema.Schema.Type<typeof AgentSession> {}

/**
 * Some of an agent's sessions. A page may have fewer than were asked for, and be followed by another one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentSessionPage = Schema.Struct({
  sessions: Schema.Array(AgentSession),
  /** For `after` of the next page; absent on the last one. */
  next: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AgentSessionPage extends Schema.Schema.Type<typeof AgentSessionPage> {}
