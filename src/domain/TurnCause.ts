/**
 * Turns that an agent begins itself.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Why an agent began a turn that it was not sent: work in the background ended; something that was queued in the agent came up
 * (a compaction that was asked for during a turn); a schedule of the agent; another client of the same session has sent it; or
 * the agent does not say why.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnCause = Schema.Literals(["background", "queue", "schedule", "other-client", "agent"])

/**
 * @since 0.1.0
 * @category models
 */
export type TurnCause = typeof TurnCause.Type
