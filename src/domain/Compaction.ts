/**
 * The words of compactions: what sets one off, and how it ends.
 */
import { Schema } from "effect"

/** What set a compaction off: the agent itself, a request of the app, or a model that refused a context too long. */
export const CompactionTrigger = Schema.Literals(["auto", "manual", "overflow"])
export type CompactionTrigger = typeof CompactionTrigger.Type

/**
 * How a compaction ended.
 *
 * - `completed`, `failed`: as the agent says.
 * - `cancelled`: the agent was not let go: the transcript could not be saved and policy forbids to continue without it,
 *   the gate's deadline passed, or the caller gave up.
 * - `vetoed`: a guard refused it.
 * - `timeout`: the agent was let go and reported no end in time.
 * - `unknown`: the host died, or the session was lost.
 */
export const CompactionOutcome = Schema.Literals(["completed", "failed", "cancelled", "vetoed", "timeout", "unknown"])
export type CompactionOutcome = typeof CompactionOutcome.Type
