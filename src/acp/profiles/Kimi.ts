/**
 * Kimi Code (2.1.0) as a provider: add `Kimi.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * - In a git work tree it changes files inside the directory unasked, so it has no mode that is stricter than
 *   `auto-accept-edits`.
 * - An error of its model is not told: the turn is complete, and has no text.
 *
 * @since 0.1.0
 */
import { Equal, Predicate, Schema } from "effect"
import * as Words from "../../adapter/Words.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"
import { textOf } from "../protocol/ToolCall.ts"

const decodeInput = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const kinds = Words.make<string>({
  Bash: "execute",
  Write: "edit",
  Edit: "edit",
  Glob: "search",
  Grep: "search",
  FetchURL: "fetch",
  Agent: "subagent",
  AgentSwarm: "subagent",
  TodoList: "think",
  Skill: "read"
})

const isBare = ({ rawInput, status }: Profile.ToolCall) => rawInput === undefined && (status ?? "pending") === "pending"

/**
 * A call's first title is its tool's name. Before it asks, the input is told as a text that grows until it is JSON, at
 * times once more when it runs; a file is named only there.
 */
const refine = (call: Profile.ToolCall): Profile.ToolCall => {
  const text = textOf(call)
  const told = decodeInput(text)
  const isInput = told._tag === "Some" && Predicate.isReadonlyObject(told.value) &&
    (call.rawInput === undefined || Equal.equals(call.rawInput, told.value))
  const name = call.name ?? call.title
  const kind = kinds(name) ?? call.kind ?? "other"
  const known = {
    ...call,
    kind,
    ...(name == null ? {} : { name }),
    ...(isInput ? { rawInput: told.value, content: [] } : {}),
    // Of a call of a subagent's the words that it asks with are all that it tells.
    ...(isBare(call) && text !== "" && !text.startsWith("{") ? { title: text } : {})
  }
  const path = known.kind === "edit" ? Profile.textIn(known.rawInput, "path") : undefined
  return path === undefined || (known.locations ?? []).length > 0 ? known : { ...known, locations: [{ path }] }
}

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "kimi",
  command: {
    name: "kimi",
    variable: "KIMI_BINARY",
    args: ["acp"],
    npm: { name: "@moonshot-ai/kimi-code", file: "dist/main.mjs" }
  },
  check: {
    testedVersions: { from: "2.1.0", to: "2.1.0" },
    install: "npm install -g @moonshot-ai/kimi-code@2.1.0",
    signIn: "kimi login"
  },
  inherit: ["KIMI_*", "MOONSHOT_API_KEY"],
  home: { KIMI_CODE_HOME: "kimi" },
  modes: {
    "auto-accept-edits": { mode: "default", answer: "edits" },
    "full-access": { mode: "yolo", answer: "allow" }
  },
  setup: { directories: "per-session" },
  capabilities: { attachments: true, afterDenial: "continues" },
  resumable: "after-turn",
  literal: Profile.afterBlank,
  refine,
  mcpOf: ({ name }) => Profile.mcpNamed(name),
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command")
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
