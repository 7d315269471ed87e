/**
 * Records what a real OpenCode server says on `/global/event`, one file per kind of turn: `node test/recordings/record.ts`
 * rewrites every `*.jsonl` beside it (about 25 s, offline, nothing kept outside this folder). The model is scripted, the
 * server, its tools and its events are real. Run it again when the pinned OpenCode version changes and read the diff.
 *
 * One frame per line, in order, exactly as sent, heartbeats left out; ids and times are those of the run. The workspace
 * is written as `/workspace`, every other directory of the run as `/private`, and the model's port as 4000, so no
 * machine's paths are kept. The server asks for every tool (`{"**": "ask"}`), and each request is answered "once".
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { createOpencodeClient, type OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Effect, Option, Queue, Schema, Stream } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { ModelReply, type ModelRequest, ScriptedModel } from "../../src/testing/index.ts"

// --- the turns ---

const { call, text } = ModelReply
const bash = (command: string) => call("bash", { command, description: "Runs a command" })

/** What the model answers to the first call of each turn; after a tool's result it says "Done.". */
const turns: Readonly<Record<string, (request: ModelRequest, workspace: string) => ModelReply.Reply>> = {
  text: () => ModelReply.reasoning(Stream.make("Let me ", "think."), Stream.make("Hello ", "there.")),
  command: () => bash("echo hello"),
  "command-fails": () => bash("echo broken >&2; exit 3"),
  rejected: () => bash("echo never"),
  edit: (_, workspace) => call("edit", { filePath: `${workspace}/notes.txt`, oldString: "first", newString: "second" }),
  todo: () => call("todowrite", { todos: [{ content: "one", status: "in_progress", priority: "high" }] }),
  question: () =>
    call("question", {
      questions: [{
        question: "Which?",
        header: "Choice",
        options: [{ label: "A", description: "a" }, { label: "B", description: "b" }]
      }]
    }),
  subagent: (request) =>
    request.lastUserText === "subagent"
      ? call("task", { description: "Look around", prompt: "inside the subagent", subagent_type: "general" })
      : bash("echo child"),
  retry: () =>
    retried++ < 2
      ? ModelReply.error(429, { body: "slow down", headers: { "retry-after-ms": "20" } })
      : text("At last."),
  abort: () => ModelReply.text(Stream.concat(Stream.make("Half"), Stream.never)),
  unauthorized: () => ModelReply.error(401, { body: { error: { message: "bad key" } } }),
  compaction: (request) =>
    request.lastUserText === "compaction" && request.toolNames.length > 0
      ? ModelReply.text("A long answer.", { usage: { input: 99_000, output: 500 } })
      : text(request.toolNames.length > 0 ? "Going on." : "The summary."),
  "unknown-model": () => text("never"),
  "unknown-agent": () => text("never")
}
let retried = 0

// --- the recorder ---

const Frame = Schema.fromJsonString(Schema.Struct({
  payload: Schema.Struct({
    type: Schema.String,
    properties: Schema.optionalKey(Schema.Struct({
      id: Schema.optionalKey(Schema.String),
      delta: Schema.optionalKey(Schema.String)
    }))
  })
}))

const record = Effect.fnUntraced(function*(name: string, open: Opened) {
  const { client, frames, workspace } = open
  yield* Queue.clear(frames)
  const session = yield* ask(() => client.session.create({ title: name }))
  yield* ask(() =>
    client.session.promptAsync({
      sessionID: session.id,
      agent: name === "unknown-agent" ? "nobody" : "build",
      model: { providerID: "scripted", modelID: name === "unknown-model" ? "nothing" : "scripted-2" },
      parts: [{ type: "text", text: name }]
    })
  )
  const lines: Array<string> = []
  // A turn's last events come after its idle: it is over when the server has been silent for a second.
  while (true) {
    const next = yield* Queue.take(frames).pipe(Effect.timeoutOption("1 second"))
    if (Option.isNone(next)) break
    const { payload } = yield* Schema.decodeEffect(Frame)(next.value)
    if (payload.type === "server.heartbeat") continue
    lines.push(open.anonymous(next.value))
    const requestID = payload.properties?.id ?? ""
    if (payload.type === "permission.asked") {
      const reply = name === "rejected" ? "reject" : "once"
      yield* ask(() => client.permission.reply({ requestID, reply }))
    }
    if (payload.type === "question.asked") {
      yield* ask(() => client.question.reply({ requestID, answers: [["B"]] }))
    }
    if (name === "abort" && payload.properties?.delta === "Half") {
      yield* ask(() => client.session.abort({ sessionID: session.id }))
    }
  }
  writeFileSync(join(import.meta.dirname, `${name}.jsonl`), lines.join("\n") + "\n")
  writeFileSync(join(workspace, "notes.txt"), "first\n")
  yield* Effect.log(`${name}: ${lines.length} frames`)
})

