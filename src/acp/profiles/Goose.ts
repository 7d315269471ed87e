/**
 * Goose (1.50.0) as a provider: add `Goose.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * - An error of its model comes as an answer: the turn is complete, and says in words what went wrong.
 * - Its subagents run everything unasked, so in supervised modes none is started.
 * - It does not heed a cancel while its model says nothing, so such a session is given up after `cancelDeadline`.
 *
 * @since 0.1.0
 */
import { arch, platform } from "node:process"
import * as Words from "../../adapter/Words.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

const nameOf = ({ _meta }: Profile.ToolCall) => Profile.textIn(_meta, "goose", "toolCall", "toolName")

/** Its own extensions; any other is an MCP server. */
const own = new Set(["analyze", "apps", "developer", "extensionmanager", "skills", "summon", "todo"])

const mcpOf = (call: Profile.ToolCall): Profile.McpTool | undefined => {
  const server = Profile.textIn(call._meta, "goose", "toolCall", "extensionName")
  const name = nameOf(call) ?? ""
  return server === undefined || own.has(server) || !name.startsWith(`${server}__`)
    ? undefined
    : { server, tool: name.slice(server.length + 2) }
}

const kinds = Words.make<string>({
  shell: "execute",
  write: "edit",
  edit: "edit",
  tree: "read",
  read_image: "read",
  analyze: "read",
  load: "read",
  load_skill: "read",
  delegate: "subagent",
  todo__todo_write: "think"
})

/** Where it tells a kind, that is `other`. */
const refine = (call: Profile.ToolCall): Profile.ToolCall => {
  const kind = kinds(nameOf(call)) ?? call.kind ?? "other"
  const path = kind === "edit" ? Profile.textIn(call.rawInput, "path") : undefined
  return { ...call, kind, ...(path === undefined ? {} : { locations: [{ path }] }) }
}

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "goose",
  command: {
    name: "goose",
    variable: "GOOSE_BINARY",
    args: ["acp"],
    npm: {
      name: "@aaif/goose-acp",
      package: `@aaif/goose-binary-${platform}-${arch}`,
      file: platform === "win32" ? "bin/goose.exe" : "bin/goose"
    }
  },
  check: {
    testedVersions: { from: "1.50.0", to: "1.50.0" },
    install: "npm install -g @aaif/goose-acp@1.50.0",
    signIn: "goose configure"
  },
  pinned: { GOOSE_MODE: "approve" },
  reserved: ["GOOSE_PATH_ROOT"],
  inherit: ["GOOSE_*", "OPENAI_API_KEY", "OPENAI_HOST", "ANTHROPIC_API_KEY"],
  modes: {
    "read-only": { mode: "approve", answer: "deny" },
    "approval-required": { mode: "approve", answer: "ask" },
    "auto-accept-edits": { mode: "approve", answer: "edits" },
    "full-access": { mode: "auto", answer: "allow" }
  },
  capabilities: { attachments: true, afterDenial: "continues" },
  resumable: "after-turn",
  literal: Profile.quoted,
  refine,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command"),
  toolOf: nameOf,
  // A subagent runs everything unasked, in its mode `approve` too.
  ruleOf: (call) => call.kind === "subagent" || call.title === "delegate" ? false : undefined,
  mcpOf,
  outputOf: ({ rawOutput }) => {
    const output = Profile.textIn(rawOutput, "stdout")
    return output === undefined ? undefined : { output: output + (Profile.textIn(rawOutput, "stderr") ?? "") }
  }
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
