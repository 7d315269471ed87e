/**
 * One conversation with a real coding agent, through everything that usually costs it its memory: the idle reaper, a
 * `kill -9` of the app in the middle of a turn, and a move to another working directory. After each, a follow-up, and
 * the proof that it reached the model with the whole history.
 *
 * `host.ts` is the app. This is the driver: it plays the user and does the damage. The model is a script on this
 * machine, unless `--model` names one of yours.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, FileSystem, Option, Path, Schema } from "effect"
import { CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import { ScriptedModel } from "../../src/testing/index.ts"
import * as Processes from "../support/Processes.ts"
import * as Agents from "./Agents.ts"
import { script } from "./Conversation.ts"
import * as Findings from "./Findings.ts"
import * as History from "./History.ts"
import { Narrator, paint } from "./Narrator.ts"
import * as OpenCodeExport from "./OpenCodeExport.ts"
import * as Report from "./Report.ts"
import * as Scenario from "./Scenario.ts"
import * as User from "./User.ts"
import { judge } from "./Verdict.ts"
import * as Workspace from "./Workspace.ts"

class PromiseBroken extends Schema.TaggedError<PromiseBroken>()("PromiseBroken", { promises: Schema.Int }) {
  override get message() {
    return this.promises === 1 ? "1 promise was broken" : `${this.promises} promises were broken`
  }
}

/** A user's own model cannot be asked what it was sent, and what this agent has stored is not counted here. */
class NoMeasure extends Schema.TaggedError<NoMeasure>()("NoMeasure", { agent: Schema.String }) {
  override get message() {
    return `--model is there for OpenCode alone; without it ${this.agent} has the scripted model`
  }
}

/** Everything that is started or written here is gone when the scope closes, on every path. */
const run = Effect.fnUntraced(function*(asked: string, model: Option.Option<string>) {
  // Before anything is made: a reader without the agent is told so at once.
  const { binary, name } = yield* Agents.find(asked)
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const narrator = yield* Narrator
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "continuity-" }).pipe(Effect.flatMap(fs.realPath))
  const temporary = path.join(folder, "tmp")
  yield* fs.makeDirectory(temporary)
  const processes = yield* Processes.make
  const workspace = yield* Workspace.make(folder).pipe(narrator.during("making a git repository"))
  const agent = yield* Option.match(model, {
    onNone: () => scripted(name, path.join(folder, "home")),
    onSome: (model) => name === "opencode" ? users(binary)(model) : new NoMeasure({ agent: name })
  })
  const played = yield* Scenario.play({
    settings: { agent: name, store: path.join(folder, "threads.db"), ...agent.settings },
    // What a killed app leaves in its temporary folder goes with ours.
    env: { ...processes.env, TMPDIR: temporary },
    workspace,
    processes,
    patience: Option.isSome(model) ? "5 minutes" : "2 minutes"
  })
  const found = yield* Findings.examine(played, name, agent.measure, workspace).pipe(narrator.during("counting"))
  const leftoverProcesses = (yield* processes.left).map(({ pid }) => pid)
  return { measuredAt: agent.measure.at, ...found, leftoverProcesses }
}, Effect.scoped)

/** The agent with a home of its own, on a model that this process plays: it outlives the app and counts what it gets. */
const scripted = Effect.fnUntraced(function*(name: Agents.Name, home: string) {
  const narrator = yield* Narrator
  const model = yield* ScriptedModel.make(script(name)).pipe(narrator.during("starting the scripted model"))
  return { settings: { scripted: { url: model.url, home } }, measure: History.atModel(model) }
})

/** The user's own OpenCode. The conversation stays in its history. */
const users = (binary: string) => (model: string) =>
  Effect.map(OpenCodeExport.measure(binary), (measure) => ({ settings: { model }, measure }))

const flags = {
  agent: Flag.String("agent").pipe(
    Flag.withDescription("The agent to talk to"),
    Flag.withDefault("opencode")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON object and nothing else"),
    Flag.withDefault(false)
  ),
  model: Flag.String("model").pipe(
    Flag.withMetavar("PROVIDER/MODEL"),
    Flag.withDescription("Use your own OpenCode login and this model instead of the scripted one"),
    Flag.withSchema(Schema.String.check(Schema.isPattern(/^[^/\s]+\/\S+$/, { message: "Expected PROVIDER/MODEL" }))),
    Flag.optional
  )
}

const continuity = Command.make(
  "continuity",
  flags,
  Effect.fnUntraced(function*({ agent, json, model }) {
    const found = yield* run(agent, model).pipe(
      Effect.timeoutOrElse({
        duration: Option.isSome(model) ? "30 minutes" : "6 minutes",
        orElse: () => Effect.fail(new User.TookTooLong({ waitingFor: "the whole run" }))
      }),
      Effect.provide(json ? Narrator.layerSilent : Narrator.layerConsole),
      Effect.onError((cause) => json ? printError(cause) : Effect.void)
    )
    yield* json ? Console.log(Report.json(found)) : Report.print(found)
    const promises = judge(found).filter(({ broken }) => broken.length > 0).length
    if (promises > 0) return yield* new PromiseBroken({ promises })
    if (!json) yield* Console.log(`\n${paint(["bold", "green"], "All promises kept.")}`)
  })
).pipe(Command.withDescription("One conversation through the reaper, a kill -9 and a move, with proof"))

const explain = (cause: Cause.Cause<unknown>) =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => Cause.hasInterruptsOnly(cause) ? "Interrupted; nothing was left behind." : Cause.pretty(cause),
    onSome: (error) => error instanceof Error ? error.message : String(error)
  })

const printError = (cause: Cause.Cause<unknown>) =>
  Console.log(JSON.stringify({ ok: false, error: explain(cause), followUps: [], broken: [] }))

continuity.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.onError((cause) =>
    Option.exists(Cause.findErrorOption(cause), CliError.isCliError)
      ? Effect.void
      : Console.error(`\n${explain(cause)}`)
  ),
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
