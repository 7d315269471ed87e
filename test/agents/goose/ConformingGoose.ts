/** The real Goose as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { DatabaseSync } from "node:sqlite"
import type { Acp } from "../../../src/acp/index.ts"
import type { Fixture } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import { controls, launch, type World } from "../AcpWorld.ts"
import { tools } from "./tools.ts"

export const script = CalledTools.script(
  tools,
  ModelScript.plainPrompts({
    run: (command) => ModelReply.call("shell", { command }),
    edit: (path) => ModelReply.call("write", { path, content: "As asked.\n" }),
    ask: () => ModelReply.text("It cannot ask.")
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world, {
    GOOSE_PROVIDER: "openai",
    GOOSE_MODEL: "scripted-1",
    GOOSE_DISABLE_KEYRING: "1",
    OPENAI_HOST: world.model.origin,
    OPENAI_API_KEY: "scripted-key"
  }),
  isolated: { folder: world.home },
  projectConfig: "trust"
})

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "goose",
  platform: NodeServices.layer,
  tools,
  patience: 30_000,
  sessions: 4,
  controls: Effect.map(world, (world) => ({
    ...controls(world),
    loseSession: (sessionId: string) =>
      Effect.sync(() => lose(`${world.home}/data/goose/sessions/sessions.db`, sessionId))
  }))
})

/** Its sessions are rows of one database. */
const lose = (file: string, sessionId: string) => {
  const database = new DatabaseSync(file)
  database.prepare("DELETE FROM messages WHERE session_id = ?").run(sessionId)
  database.prepare("DELETE FROM sessions WHERE id = ?").run(sessionId)
  database.close()
}
