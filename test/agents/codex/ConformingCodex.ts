/** The real Codex as an agent under proof: its model is a script that reads the plain prompts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { kill } from "node:process"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import { Codex } from "../../../src/codex/index.ts"
import * as Binary from "../../../src/codex/process/Binary.ts"
import { InstanceId, SessionId } from "../../../src/domain/Ids.ts"
import type * as Conformance from "../../../src/testing/Conformance.ts"
import * as PlainPrompts from "../../../src/testing/conformance/PlainPrompts.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import * as CalledTools from "../../support/CalledTools.ts"
import type { Called } from "../../support/CalledTools.ts"
import * as HostileProject from "../../support/HostileProject.ts"
import * as RealAgent from "../../support/RealAgent.ts"

/** Sessions whose next answer fills the model's context. */
const filling = new Set<string>()

const isSummary = (request: Parameters<ModelScript.ModelScript>[0]) =>
  request.lastUserText.includes("CONTEXT CHECKPOINT")

/** Codex compacts between the calls of a turn, so an answer that fills the context calls a tool, too. */
export const script: ModelScript.ModelScript = (request) => {
  if (isSummary(request)) return ModelReply.text("A summary.")
  const asked = beside(request)
  if (asked !== undefined) return asked
  // A subagent works beside the turn, until its parent waits for it.
  if (request.toolRounds === 1 && request.lastToolResult?.includes(`"task_name"`)) {
    return ModelReply.call("wait_agent", { timeout_ms: 60_000 })
  }
  if (filling.delete(request.sessionId ?? "")) {
    const plan = [{ step: "one", status: "pending" }]
    return { ...ModelReply.call("update_plan", { plan }), usage: { input: 2_000_000, output: 10 } }
  }
  // What the app adds comes as a developer's message, which the plain prompts take for the agent's own.
  const added = request.messages.flatMap(({ role, text }) => role === "system" && text.includes("<app-") ? [text] : [])
  const reply = answer(request)
  return added.length > 0 && reply._tag === "Answer" && !request.afterToolResult &&
      /^recall$/m.test(request.lastUserText)
    ? { ...reply, parts: [...reply.parts, ModelReply.Part.Text({ chunks: [added.join("\n")] })] }
    : reply
}

/** As a real model of OpenAI's calls tools: in JavaScript. */
const code = (name: string, source: string, kind: Conformance.CalledTool["kind"]): Called => ({
  name,
  prompt: `call ${name}`,
  kind,
  reply: () => ModelReply.freeform("exec", source)
})

/** As any model calls tools. */
const tool = (name: string, input: Readonly<Record<string, unknown>>, kind: Conformance.CalledTool["kind"]): Called =>
  CalledTools.calling(name, input, kind)

const search = {
  type: "response.output_item.done",
  output_index: 0,
  item: { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "walnut" } }
}

const uncalled = (why: string, ...names: ReadonlyArray<string>) => names.map((name) => ({ name, uncalled: why }))

const question = (question: string) => ({
  id: "q1",
  header: "A question",
  question,
  options: [{ label: "yes", description: "Do it" }, { label: "no", description: "Do not" }]
})

const tools: ReadonlyArray<Conformance.Tool> = [
  code("exec_command", `text(await tools.exec_command({ cmd: "echo one" }))`, "command"),
  code(
    "apply_patch",
    `text(await tools.apply_patch("*** Begin Patch\\n*** Add File: written.txt\\n+one\\n*** End Patch\\n"))`,
    "file-change"
  ),
  {
    name: "web_search",
    prompt: "call web_search",
    kind: "web-search",
    detail: { _tag: "WebSearch", query: "walnut" },
    reply: () =>
      ModelReply.answer([
        ModelReply.Part.Garbage({ text: `event: ${search.type}\ndata: ${JSON.stringify(search)}\n\n` }),
        ModelReply.Part.Text({ chunks: ["found"] })
      ])
  },
  ...uncalled("the tools above are called through it", "exec", "wait"),
  ...uncalled("the rules of questions have it called", "request_user_input"),
  ...uncalled("tests of subagents have it called (Tasks.test.ts)", "spawn_agent", "wait_agent"),
  tool("sleep", { duration_ms: 100 }, "other"),
  // Codex tells of them by no item of their own.
  tool("list_agents", {}, "none"),
  tool("followup_task", { target: "nobody", message: "One." }, "none"),
  tool("interrupt_agent", { target: "nobody" }, "none"),
  tool("send_message", { target: "nobody", message: "One." }, "none"),
  tool("send_message_to_user_async", { message: "One." }, "none"),
  tool("request_user_input_async", { questions: [question("Shall I?")] }, "none")
]

const patch = (path: string) =>
  `apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: ${path}\n+As asked.\n*** End Patch\nEOF`

const plain = ModelScript.plainPrompts({
  run: (cmd) => ModelReply.call("exec_command", { cmd }),
  // A moment, and then it is left running.
  background: (cmd) => ModelReply.call("exec_command", { cmd, yield_time_ms: 250 }),
  // A name is taken once.
  subagent: (command, { messages }) =>
    ModelReply.call("spawn_agent", {
      task_name: `helper_${messages.length}`,
      message: `\nrun ${command}`,
      fork_turns: "none"
    }),
  edit: (path) => ModelReply.call("exec_command", { cmd: patch(path) }),
  ask: (asked) => ModelReply.call("request_user_input", { questions: [question(asked)] })
})

