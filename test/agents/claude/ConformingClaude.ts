/** The real Claude Code as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { env } from "node:process"
import { claudeEnvironment } from "../../../examples/support/ClaudeEnvironment.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import type { Claude } from "../../../src/claude/index.ts"
import * as Transcript from "../../../src/claude/session/Transcript.ts"
import { SessionId } from "../../../src/domain/Ids.ts"
import { type Controls, type Fixture, PlainPrompts, type Tool } from "../../../src/testing/Conformance.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import { calling } from "../../support/CalledTools.ts"
import * as RealAgent from "../../support/RealAgent.ts"
import { executable } from "./agent.ts"

type Request = Parameters<ModelScript.ModelScript>[0]

/** Sessions whose next answer fills the model's context. */
const filling = new Set<string>()

const isSummary = ({ lastUserText }: Request) =>
  /create a detailed summary|summary of the conversation/i.test(lastUserText)

const linger = "linger"

/** In the home: a command that lingers goes on until the file is there, and takes it away. */
const awaited = (sessionId: string | undefined) => `ends-${sessionId}`

/** What sessions do in the turn that they begin once such a command has ended. */
const own = new Map<string, string>()

const ownPrompt = ({ messages, sessionId = "" }: Request) =>
  messages.at(-1)?.text.includes("<task-notification>") === true ? own.get(sessionId) : undefined

/** Claude compacts between the calls of a turn, so an answer that fills the context calls a tool, too. */
export const script: ModelScript.ModelScript = (request) => {
  if (isSummary(request)) return ModelReply.text("<summary>A summary.</summary>")
  if (!request.afterToolResult && filling.delete(request.sessionId ?? "")) {
    const search = { query: "select:WebFetch" }
    return { ...ModelReply.call("ToolSearch", search), usage: { input: 190_000, output: 10 } }
  }
  const prompt = ownPrompt(request)
  return answer(prompt === undefined ? request : { ...request, lastUserText: prompt, afterToolResult: false })
}

/** Where the session works, as Claude tells the model. */
const directoryOf = ({ messages }: Request) =>
  messages.map(({ text }) => text).join("\n").match(/working directory: \S+/gi)?.at(-1)?.replace(/^.*: /, "") ?? ""

const written = (request: Request) => `${directoryOf(request)}/written.txt`

const question = (question: string) => ({
  header: "A question",
  question,
  multiSelect: false,
  options: [{ label: "yes", description: "Do it" }, { label: "no", description: "Do not" }]
})

/** What Claude offers its model only once `ToolSearch` has loaded it. */
const deferred = [
  "EnterPlanMode",
  "EnterWorktree",
  "ExitPlanMode",
  "ExitWorktree",
  "NotebookEdit",
  "SendMessage",
  "TaskStop",
  "WebFetch",
  "WebSearch"
]

/**
 * Claude's own tools. `Glob` and `Grep` it knows and offers in some builds only. Paths are
 * absolute, so their details are not looked at.
 */
const tools: ReadonlyArray<Tool> = [
  calling("ToolSearch", { query: `select:${deferred.join(",")}` }, "other"),
  calling("Bash", { command: "echo one", description: "As asked" }, "command"),
  calling("Write", (request) => ({ file_path: written(request), content: "one\n" }), "file-change"),
  calling("Read", (request) => ({ file_path: written(request), offset: 1, limit: 2 }), "read"),
  calling("Edit", (request) => ({ file_path: written(request), old_string: "one", new_string: "two" }), "file-change"),
  calling("Glob", { pattern: "*.txt" }, "search", { _tag: "Search", query: "*.txt" }),
  calling("Grep", { pattern: "t.o", path: "." }, "search", { _tag: "Search", query: "t.o", path: "." }),
  calling("WebFetch", { url: "http://127.0.0.1:9/", prompt: "Say it" }, "fetch", {
    _tag: "Fetch",
    url: "http://127.0.0.1:9/"
  }),
  calling(
    "Agent",
    {
      description: "Look",
      prompt: "say I looked",
      subagent_type: "general-purpose",
      run_in_background: false
    },
    "subagent",
    { _tag: "Subagent", task: "say I looked", name: "general-purpose" }
  ),
  calling("Skill", { skill: "none" }, "other"),
  calling("ListAgents", {}, "other"),
  calling("ReportFindings", { findings: [] }, "other"),
  calling(
    "Workflow",
    { script: "export const meta = { name: 'look', description: 'Look', phases: [] }\nreturn 1" },
    "other"
  ),
  calling("AskUserQuestion", { questions: [question("Shall I?")] }, "other"),
  calling("NotebookEdit", (request) => ({ notebook_path: written(request), new_source: "one" }), "file-change"),
  calling("SendMessage", { to: "nobody", summary: "As asked", message: "One." }, "other"),
  calling("TaskStop", { task_id: "none" }, "other"),
  calling("WebSearch", { query: "walnut" }, "web-search", { _tag: "WebSearch", query: "walnut" }),
  calling("EnterWorktree", { name: "one" }, "other"),
  calling("ExitWorktree", { action: "keep" }, "other"),
  calling("EnterPlanMode", {}, "other"),
  calling("ExitPlanMode", { plan: "One step." }, "other"),
  { name: "web_search", uncalled: "only the call of the model that `WebSearch` makes is offered it" },
  { name: "DeferredToolPlaceholder", uncalled: "it holds a place, and its description says never to call it" }
]

