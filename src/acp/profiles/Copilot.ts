/**
 * GitHub Copilot CLI (1.0.102) as a provider: add `Copilot.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * An error of its model comes as an answer: the turn is complete, and says in words what went wrong.
 *
 * @since 0.1.0
 */
import { arch, platform } from "node:process"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"
import { pathsOf } from "../protocol/ToolCall.ts"

/** It names no tools: what a call does is seen from its input. */
const refine = (call: Profile.ToolCall): Profile.ToolCall => {
  const has = (name: string) => Profile.textIn(call.rawInput, name) !== undefined
  if (call.kind === "read" && has("pattern")) return { ...call, kind: "search" }
  if (call.kind === "edit" && has("message") && pathsOf(call).length === 0) return { ...call, kind: "other" }
  return call.kind === "other" && has("agent_type") && has("prompt") ? { ...call, kind: "subagent" } : call
}

const modes = "https://agentclientprotocol.com/protocol/session-modes"

const mode = `${modes}#agent`

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "copilot",
  command: {
    name: "copilot",
    variable: "COPILOT_BINARY",
    args: ["--acp"],
    npm: {
      name: "@github/copilot",
      package: `@github/copilot-${platform}-${arch}`,
      file: platform === "win32" ? "copilot.exe" : "copilot"
    }
  },
  check: {
    testedVersions: { from: "1.0.102", to: "1.0.102" },
    install: "npm install -g @github/copilot@1.0.102",
    signIn: "copilot login"
  },
  // The user's own would have it ask for nothing, in every mode, and trust the directory.
  pinned: { COPILOT_ALLOW_ALL: "false" },
  reserved: ["COPILOT_HOME"],
  inherit: ["COPILOT_*", "GH_TOKEN", "GITHUB_TOKEN"],
  modes: {
    "read-only": { mode, answer: "deny" },
    "approval-required": { mode, answer: "ask" },
    "auto-accept-edits": { mode, answer: "edits" },
    "full-access": { mode, answer: "allow" }
  },
  plan: `${modes}#plan`,
  // It takes them, and its model has none of their tools in its first turn.
  setup: { mcpServers: "never" },
  capabilities: { attachments: true, afterDenial: "continues" },
  resumable: "after-turn",
  literal: Profile.afterBlank,
  refine,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command"),
  comments: ["description", "shellId"]
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
