/**
 * Compactions: what triggers one, and how it ends.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * What triggered a compaction: the agent itself (`auto`), the app (`manual`), or a model that refused a context as too
 * long (`overflow`).
 *
 * @since 0.1.0
 * @category schemas
 */
export const CompactionTrigger = Schema.Literals(["auto", "manual", "overflow"])

/**
 * @since 0.1.0
 * @category models
 */
export type CompactionTrigger = typeof CompactionTrigger.Type

/**
 * How a compaction ended.
 *
 * - `completed`, `failed`: the agent's own report.
 * - `cancelled`: the agent was not let go: the transcript could not be saved and policy forbids to continue without it,
 *   the gate's deadline passed, the caller gave up, or the agent no longer waited for the answer.
 * - `vetoed`: a guard refused it.
 * - `timeout`: the agent was let go and reported no end in time.
 * - `unknown`: the host died, or the session was lost.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CompactionOutcome = Schema.Literals(["completed", "failed", "cancelled", "vetoed", "timeout", "unknown"])

/**
 * @since 0.1.0
 * @category models
 */
export type CompactionOutcome = typeof CompactionOutcome.Type
