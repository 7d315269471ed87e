/**
 * What an agent may do without asking. Each adapter maps the mode to the agent's own rules and proves, at every start
 * and resume, that the effective rules are no weaker.
 *
 * | mode | reads | file edits | commands, network, everything else |
 * | --- | --- | --- | --- |
 * | `approval-required` | run | asked | asked |
 * | `auto-accept-edits` | run | run | asked |
 * | `full-access` | run | run | run |
 * | `read-only` | run | refused | refused |
 *
 * In `read-only` nothing is asked: what is refused is refused by rule, also to subagents.
 *
 * Whatever the user's own agent configuration denies stays denied in every mode.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * What an agent may do without asking.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RuntimeMode = Schema.Literals(["approval-required", "auto-accept-edits", "full-access", "read-only"])

/**
 * @since 0.1.0
 * @category models
 */
export type RuntimeMode = typeof RuntimeMode.Type
