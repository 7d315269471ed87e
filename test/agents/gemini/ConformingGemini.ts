/** The real Gemini CLI as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { type Acp, Gemini } from "../../../src/acp/index.ts"
import type { Fixture } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import type * as AcpProject from "../AcpProject.ts"
import { controls, launch, type World } from "../AcpWorld.ts"
import { tools } from "./tools.ts"

const run = (command: string) => ModelReply.call("run_shell_command", { command, description: "as asked" })

export const script = CalledTools.script(
  tools,
  ModelScript.plainPrompts({
    run,
    edit: (path) => ModelReply.call("write_file", { file_path: path, content: "As asked.\n" }),
    ask: () => ModelReply.text("It cannot ask.")
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world, { GEMINI_API_KEY: "scripted-key", GOOGLE_GEMINI_BASE_URL: world.model.origin }),
  isolated: { folder: world.home, files: { ".gemini/settings.json": JSON.stringify(settings) } },
  projectConfig: "trust"
})

/** What is proved of each version. */
export const subject = { profile: Gemini.profile, optionsOf, run }

/** What each version takes of a project. */
export const taking: Pick<AcpProject.Subject, "runs" | "reads"> = {
  runs: [".gemini/settings.json (server)", ".gemini/settings.json (discovery)"],
  reads: ["GEMINI.md", ".gemini/skills/skill-g/SKILL.md", ".agents/skills/skill-a/SKILL.md", ".env"]
}

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "gemini",
  platform: NodeServices.layer,
  tools,
  patience: 30_000,
  sessions: 5,
  controls: Effect.map(world, (world) => controls(world, (sessionId) => sessionId.slice(0, 8)))
})

const settings = {
  security: { auth: { selectedType: "gemini-api-key" } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  general: { disableAutoUpdate: true },
  model: { name: "gemini-2.5-flash" }
}
