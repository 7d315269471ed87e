/**
 * The runtime modes as what Claude (2.1.332) enforces.
 *
 * Its own modes do not: `default` runs `echo` unasked, `acceptEdits` runs `touch`, and `bypassPermissions` is refused for
 * root. So the mode is always the default one, a `PreToolUse` hook of ours makes Claude ask for each tool that may change
 * something, and the answer is given here. Deny rules of the user's settings stand above the hook.
 */
import { Effect, type FileSystem, type Path } from "effect"
import * as Workspace from "../../adapter/Workspace.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import { editors, fileOf } from "../protocol/Items.ts"
import { callOf, type Permission, question } from "../protocol/Request.ts"

/** What changes nothing beyond the session, or asks the user by itself. Reading outside of the directory is asked for. */
const harmless: ReadonlySet<string> = new Set([
  "Read",
  "Glob",
  "Grep",
  "NotebookRead",
  "ListAgents",
  "ReportFindings",
  "TaskStop",
  "TodoWrite",
  "ToolSearch",
  "EnterPlanMode",
  "ExitPlanMode",
  question
])

/** Tools that only start others, each of which is looked at for itself. */
const starters: ReadonlySet<string> = new Set(["Agent", "Task"])

/** The hook's decision; absent: Claude's own rules. */
export const decision = (mode: RuntimeMode, tool: string): "ask" | "deny" | undefined => {
  if (harmless.has(tool)) return undefined
  return mode === "read-only" && !starters.has(tool) ? "deny" : "ask"
}

/** What is asked of the user in every mode. */
const interactive: ReadonlySet<string> = new Set([question, "ExitPlanMode"])

/** Whether a tool is a question to the user itself. */
export const isInteractive = (tool: string): boolean => interactive.has(tool)

/** What the mode itself answers; `undefined` is for the user. */
export const byRule = (
  mode: RuntimeMode,
  directory: string,
  asked: Permission
): Effect.Effect<boolean | undefined, never, FileSystem.FileSystem | Path.Path> => {
  const tool = asked.tool_name
  if (interactive.has(tool)) return Effect.undefined
  if (mode === "full-access") return Effect.succeed(true)
  if (mode === "read-only") return Effect.succeed(starters.has(tool))
  const file = fileOf(callOf(asked))
  return mode === "auto-accept-edits" && editors.has(tool) && file !== undefined
    ? Effect.map(Workspace.holds(directory, file, guarded), (inside) => inside ? true : undefined)
    : Effect.undefined
}

/** What decides what runs in a project. */
const guarded: ReadonlySet<string> = new Set([".git", ".claude", ".mcp.json"])