/** A subagent, in the background unless it is said otherwise. */
const delegating = (prompt: string, more: object = {}) =>
  ModelReply.call("Agent", {
    description: "As asked",
    prompt,
    subagent_type: "general-purpose",
    run_in_background: true,
    ...more
  })

/** A model that gives what it is asked for to a subagent, and says so. */
export const delegates = (prompt: string, more: object = {}) => (request: Request) =>
  request.afterToolResult ? ModelReply.text("It works.") : delegating(prompt, more)

const inBackground = (command: string) =>
  ModelReply.call("Bash", { command, description: "As asked", run_in_background: true })

const plain = ModelScript.plainPrompts({
  run: (command) => ModelReply.call("Bash", { command, description: "As asked" }),
  edit: (path, request) =>
    ModelReply.call("Write", { file_path: `${directoryOf(request)}/${path}`, content: "As asked.\n" }),
  ask: (asked) => ModelReply.call("AskUserQuestion", { questions: [question(asked)] }),
  nothing: () => ModelReply.answer([]),
  background: inBackground,
  subagent: (command) => delegating(`run ${command}`, { run_in_background: false })
})

const callsTools = CalledTools.script(tools, plain)

/** A subagent that has run its command goes on for ever. */
const beside = (request: Request) => {
  const [, word, command = ""] = /^(beside|forever) (.*)$/m.exec(request.lastUserText) ?? []
  if (word === "beside") {
    return delegates(`forever ${command}`)(request)
  }
  if (word !== "forever") return undefined
  return request.afterToolResult
    ? ModelReply.hang
    : ModelReply.call("Bash", { command, description: "As asked" })
}

const answer = (request: Request) =>
  !request.afterToolResult && request.lastUserText === linger
    ? inBackground(`until rm "$HOME/${awaited(request.sessionId)}" 2> /dev/null; do sleep 0.05; done`)
    : beside(request) ?? callsTools(request)

export class World extends Context.Service<World, {
  readonly model: ScriptedModel["Service"]
  /** That of the Claudes that a user starts beside the library: they offer it all that Claude has. */
  readonly terminal: ScriptedModel["Service"]
  readonly processes: Processes.Processes
  /** Where its sessions survive it. */
  readonly home: string
  /** Leads to the real one, in its simple mode where the file beside it says so. */
  readonly door: RealAgent.Door
}>()("test/claude/World") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "claude-home-" }))
      const commands = path.join(home, "claude", "commands")
      yield* fs.makeDirectory(commands, { recursive: true })
      // Claude watches the folders that are there when it is started.
      yield* fs.makeDirectory(path.join(home, "claude", "skills"))
      yield* fs.writeFileString(path.join(commands, "speak.md"), "---\ndescription: Speaks\n---\nsay $ARGUMENTS\n")
      const door = yield* RealAgent.door(
        home,
        yield* executable(env["PATH"] ?? ""),
        `[ -f "${home}/simple" ] && export CLAUDE_CODE_SIMPLE=1`
      )
      return {
        model: yield* ScriptedModel.make(script),
        terminal: yield* ScriptedModel.make(script),
        processes: yield* Processes.make,
        home,
        door
      }
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

