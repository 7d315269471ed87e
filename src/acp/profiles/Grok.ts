/**
 * Grok (1.0.41) as a provider: add `Grok.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * By itself it asks only for what it takes for dangerous; `touch` for example it runs unasked. A `PreToolUse` hook in its
 * home has it ask for every call, so it has supervised modes where its home is isolated, and elsewhere no mode but
 * `full-access`. In them it reads and searches, and starts no subagents. A hook that fails blocks nothing: this one is an
 * `echo` that has ten minutes.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path, Schema } from "effect"
import * as Words from "../../adapter/Words.ts"
import type { Usage } from "../../domain/Usage.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

const Metered = Schema.decodeUnknownOption(Schema.Struct({
  _meta: Schema.Struct({
    usage: Schema.Struct({
      inputTokens: Schema.Finite,
      outputTokens: Schema.Finite,
      cachedReadTokens: Schema.Finite,
      reasoningTokens: Schema.Finite
    })
  })
}))

/** Of the whole turn, in the answer to its prompt. */
const usageOf = (frame: unknown): Usage | undefined => {
  const found = Metered(frame)
  if (found._tag === "None") return undefined
  const { cachedReadTokens, inputTokens, outputTokens, reasoningTokens } = found.value._meta.usage
  return {
    input: inputTokens - cachedReadTokens,
    output: outputTokens,
    reasoning: reasoningTokens,
    cacheRead: cachedReadTokens
  }
}

/** It asks for every call, whatever its settings allow. Hooks of a plugin (`--plugin-dir`) were seen not to run. */
const hook = JSON.stringify({
  hooks: { PreToolUse: [{ hooks: [{ type: "command", command: "echo '{\"decision\":\"ask\"}'", timeout: 600 }] }] }
})

const supervised = { launch: { variables: { GROK_SUBAGENTS: "0" } }, isolated: true }

/** Its own tools that change nothing and reach no network, and those that start other agents. */
const harmless = new Set<string | undefined>(["read_file", "list_dir", "grep", "todo_write"])
const delegating = new Set<string | undefined>(["spawn_subagent", "workflow"])

const toolOf = ({ _meta }: Profile.ToolCall) => Profile.textIn(_meta, "x.ai/tool", "name")

const kinds = Words.make<string>({ list_dir: "read", todo_write: "think", spawn_subagent: "subagent" })

/** The user has told it to trust the directory, or one that holds it. */
const overrules: Exclude<Profile.Profile["overrules"], undefined> = Effect.fnUntraced(
  function*(directory, { GROK_HOME, HOME = "" }) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.join(GROK_HOME ?? path.join(HOME, ".grok"), "trusted_folders.toml")
    const trusted = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
    for (let folder = directory;; folder = path.dirname(folder)) {
      if (trusted.includes(JSON.stringify(folder)) || trusted.includes(`'${folder}'`)) return true
      if (path.dirname(folder) === folder) return false
    }
  }
)

/**
 * Its compactions, which it begins at the start of a turn and tells of in a notification of its own, without an id: there is one
 * at a time.
 */
const updateOf = (method: string, params: unknown): object | undefined => {
  if (method !== "_x.ai/session_notification") return undefined
  const status = compacting.get(Profile.textIn(params, "update", "sessionUpdate"))
  return status === undefined ? undefined : { sessionUpdate: "compaction_update", compactionId: "auto", status }
}

const compacting = new Map<string | undefined, string>([
  ["auto_compact_started", "in_progress"],
  ["auto_compact_completed", "completed"],
  ["auto_compact_failed", "failed"]
])

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "grok",
  command: { name: "grok", variable: "GROK_BINARY", args: ["agent", "--no-leader", "stdio"] },
  check: {
    testedVersions: { from: "1.0.41", to: "1.0.41" },
    install: "npm install -g @xai-official/grok@1.0.41",
    signIn: "grok login"
  },
  inherit: ["GROK_*", "XAI_API_KEY"],
  home: { GROK_HOME: "grok" },
  reserved: ["GROK_CONFIG*", "GROK_SANDBOX*", "GROK_CLAUDE_*", "GROK_CURSOR_*"],
  homeFiles: { "grok/hooks/effect-coding-agents.json": hook },
  // It trusts no folder until it is told so.
  distrust: () => ({ variables: { GROK_FOLDER_TRUST: "1" } }),
  trust: { variables: { GROK_FOLDER_TRUST: "0" } },
  overrules,
  project: {
    instructions: ["AGENTS.md", "CLAUDE.md"],
    settings: [".grok", ".claude", ".cursor", ".agents", ".mcp.json"]
  },
  modes: {
    "read-only": { answer: "deny", ...supervised },
    "approval-required": { answer: "ask", ...supervised },
    "auto-accept-edits": { answer: "edits", ...supervised },
    "full-access": { answer: "allow" }
  },
  // It connects to them while a first turn runs already, which cannot use them.
  setup: { mcpServers: "never" },
  // Of a prompt of more than some 99,000 characters its model is shown the beginning and the end.
  capabilities: { attachments: true, handoverTokens: 20_000 },
  resumable: "after-turn",
  literal: Profile.quoted,
  joinsTexts: true,
  // Wherever an `@` and the path of a file stand, also of one outside the directory. An address of mail has none to it.
  mentions: (text) => /(^|\W)@\S/.test(text),
  usageOf,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command"),
  comments: ["description"],
  toolOf,
  refine: (call) => ({ ...call, kind: kinds(toolOf(call)) ?? call.kind ?? "other" }),
  ruleOf: (call) => harmless.has(toolOf(call)) ? true : delegating.has(toolOf(call)) ? false : undefined,
  updateOf,
  ignored: ["_x.ai/*"]
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
