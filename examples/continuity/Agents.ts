/**
 * The agents that the conversation can be had with: what each is called, how its executable is found, and how it gets
 * there. What else is an agent's own lies in `host.ts` (its Layer), `main.ts` (its measure) and `Conversation.ts` (its
 * tools).
 */
import { Effect, Schema } from "effect"
import { Qwen } from "../../src/acp/index.ts"
import * as Acp from "../../src/acp/process/Connection.ts"
import * as ClaudeBinary from "../../src/claude/process/Binary.ts"
import * as CodexBinary from "../../src/codex/process/Binary.ts"
import { InstanceId } from "../../src/index.ts"
import * as OpenCodeBinary from "../../src/opencode/server/Binary.ts"
import type { Settings } from "./Protocol.ts"
import type { Incident } from "./Verdict.ts"

export type Name = Settings["agent"]

const install = (command: string) => `\`npm ci\` in this repository, or put \`${command}\` on the PATH`

const agents = {
  opencode: {
    title: "OpenCode",
    find: OpenCodeBinary.find({ instanceId: InstanceId.make("opencode") }),
    install: install("opencode"),
    moves: true
  },
  codex: {
    title: "Codex",
    find: CodexBinary.find({ instanceId: InstanceId.make("codex") }),
    install: "`npm install -g @openai/codex`, or set CODEX_BINARY",
    moves: true
  },
  claude: {
    title: "Claude Code",
    find: ClaudeBinary.find({ instanceId: InstanceId.make("claude") }),
    install: "`npm install -g @anthropic-ai/claude-code`, or set CLAUDE_BINARY",
    moves: true
  },
  qwen: {
    title: "Qwen Code",
    find: Acp.find(InstanceId.make("qwen"), Qwen.profile, {}),
    install: "`npm install -g @qwen-code/qwen-code`, or set QWEN_BINARY",
    moves: false
  }
} as const satisfies Record<Name, unknown>

const isName = (name: string): name is Name => Object.hasOwn(agents, name)

/** A session that cannot work in another directory is rehydrated there. */
export const continuityAfter = (name: Name, incident: Incident) =>
  incident !== "move" ? "Resumed" : agents[name].moves ? "Moved" : "Rehydrated"

export const titleOf = (name: Name) => agents[name].title

export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { name: Schema.String }) {
  override get message() {
    const known = Object.keys(agents).map((name) => `npm start -- --agent ${name}`)
    return `There is no agent ${this.name} here. Try ${known.join(" or ")}`
  }
}

export class NotInstalled extends Schema.TaggedError<NotInstalled>()("NotInstalled", {
  name: Schema.String,
  install: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.name} is not installed. Run ${this.install}. ${this.reason}`
  }
}

/** The agent of this name, and its executable. */
export const find = Effect.fnUntraced(function*(name: string) {
  if (!isName(name)) return yield* new UnknownAgent({ name })
  const { find, install } = agents[name]
  const binary = yield* Effect.mapError(find, (error) => new NotInstalled({ name, install, reason: error.message }))
  return { name, binary }
})
