/**
 * Qwen Code (0.24.4) as a provider: add `Qwen.layer()` to an app and it is there.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path, Predicate, Schema } from "effect"
import type { Usage } from "../../domain/Usage.ts"
import type { Question } from "../../domain/UserRequest.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"
import { fitting } from "../protocol/Lenient.ts"

const Metered = Schema.decodeUnknownOption(Schema.Struct({
  _meta: Schema.Struct({
    usage: Schema.Struct({
      inputTokens: Schema.Finite,
      outputTokens: Schema.Finite,
      thoughtTokens: Schema.optionalKey(Schema.Finite),
      cachedReadTokens: Schema.optionalKey(Schema.Finite)
    })
  })
}))

/** It is in an empty chunk of text after each call of the model. */
const usageOf = (update: unknown): Usage | undefined => {
  if (!Predicate.hasProperty(update, "_meta")) return undefined
  const found = Metered(update)
  if (found._tag === "None") return undefined
  const { cachedReadTokens = 0, inputTokens, outputTokens, thoughtTokens = 0 } = found.value._meta.usage
  return {
    input: inputTokens - cachedReadTokens,
    output: outputTokens,
    reasoning: thoughtTokens,
    cacheRead: cachedReadTokens
  }
}

const Shell = Schema.decodeUnknownOption(Schema.Struct({ command: Schema.String }))

const ShellResult = Schema.decodeUnknownOption(Schema.Struct({
  output: Schema.String,
  exitCode: Schema.NullOr(Schema.Int)
}))

const toolOf = ({ _meta }: Profile.ToolCall) => Profile.textIn(_meta, "toolName")

/** It tells the server; the tool's name begins with it. */
const mcpOf = (call: Profile.ToolCall): Profile.McpTool | undefined => {
  const server = Profile.textIn(call._meta, "serverId")
  const prefix = `mcp__${server}__`
  const name = toolOf(call) ?? ""
  return server !== undefined && name.startsWith(prefix) ? { server, tool: name.slice(prefix.length) } : undefined
}

const Asked = Schema.Struct({
  question: Schema.String,
  header: Schema.optionalKey(Schema.String),
  multiSelect: Schema.optionalKey(Schema.Boolean),
  options: Schema.Array(Schema.Struct({ label: Schema.String, description: Schema.optionalKey(Schema.String) }))
})

const Questions = Schema.decodeUnknownOption(Schema.Struct({ questions: Schema.Array(Asked) }))

const toQuestion = ({ header, multiSelect, options, question }: typeof Asked.Type, n: number): Question => ({
  id: String(n),
  ...(header === undefined ? {} : { header }),
  question,
  options,
  multiple: multiSelect === true,
  freeText: true,
  secret: false
})

const ModeUpdate = Schema.decodeUnknownOption(Schema.Struct({ currentModeId: Schema.String }))

/** By the rules of trust, of which we bring our own: the user's say nothing of a directory that they do not name. */
const distrust = (directory: string): Profile.Launch => ({
  files: {
    // It lists a project's skills to its model whatever the trust.
    "settings.json": JSON.stringify({
      security: { folderTrust: { enabled: true } },
      skills: { disabledLevels: ["project"] }
    }),
    "trustedFolders.json": JSON.stringify({ [directory]: "DO_NOT_TRUST" })
  },
  fileVariables: {
    QWEN_CODE_SYSTEM_SETTINGS_PATH: "settings.json",
    QWEN_CODE_TRUSTED_FOLDERS_PATH: "trustedFolders.json"
  }
})

/** It takes a project's own subagents whatever the trust. */
const overrules: Exclude<Profile.Profile["overrules"], undefined> = Effect.fnUntraced(function*(directory) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.orElseSucceed(fs.exists(path.join(directory, ".qwen", "agents")), () => false)
})

/**
 * In a directory that it does not trust Qwen has no mode but `default`, which asks for everything that is no reading.
 * So the others are answered here.
 *
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "qwen",
  command: {
    name: "qwen",
    variable: "QWEN_BINARY",
    args: ["--acp"],
    npm: { name: "@qwen-code/qwen-code", file: "cli-entry.js" }
  },
  needed: "0.24.0",
  check: {
    testedVersions: { from: "0.24.4", to: "0.24.4" },
    install: "npm install -g @qwen-code/qwen-code@0.24.4",
    signIn: "qwen"
  },
  inherit: ["QWEN_*", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "DASHSCOPE_API_KEY"],
  variables: { QWEN_CODE_SKIP_UPDATE_CHECK_ONCE: "true" },
  home: { QWEN_HOME: ".qwen" },
  reserved: ["QWEN_CODE_SYSTEM_*", "QWEN_CODE_MCP_APPROVALS_PATH", "QWEN_CODE_TRUSTED_FOLDERS_PATH", "QWEN_SANDBOX*"],
  distrust,
  overrules,
  project: { instructions: ["QWEN.md", "AGENTS.md"], settings: [".qwen", ".agents", ".env"] },
  modes: {
    "read-only": { mode: "default", answer: "deny" },
    "approval-required": { mode: "default", answer: "ask" },
    "auto-accept-edits": { mode: "default", answer: "edits" },
    "full-access": { mode: "default", answer: "allow" }
  },
  plan: "plan",
  capabilities: { questions: true, attachments: true, adopt: true },
  withId: (sessionId) => ({ _meta: { "qwen-code/sessionId": sessionId } }),
  listsDirectories: true,
  resumable: "after-turn",
  literal: Profile.afterBlank,
  usageOf,
  commandOf: ({ rawInput }) => {
    const input = Shell(rawInput)
    return input._tag === "Some" ? input.value.command : undefined
  },
  outputOf: ({ rawOutput }) => {
    const result = ShellResult(rawOutput)
    if (result._tag === "None") return undefined
    const { exitCode, output } = result.value
    return exitCode === null ? { output } : { output, exitCode }
  },
  toolOf,
  mcpOf,
  refine: (call) => toolOf(call) === "agent" ? { ...call, kind: "subagent" } : call,
  // Where it trusts the folder, a subagent changes files unasked, and one with a mode of its own what that allows.
  ruleOf: (call, trusted) => trusted && toolOf(call) === "agent" ? false : undefined,
  comments: ["description"],
  questionsOf: ({ toolCall }) => {
    const asked = Questions(toolCall.rawInput)
    return asked._tag === "None" ? undefined : asked.value.questions.map(toQuestion)
  },
  questionAnswer: ({ options }, answer) => {
    const optionId = (kind: string) => fitting(options).find((option) => option.kind === kind)?.optionId ?? kind
    return answer._tag === "Answered"
      ? {
        outcome: { outcome: "selected", optionId: optionId("allow_once") },
        answers: Object.fromEntries(answer.answers.map((given, n) => [String(n), given.join(", ")]))
      }
      : { outcome: { outcome: "selected", optionId: optionId("reject_once") } }
  },
  modeOf: (method, params) => {
    if (method !== "qwen/notify/session/mode-update") return undefined
    const update = ModeUpdate(params)
    return update._tag === "Some" ? update.value.currentModeId : undefined
  },
  // Skills, and what users write themselves. Of its own commands some change settings for good.
  isOffered: ({ _meta, name }) => name === "init" || Profile.textIn(_meta, "source") !== "builtin-command",
  ignored: ["craft/drainMidTurnQueue", "qwen/notify/session/prompt-suggestion"],
  // It takes four to seven seconds to heed the end of its stdin, and has written everything by the end of a turn.
  stopGrace: 0
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
