/** The real Qwen Code as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { env } from "node:process"
import { fileIn } from "../../../examples/support/FileIn.ts"
import { qwenEnvironment, qwenFiles } from "../../../examples/support/QwenEnvironment.ts"
import type { Acp } from "../../../src/acp/index.ts"
import { SessionId } from "../../../src/domain/Ids.ts"
import type { Fixture } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import * as HostileProject from "../../support/HostileProject.ts"
import { controls, launch, type World } from "../AcpWorld.ts"
import { tools } from "./tools.ts"

export const script = CalledTools.script(
  tools,
  ModelScript.plainPrompts({
    run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked", is_background: false }),
    edit: (path, request) =>
      ModelReply.call("write_file", { file_path: fileIn(request, path), content: "As asked.\n" }),
    ask: (question) =>
      ModelReply.call("ask_user_question", {
        questions: [{
          question,
          header: "A question",
          options: [{ label: "yes", description: "Do it" }, { label: "no", description: "Do not" }],
          multiSelect: false
        }]
      })
  })
)

export const optionsOf = (world: World["Service"]): Acp.Options => ({
  ...launch(world, qwenEnvironment(world.model)),
  isolated: { folder: world.home, files: qwenFiles }
})

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "qwen",
  platform: NodeServices.layer,
  tools,
  patience: 45_000,
  sessions: 3,
  project: HostileProject.lay(["hook"], ({ hook }) => ({
    "QWEN.md": "Words of the project.",
    ".qwen/settings.json": JSON.stringify({
      hooks: { SessionStart: [{ hooks: [{ type: "command", command: `touch '${hook}'` }] }] }
    })
  })),
  controls: Effect.map(world, (world) => ({ ...controls(world), makeSession: (made) => outside(world, made) }))
})

/** A turn as a user has it without a terminal. */
const outside = (
  { home, model }: World["Service"],
  { directory, words }: { readonly directory: string; readonly words: string }
) =>
  Effect.gen(function*() {
    const child = yield* ChildProcess.make("qwen", ["--prompt", `say ${words}`, "--output-format", "json"], {
      cwd: directory,
      stdin: "ignore",
      env: { PATH: env["PATH"], HOME: home, QWEN_HOME: `${home}/.qwen`, ...qwenEnvironment(model) }
    })
    const said = yield* Stream.mkString(Stream.decodeText(child.stdout))
    const [{ session_id }] = yield* Schema.decodeEffect(Printed)(said)
    return session_id
  }).pipe(Effect.scoped, Effect.orDie, Effect.provide(NodeServices.layer))

const Printed = Schema.fromJsonString(Schema.TupleWithRest(Schema.Tuple([Schema.Struct({ session_id: SessionId })]), [
  Schema.Unknown
]))
