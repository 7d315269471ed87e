/**
 * What an agent may do without asking. Each adapter maps the mode to the agent's own rules and proves, at every start
 * and resume, that the effective rules are no weaker.
 *
 * | mode | reads | file edits | commands, network, everything else |
 * | --- | --- | --- | --- |
 * | `approval-required` | run | asked | asked |
 * | `auto-accept-edits` | run | run | asked |
 * | `full-access` | run | run | run |
 *
 * What the user's own agent configuration denies stays denied in every mode.
 */
import { Schema } from "effect"

export const RuntimeMode = Schema.Literals(["approval-required", "auto-accept-edits", "full-access"])
export type RuntimeMode = typeof RuntimeMode.Type
