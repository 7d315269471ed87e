/** The real agents that a host is killed with: how it composes each, and how the scripted model runs a command on it. */
import { Effect } from "effect"
import { delimiter, join } from "node:path"
import { env } from "node:process"
import { claudeEnvironment } from "../../examples/support/ClaudeEnvironment.ts"
import { codexConfig } from "../../examples/support/CodexConfig.ts"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import * as Processes from "../../examples/support/Processes.ts"
import { qwenEnvironment, qwenFiles } from "../../examples/support/QwenEnvironment.ts"
import { Qwen } from "../../src/acp/index.ts"
import { Claude } from "../../src/claude/index.ts"
import { Codex } from "../../src/codex/index.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import { ModelReply } from "../../src/testing/index.ts"
import * as Agent from "../agents/Agent.ts"

/** Each is also the id of its only instance. */
export const names = ["opencode", "codex", "claude", "qwen"] as const
export type Name = (typeof names)[number]

interface Where {
  /** The scripted model. */
  readonly url: string
  /** The agent's folders, which outlive the host. */
  readonly folder: string
}

const inherit = [Processes.variable]

export const layers = {
  opencode: ({ folder, url }: Where) =>
    OpenCode.layer({ inherit, isolated: { folder }, config: openCodeConfig({ url }), stopDeadline: "3 seconds" }),
  codex: ({ folder, url }: Where) =>
    Codex.layer({
      inherit,
      isolated: { folder },
      config: codexConfig({ url }),
      env: { SCRIPTED_API_KEY: "not-a-key" }
    }),
  claude: ({ folder, url }: Where) => Claude.layer({ inherit, isolated: { folder }, env: claudeEnvironment({ url }) }),
  qwen: ({ folder, url }: Where) =>
    Qwen.layer({ inherit, isolated: { folder, files: qwenFiles }, env: qwenEnvironment({ url }) })
} satisfies Record<Name, unknown>

export const runs: Readonly<Record<Name, (command: string) => ModelReply.Reply>> = {
  opencode: (command) => ModelReply.call("bash", { command, description: "Work" }),
  codex: (cmd) => ModelReply.call("exec_command", { cmd }),
  claude: (command) => ModelReply.call("Bash", { command, description: "Work" }),
  qwen: (command) => ModelReply.call("run_shell_command", { command, description: "Work", is_background: false })
}

/** Variables by which the adapters find what `npm run test:agents` has installed. */
export const binaries = Effect.fnUntraced(function*(agents: ReadonlyArray<Name>) {
  const found = yield* Effect.forEach(agents, (name) =>
    Effect.gen(function*() {
      const { executable } = yield* Agent.load(name)
      const path = [join(Agent.folder, name, "node_modules", ".bin"), env["PATH"]].join(delimiter)
      return [`${name.toUpperCase()}_BINARY`, yield* executable(path)] as const
    }))
  return Object.fromEntries(found)
})