const ask = <A>(call: () => Promise<{ readonly data: A | undefined; readonly error?: unknown }>) =>
  Effect.flatMap(
    Effect.promise(call),
    ({ data, error }) => data === undefined ? Effect.die(error) : Effect.succeed(data)
  )

// --- the server ---

interface Opened {
  readonly client: OpencodeClient
  readonly frames: Queue.Queue<string>
  readonly workspace: string
  readonly anonymous: (frame: string) => string
}

const open = Effect.gen(function*() {
  const root = yield* Effect.acquireRelease(
    Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "opencode-recording-")))),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )
  const workspace = join(root, "workspace")
  mkdirSync(workspace)
  writeFileSync(join(workspace, "notes.txt"), "first\n")
  const git = ["-c", "user.name=recorder", "-c", "user.email=recorder@localhost"]
  const date = { GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z", GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z" }
  for (const args of [["init", "-q", "-b", "main"], ["add", "."], [...git, "commit", "-q", "-m", "first"]]) {
    execFileSync("git", args, { cwd: workspace, env: { ...process.env, ...date, HOME: root } })
  }
  const model = yield* ScriptedModel.make((request) => {
    const turn = request.lastUserText.startsWith("inside") ? "subagent" : request.messages
      .filter((message) => message.role === "user").map(({ text }) => text).find((text) => text in turns)
    if (request.afterToolResult) return text("Done.")
    return turns[turn ?? "compaction"]?.(request, workspace) ?? text("Nothing scripted.")
  })
  const url = yield* serve(root, { ...openCodeConfig(model), permission: { "**": "ask" } })
  const frames = yield* Queue.unbounded<string>()
  const connected = yield* Effect.promise((signal) => fetch(`${url}/global/event`, { signal }))
  const body = connected.body
  if (body === null) return yield* Effect.die("no event stream")
  yield* Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause }).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.runForEach((line) => Queue.offer(frames, line.slice(6))),
    Effect.ignore,
    Effect.forkScoped
  )
  return {
    client: createOpencodeClient({ baseUrl: url, directory: workspace }),
    frames,
    workspace,
    anonymous: (frame: string) =>
      frame.replaceAll(workspace, "/workspace").replaceAll(root, "/private").replaceAll(String(model.port), "4000")
  }
})

const serve = Effect.fnUntraced(function*(root: string, config: object) {
  const home = (name: string) => join(root, name)
  const off = [
    "AUTOUPDATE",
    "MODELS_FETCH",
    "LSP_DOWNLOAD",
    "DEFAULT_PLUGINS",
    "EMBEDDED_WEB_UI",
    "CLAUDE_CODE",
    "EXTERNAL_SKILLS",
    "PROJECT_CONFIG"
  ]
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(binary(), ["serve", "--hostname", "127.0.0.1", "--port", "0"], {
        cwd: root,
        stdio: ["ignore", "pipe", "inherit"],
        env: {
          PATH: process.env["PATH"],
          SHELL: "/bin/bash",
          HOME: root,
          XDG_DATA_HOME: home("data"),
          XDG_CONFIG_HOME: home("config"),
          XDG_STATE_HOME: home("state"),
          XDG_CACHE_HOME: home("cache"),
          OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
          ...Object.fromEntries(off.map((name) => [`OPENCODE_DISABLE_${name}`, "1"]))
        }
      })
    ),
    (server) =>
      Effect.callback<void>((resume) => {
        if (server.exitCode !== null) return resume(Effect.void)
        server.once("exit", () => resume(Effect.void))
        server.kill("SIGKILL")
      })
  )
  return yield* Effect.callback<string>((resume) => {
    let output = ""
    server.stdout.on("data", (part) => {
      output += String(part)
      const url = /listening on (http:\S+)\s/.exec(output)?.[1]
      if (url !== undefined) resume(Effect.succeed(url))
    })
    server.once("exit", (code) => resume(Effect.die(`opencode ended with ${code}: ${output}`)))
  })
})

const binary = () => {
  const own = createRequire(createRequire(import.meta.url).resolve("opencode-ai/package.json"))
  return join(dirname(own.resolve(`opencode-${process.platform}-${process.arch}/package.json`)), "bin", "opencode")
}

const program = Effect.gen(function*() {
  const opened = yield* open
  for (const name of Object.keys(turns)) yield* record(name, opened)
})

NodeRuntime.runMain(Effect.scoped(program))
