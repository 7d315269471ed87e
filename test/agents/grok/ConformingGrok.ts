/** The real Grok as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { fileIn } from "../../../examples/support/FileIn.ts"
import type { Acp } from "../../../src/acp/index.ts"
import type { Fixture } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import * as HostileProject from "../../support/HostileProject.ts"
import { controls, launch, type World } from "../AcpWorld.ts"
import { tools } from "./tools.ts"

export const script = CalledTools.script(
  tools,
  ModelScript.plainPrompts({
    run: (command) => ModelReply.call("run_terminal_command", { command, description: "as asked" }),
    edit: (path, request) => ModelReply.call("write", { file_path: fileIn(request, path), content: "As asked.\n" }),
    ask: () => ModelReply.text("It cannot ask.")
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world, {
    SCRIPTED_API_KEY: "scripted-key",
    GROK_CLI_CHAT_PROXY_BASE_URL: world.model.origin,
    GROK_XAI_API_BASE_URL: world.model.url
  }),
  isolated: { folder: world.home, files: { "grok/config.toml": config(world.model.url) } }
})

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "grok",
  platform: NodeServices.layer,
  tools,
  patience: 30_000,
  sessions: 4,
  project: HostileProject.lay(["server", "grokHook", "claudeHook"], ({ claudeHook, grokHook, server }) => ({
    // It runs hooks of a work tree alone.
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/objects/info/none": "",
    ".git/refs/heads/none": "",
    ".grok/config.toml": `[mcp_servers.hostile]\ncommand = "touch"\nargs = ["${server}"]\n`,
    "AGENTS.md": "Words of the project.",
    ".grok/hooks/hook.json": hooks(grokHook),
    ".claude/settings.json": hooks(claudeHook)
  })),
  controls: Effect.map(world, (world) => controls(world))
})

const hooks = (trace: string) =>
  JSON.stringify({ hooks: { SessionStart: [{ hooks: [{ type: "command", command: `touch '${trace}'` }] }] } })

export const config = (url: string) =>
  [
    "[model.scripted]",
    `base_url = "${url}"`,
    "env_key = \"SCRIPTED_API_KEY\"",
    "model = \"scripted-1\"",
    "[models]",
    "default = \"scripted\"",
    ""
  ].join("\n")
