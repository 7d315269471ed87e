/**
 * How much of a thread's log is kept, and what is known of the part that was removed.
 *
 * @since 0.1.0
 */
import type { ThreadId } from "../domain/Ids.ts"

/**
 * What may be left of a thread's log: whatever one of these removes is removed. Whole turns, from the beginning of the log.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLimits {
  /** The last so many turns. */
  readonly keepTurns?: number | undefined
  /** Turns that began then or later, in milliseconds since 1970. */
  readonly since?: number | undefined
  /** So many bytes: of JSON, and of the blobs that the events name. */
  readonly maxBytes?: number | undefined
  /** {@link Settled} */
  readonly settledBefore?: number | undefined
}

/**
 * Turns that ended before this time, in milliseconds since 1970, count as settled even if they were never compared with
 * the agent's history: a thread that is not started again would keep its log for ever. Absent: none do.
 *
 * @category models
 * @since 0.1.0
 */
export type Settled = Pick<LogLimits, "settledBefore">

/**
 * A part of a thread's log that is to be removed: its first events up to this one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pruning {
  readonly threadId: ThreadId
  /** `seq` of the last event that is removed. */
  readonly through: number
  /** How many items of the conversation, since its last reset, were removed with it, now and before. */
  readonly items: number
}
