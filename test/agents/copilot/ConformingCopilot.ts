/** The real Copilot CLI as an agent under proof: its model is a script that reads the plain prompts. */
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
    run: (command) =>
      ModelReply.call("bash", { command, description: "as asked", mode: "sync", shellId: "s1", initial_wait: 30 }),
    edit: (path, request) => ModelReply.call("create", { path: fileIn(request, path), file_text: "As asked.\n" }),
    ask: () => ModelReply.text("It cannot ask.")
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world, {
    COPILOT_OFFLINE: "true",
    COPILOT_PROVIDER_BASE_URL: world.model.url,
    COPILOT_PROVIDER_TYPE: "openai",
    COPILOT_PROVIDER_API_KEY: "scripted-key",
    COPILOT_MODEL: "scripted-1"
  }),
  isolated: { folder: world.home },
  projectConfig: "trust"
})

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "copilot",
  platform: NodeServices.layer,
  tools,
  patience: 30_000,
  sessions: 4,
  controls: Effect.map(world, (world) => controls(world))
})