export const optionsOf = ({ door, home, model, processes }: World["Service"]): Claude.Options => ({
  binary: door.binary,
  // Less than the patience, of which a start that comes to nothing is a part.
  startDeadline: "15 seconds",
  isolated: { folder: home },
  env: {
    ...processes.env,
    ...claudeEnvironment(model),
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: "100000"
  }
})

/** Aliases, which are part of the ids that the model is asked by. */
const models = ["sonnet", "opus"] as const

export const fixture = (world: Effect.Effect<World["Service"]>): Fixture => ({
  instanceId: "claude",
  platform: NodeServices.layer,
  prompts: {
    ...PlainPrompts.make,
    nothing: PlainPrompts.full.nothing,
    background: PlainPrompts.full.background,
    subagent: PlainPrompts.full.subagent,
    beside: (command) => `beside ${command}`,
    linger
  },
  models,
  tools,
  commands: { says: "speak", resets: ["clear", "reset", "new", "compact"] },
  sessions: 8,
  patience: 20_000,
  controls: Effect.map(world, (world): Controls => ({
    makeSession: (made) => outside(world, made),
    keepSession: () => RealAgent.keep(`${world.home}/claude`),
    loseSession: (sessionId) => RealAgent.removeSession(`${world.home}/claude/projects`, sessionId),
    received: (prompt) =>
      Effect.map(
        world.model.requests,
        (all) => all.filter((request) => !request.afterToolResult && request.lastUserText.trim() === prompt).length
      ),
    askedModel: RealAgent.askedModel(world.model, models),
    offeredTools: Effect.map(world.model.requests, CalledTools.offered),
    fillContext: (sessionId) => Effect.sync(() => void filling.add(sessionId)),
    summaries: RealAgent.summaries(world.model, isSummary),
    ...RealAgent.processes(world.processes),
    unreachable: world.door.shut,
    loseGate: RealAgent.present(`${world.home}/simple`),
    historyBehind: (sessionId) => behind(world.home, sessionId),
    changeOffers: () => withSkill(world.home),
    beginTurn: (sessionId, prompt) =>
      Effect.gen(function*() {
        own.set(sessionId, prompt)
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString(`${world.home}/${awaited(sessionId)}`, "")
      }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
  }))
})

/** A turn as a user has it without a terminal, in a new session or in that of `resume`. */
export const outside = (
  { door, home, terminal }: World["Service"],
  { directory, resume, words }: {
    readonly directory: string
    readonly words: string
    readonly resume?: string
  }
) =>
  Effect.gen(function*() {
    const going = resume === undefined ? [] : ["--resume", resume]
    const child = yield* ChildProcess.make(door.binary, ["-p", `say ${words}`, "--output-format", "json", ...going], {
      cwd: directory,
      stdin: "ignore",
      env: {
        PATH: env["PATH"],
        HOME: home,
        CLAUDE_CONFIG_DIR: `${home}/claude`,
        ...claudeEnvironment(terminal)
      }
    })
    const said = yield* Stream.mkString(Stream.decodeText(child.stdout))
    const { session_id } = yield* Schema.decodeEffect(Printed)(said)
    return session_id
  }).pipe(Effect.scoped, Effect.orDie, Effect.provide(NodeServices.layer))

const Printed = Schema.fromJsonString(Schema.Struct({ session_id: SessionId }))

/** A skill of the user's that was not there when the session began. */
const withSkill = (home: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = (yield* Path.Path).join(home, "claude", "skills", "lantern")
    yield* Effect.acquireRelease(
      fs.makeDirectory(folder, { recursive: true }),
      () => Effect.ignore(fs.remove(folder, { recursive: true }))
    )
    yield* fs.writeFileString(`${folder}/SKILL.md`, "---\nname: lantern\ndescription: A lantern\n---\nA lantern.\n")
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

/** Until the Scope closes, the session's file lacks its last message, as where Claude has not written it yet. */
export const behind = (home: string, sessionId: SessionId) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = yield* Effect.flatMap(Transcript.find(`${home}/claude`, sessionId), Effect.fromOption)
    const whole = yield* fs.readFileString(file)
    const lines = Transcript.linesOf(whole)
    const last = lines.findLastIndex(({ entry }) => entry !== undefined && Transcript.isMessage(entry.line))
    yield* Effect.acquireRelease(
      fs.writeFileString(file, Transcript.textOf(lines.slice(0, last))),
      () => Effect.ignore(fs.writeFileString(file, whole))
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