const answer = CalledTools.script(tools, plain)

/** A subagent that has run its command goes on for ever. */
const beside = ({ afterToolResult, lastUserText, messages }: Parameters<ModelScript.ModelScript>[0]) => {
  const [, word, command = ""] = /^(beside|forever) (.*)$/m.exec(lastUserText) ?? []
  if (word === "beside") {
    return afterToolResult ? ModelReply.text("It works.") : ModelReply.call("spawn_agent", {
      task_name: `helper_${messages.length}`,
      message: `\nforever ${command}`,
      fork_turns: "none"
    })
  }
  if (word !== "forever") return undefined
  return afterToolResult ? ModelReply.hang : ModelReply.call("exec_command", { cmd: command })
}

export class World extends Context.Service<World, {
  readonly model: ScriptedModel["Service"]
  readonly processes: Processes.Processes
  /** Where its sessions survive it. */
  readonly home: string
}>()("test/codex/World") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      return {
        model: yield* ScriptedModel.make(script),
        processes: yield* Processes.make,
        home: yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-home-" }))
      }
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

export const optionsOf = ({ home, model, processes }: World["Service"]): Codex.Options => ({
  isolated: { folder: home },
  config: codexConfig(model),
  env: { ...processes.env, SCRIPTED_API_KEY: "scripted-key" }
})

const models = ["gpt-6.2-sol", "gpt-5-codex"] as const

export const fixture = (world: Effect.Effect<World["Service"]>): Conformance.Fixture => ({
  instanceId: "codex",
  platform: NodeServices.layer,
  prompts: {
    ...PlainPrompts.make,
    background: PlainPrompts.full.background,
    subagent: PlainPrompts.full.subagent,
    beside: (command) => `beside ${command}`
  },
  models,
  patience: 20_000,
  tools,
  // Hooks of a project run only with a hash that the user has trusted, also where the project is.
  project: HostileProject.lay(["mcp"], ({ mcp }) => ({
    "AGENTS.md": "Words of the project.",
    ".codex/config.toml": `[mcp_servers.hostile]\ncommand = "sh"\nargs = ["-c", "touch '${mcp}'"]\n`
  })),
  controls: Effect.map(world, ({ home, model, processes }): Conformance.Controls => ({
    keepSession: () => RealAgent.keep(`${home}/codex`),
    loseSession: (sessionId) => RealAgent.removeSession(`${home}/codex/sessions`, sessionId),
    makeSession: ({ directory, words }) => makeSession({ home, model, processes }, directory, words),
    offeredTools: Effect.map(model.requests, CalledTools.offered),
    received: (prompt) => Effect.map(model.asked(prompt), (requests) => requests.length),
    askedModel: RealAgent.askedModel(model, models),
    fillContext: (sessionId) => Effect.sync(() => void filling.add(sessionId)),
    summaries: RealAgent.summaries(model, isSummary),
    ...RealAgent.processes(processes),
    loseGate: withoutHooks(home),
    passGate: () => killHooks(processes)
  }))
})

const Begun = Schema.fromJsonString(Schema.Struct({ type: Schema.Literal("thread.started"), thread_id: SessionId }))

/** By Codex's own command line. */
const makeSession = Effect.fnUntraced(
  function*({ home, model, processes }: World["Service"], directory: string, words: string) {
    const executable = yield* Binary.find({ instanceId: InstanceId.make("codex"), path: process.env["PATH"] })
    const settings = Object.entries(codexConfig(model)).flatMap(([key, value]) => ["-c", `${key}=${toml(value)}`])
    const child = yield* ChildProcess.make(
      executable,
      [...settings, "exec", "--json", "--skip-git-repo-check", "-C", directory, `say ${words}`],
      {
        env: {
          ...processes.env,
          PATH: process.env["PATH"],
          HOME: home,
          CODEX_HOME: `${home}/codex`,
          TMPDIR: `${home}/tmp`,
          SCRIPTED_API_KEY: "scripted-key"
        },
        stdin: "ignore"
      }
    )
    const output = yield* Stream.mkString(Stream.decodeText(child.stdout))
    return (yield* Schema.decodeEffect(Begun)(output.split("\n").find((line) => line.includes("thread.started")) ?? ""))
      .thread_id
  },
  Effect.scoped,
  Effect.orDie,
  Effect.provide(NodeServices.layer)
)

const toml = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? `{${Object.entries(value).map(([key, value]) => `${key}=${toml(value)}`).join(",")}}`
    : JSON.stringify(value)

/** As what runs out of memory: Codex does not wait for a hook program that is killed. */
export const killHooks = ({ alive }: Processes.Processes) =>
  Effect.flatMap(alive, (all) =>
    Effect.forEach(
      all.filter(({ command }) => command.includes("gateHook") && !command.endsWith("app-server")),
      ({ pid }) => Effect.sync(() => kill(pid, "SIGKILL")),
      { discard: true }
    ))

/** A user who has switched hooks off. */
const withoutHooks = (home: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = (yield* Path.Path).join(home, "codex", "config.toml")
    yield* Effect.acquireRelease(
      fs.writeFileString(file, "[features]\nhooks = false\n"),
      () => Effect.ignore(fs.remove(file))
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
