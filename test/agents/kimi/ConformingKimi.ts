/** The real Kimi Code as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { fileIn } from "../../../examples/support/FileIn.ts"
import type { Acp } from "../../../src/acp/index.ts"
import type { Fixture } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import { controls, launch, type World } from "../AcpWorld.ts"
import { tools } from "./tools.ts"

export const script = CalledTools.script(
  tools,
  ModelScript.plainPrompts({
    run: (command) => ModelReply.call("Bash", { command }),
    edit: (path, request) => ModelReply.call("Write", { path: fileIn(request, path), content: "As asked.\n" }),
    ask: () => ModelReply.text("It cannot ask.")
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world),
  isolated: { folder: world.home, files: { "kimi/config.toml": config(world.model.url) } },
  projectConfig: "trust"
})

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "kimi",
  platform: NodeServices.layer,
  tools,
  patience: 30_000,
  sessions: 4,
  controls: Effect.map(world, (world) => controls(world))
})

const config = (url: string) =>
  [
    "default_model = \"scripted\"",
    "[providers.local]",
    "type = \"openai\"",
    `base_url = "${url}"`,
    "api_key = \"scripted-key\"",
    "[models.scripted]",
    "provider = \"local\"",
    "model = \"scripted-1\"",
    "max_context_size = 100000",
    ""
  ].join("\n")
