/**
 * The rules of the conformance suite that each change is proved with on every real agent; `--full` proves all. Together
 * they take a minute or two per agent.
 */
import { Conformance } from "../../src/testing/index.ts"

/** At least one for each promise about an agent that can be broken without anything else failing. */
export const core: ReadonlyArray<string> = [
  "cursor/offered",
  "turn/completed",
  "turn/failed",
  "turn/once",
  "interrupt/streaming",
  "continuity/resumed",
  "continuity/restart",
  "missing/proved",
  "mode/approval-required",
  "approval/not-beyond",
  "request/gone",
  "close/process"
]

/** How many rules are asked for: `core` in the environment variable AGENT_TESTS, else all. */
export const rules: ReadonlyArray<Conformance.Rule> = process.env["AGENT_TESTS"] === "core"
  ? Conformance.rules.filter(({ id }) => core.includes(id))
  : Conformance.rules
