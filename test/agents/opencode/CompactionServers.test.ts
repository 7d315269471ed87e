/** The compaction gate of servers with settings of their own: broken plugins, deadlines, external servers, dead hosts. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Path, Redacted, Scope, Stream } from "effect"
import { createServer } from "node:net"
import { openCodeConfig } from "../../../examples/support/OpenCodeConfig.ts"
import { SessionId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { cursor } from "../../../src/opencode/protocol/Cursor.ts"
import * as Gate from "../../../src/opencode/server/Gate.ts"
import * as Session from "../../../src/opencode/session/Session.ts"
import type { StartInput } from "../../../src/provider/ProviderAdapter.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import * as ChildScript from "../../support/ChildScript.ts"
import { allow, held, isSummary, orSummary, overflow, veto } from "../../support/CompactionGates.ts"
import * as Loopback from "../../support/Loopback.ts"
import { instanceId, open, type Opened, platform, workspace } from "../../support/OpenCodeServer.ts"
import { cursorOf, drive } from "../../support/OpenCodeSessions.ts"

const { call, text } = ModelReply

/** As much as makes OpenCode compact. */
const full = { input: 98_000, output: 100 }

const filled = orSummary(() => ModelReply.text("Long story.", { usage: full }))
const onceFilled: ModelScript.ModelScript = (request) =>
  request.lastUserText.includes("Continue if you have") ? text("Gone on.") : filled(request)

const started = (directory: string, input: Partial<StartInput> = {}): StartInput => ({
  threadId: ThreadId.make("thread"),
  directory,
  runtimeMode: "full-access",
  projectConfig: "trust",
  title: "test",
  from: { _tag: "New" },
  ...input
})

/** A plugin in a folder of its own. */
const pluginFile = Effect.fnUntraced(function*(source: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* workspace, "plugin.js")
  yield* fs.writeFileString(file, source)
  return yield* path.toFileUrl(file)
})

/** A server of our own with this plugin in the gate's place, and a session on it. */
const withPlugin = Effect.fnUntraced(function*(url: string, script: ModelScript.ModelScript, options = {}) {
  const gate = yield* Gate.make(instanceId)
  const opened = yield* open(script, { plugin: { url, settings: Gate.settings(gate, undefined) }, ...options })
  const { call, directory, listening, server, subscribe } = opened
  const connection = {
    version: server.version,
    managed: true,
    secrets: [],
    gate,
    exit: Effect.undefined,
    call,
    subscribe,
    listening,
    unasking: new Set<string>()
  }
  const start = (input?: Partial<StartInput>) =>
    Effect.flatMap(Session.make(connection, instanceId, started(directory, input)), drive)
  return { ...opened, gate, start }
})

const plugins = {
  "throws while it loads": "throw new Error(\"broken\")",
  "says nothing": "export default async () => ({})"
}

for (const [what, source] of Object.entries(plugins)) {
  it.live(`P13 opencode: nothing is sent to a server whose plugin ${what}`, () =>
    Effect.gen(function*() {
      const { model, start } = yield* withPlugin((yield* pluginFile(source)).href, ModelScript.echo)
      const { compaction } = yield* held
      const { session } = yield* start({ compaction })
      const turn = { turnId: TurnId.make("turn"), ref: undefined, input: { prompt: "hello" } }
      for (const attempt of [session.sendTurn(turn), session.steerTurn(turn), session.compact]) {
        assert.deepInclude(yield* Effect.flip(attempt), { _tag: "GateMissing", missing: Gate.pluginPath })
      }
      assert.deepStrictEqual(yield* model.requests, [])
      const ungated = yield* start()
      assert.strictEqual((yield* ungated.run("hello"))._tag, "TurnCompleted")
    }).pipe(Effect.provide(platform)))
}

it.live("P14 opencode: a tool sees neither the gate nor its token, and its file is the user's alone", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const { gate, server, start } = yield* withPlugin(
      Gate.plugin,
      (request) => request.afterToolResult ? text("Done.") : call("bash", { command: "env", description: "x" })
    )
    const { compaction } = yield* held
    const driven = yield* start({ compaction })
    yield* driven.run("print the environment")
    const output = driven.seen.flatMap((event) =>
      event._tag === "ItemCompleted" && event.item._tag === "Command" ? [event.item.output ?? ""] : []
    ).join()
    assert.include(output, "PATH=")
    assert.notInclude(output, Redacted.value(gate.token))
    assert.notMatch(output, /gate\.json|CompactionPlugin|npm_config_fetch_retries/)
    const environment = yield* fs.readFileString(`/proc/${server.pid}/environ`)
    assert.notInclude(environment, Redacted.value(gate.token))
    const folder = /OPENCODE_CONFIG=([^\0]+)/.exec(environment)?.[1] ?? ""
    const { mode } = yield* fs.stat(path.join(path.dirname(folder), "gate.json"))
    assert.strictEqual(mode & 0o777, 0o600)
  }).pipe(Effect.provide(platform)))

it.live("opencode: the user's own plugins load beside ours, and ours does not wait for a network that is not there", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const home = yield* workspace
    const folder = path.join(home, "config", "opencode")
    const loaded = path.join(home, "loaded")
    const marking = (name: string) =>
      `import { appendFileSync } from "node:fs"
       export default async () => { appendFileSync(${JSON.stringify(loaded)}, "${name} "); return {} }`
    yield* fs.makeDirectory(folder, { recursive: true })
    yield* fs.writeFileString(
      path.join(folder, "opencode.json"),
      JSON.stringify({ plugin: [(yield* pluginFile(marking("user"))).href] })
    )
    const { start } = yield* withPlugin(Gate.plugin, ModelScript.echo, {
      isolated: false,
      config: { plugin: [(yield* pluginFile(marking("app"))).href] },
      env: {
        HOME: home,
        XDG_CONFIG_HOME: path.join(home, "config"),
        XDG_DATA_HOME: path.join(home, "data"),
        XDG_STATE_HOME: path.join(home, "state"),
        XDG_CACHE_HOME: path.join(home, "cache"),
        OPENCODE_DISABLE_MODELS_FETCH: "1",
        OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
        // A registry that nobody answers for.
        npm_config_registry: "http://127.0.0.1:1/"
      }
    })
    const { compaction } = yield* held
    // With npm's own retries this start takes longer than one call may.
    const driven = yield* start({ compaction })
    assert.strictEqual((yield* driven.run("hello"))._tag, "TurnCompleted")
    assert.deepStrictEqual((yield* fs.readFileString(loaded)).split(" ").toSorted(), ["", "app", "user"])
  }).pipe(Effect.provide(platform)))

it.live("P13 opencode: a gate that does not answer holds the agent until the plugin's own deadline", () =>
  Effect.gen(function*() {
    const model = yield* ScriptedModel.make(onceFilled)
    const adapter = yield* OpenCode.make({
      isolated: true,
      stopDeadline: "3 seconds",
      gateDeadline: "1 second",
      config: openCodeConfig(model)
    })
    const gate = yield* held
    const driven = yield* Effect.flatMap(
      adapter.startSession(started(yield* workspace, { compaction: gate.compaction })),
      drive
    )
    assert.strictEqual((yield* driven.run("fill it"))._tag, "TurnCompleted")
    assert.include(driven.seen.map(({ _tag }) => _tag), "CompactionFailed")
    yield* gate.abandoned(0)
    assert.isFalse((yield* model.requests).some(isSummary))
    assert.deepStrictEqual((yield* driven.session.history).messages.map(({ role }) => role), ["user", "assistant"])
  }).pipe(Effect.provide(platform)))

it.live("P13 opencode: without automatic compaction a session has another server, which compacts only when asked", () =>
  Effect.gen(function*() {
    let calls = 0
    const model = yield* ScriptedModel.make((request) =>
      isSummary(request) ? text("In short.") : ++calls === 3 ? overflow : ModelReply.text("Long.", { usage: full })
    )
    const adapter = yield* OpenCode.make({
      isolated: { folder: yield* workspace },
      stopDeadline: "3 seconds",
      config: openCodeConfig(model)
    })
    const directory = yield* workspace
    const gate = yield* held
    const scope = yield* Scope.make()
    const driven = yield* adapter.startSession(
      started(directory, { compaction: { auto: false, gate: gate.compaction.gate } })
    ).pipe(Effect.flatMap(drive), Scope.provide(scope))
    assert.strictEqual((yield* driven.run("one"))._tag, "TurnCompleted")
    assert.strictEqual((yield* driven.run("two"))._tag, "TurnCompleted")
    assert.deepInclude(yield* driven.run("three"), { _tag: "TurnFailed", failure: { _tag: "ContextOverflow" } })
    assert.deepStrictEqual(gate.asked, [])
    yield* driven.session.compact
    assert.strictEqual(yield* gate.question(0), "manual")
    assert.isFalse((yield* model.requests).some(isSummary))
    yield* gate.answer(0, allow())
    yield* driven.next("CompactionCompleted")
    yield* Scope.close(scope, Exit.void)
    const from = { _tag: "Resume", cursor: yield* cursorOf(driven) } as const
    const resumed = yield* Effect.flatMap(
      adapter.startSession(started(directory, { from, compaction: gate.compaction })),
      drive
    )
    yield* resumed.send("four")
    assert.strictEqual(yield* gate.question(1), "auto")
    yield* gate.answer(1, veto)
    assert.strictEqual((yield* resumed.ending)._tag, "TurnCompleted")
  }).pipe(Effect.provide(platform)))

// --- external servers ---

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** What the user writes for an external server's plugin, and the line of configuration. */
const installed = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const port = yield* freePort
  const token = "a-token-of-the-user"
  const file = path.join(yield* workspace, "gate.json")
  const settings = { url: `http://127.0.0.1:${port}`, token, helloMillis: 100 }
  yield* fs.writeFileString(file, JSON.stringify(settings), { mode: 0o600 })
  return { port, token, plugin: [[Gate.plugin, { file }]] }
})

const attach = (
  { server }: Opened,
  gate?: { readonly port: number; readonly token: string },
  baseUrl = server.baseUrl
) =>
  OpenCode.make({
    baseUrl,
    password: server.password,
    ...(gate === undefined ? {} : { gate: { port: gate.port, token: Redacted.make(gate.token) } })
  })

const wishes = [[false, "client-initiated"], [true, "observe-only"]] as const

for (const [auto, kind] of wishes) {
  it.live(`P13 opencode: an external server with automatic compaction ${auto ? "on" : "off"} is ${kind}`, () =>
    Effect.gen(function*() {
      const opened = yield* open(onceFilled, { config: { compaction: { auto } } })
      const adapter = yield* attach(opened)
      assert.strictEqual(adapter.capabilities.compactionGate, "blocking")
      const gate = yield* held
      const session = yield* adapter.startSession(started(opened.directory, { compaction: gate.compaction }))
      assert.strictEqual(session.capabilities.compactionGate, kind)
      const driven = yield* drive(session)
      assert.strictEqual((yield* driven.run("fill it"))._tag, "TurnCompleted")
      assert.strictEqual(driven.seen.some(({ _tag }) => _tag === "CompactionCompleted"), auto)
      assert.deepStrictEqual(gate.asked, [])
    }).pipe(Effect.provide(platform)))
}

it.live("P13 opencode: an external server with the plugin is held, by an app that came later, for as long as it takes", () =>
  Effect.gen(function*() {
    const { plugin, ...address } = yield* installed
    const opened = yield* open(
      orSummary((request) =>
        request.lastUserText.includes("Continue if you have")
          ? text("Gone on.")
          : ModelReply.call("bash", { command: "true", description: "x" }, { usage: full })
      ),
      { config: { plugin } }
    )
    yield* opened.createSession
    const proxy = yield* Loopback.proxy(opened.server.baseUrl)
    const adapter = yield* attach(opened, address, proxy.url)
    const gate = yield* held
    const session = yield* adapter.startSession(started(opened.directory, { compaction: gate.compaction }))
    assert.strictEqual(session.capabilities.compactionGate, "blocking")
    const driven = yield* drive(session)
    yield* driven.send("fill it")
    assert.strictEqual(yield* gate.question(0), "auto")
    // However long it is silent, and however often it is asked after.
    yield* proxy.hear("GET /session/status", 2)
    assert.isFalse((yield* opened.model.requests).some(isSummary))
    yield* gate.answer(0, allow())
    yield* driven.next("CompactionCompleted")
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
  }).pipe(Effect.provide(platform)))

it.live("P13 opencode: a host killed while it holds the agent does not hold it for ever, and nothing is lost", () =>
  Effect.gen(function*() {
    const { plugin, ...address } = yield* installed
    const opened = yield* open(onceFilled, { config: { plugin } })
    const { directory, model, server } = opened
    const host = yield* ChildScript.start([
      yield* (yield* Path.Path).fromFileUrl(new URL("../../support/GateHost.ts", import.meta.url)),
      server.baseUrl,
      Redacted.value(server.password),
      String(address.port),
      address.token,
      directory,
      "fill it"
    ])
    const sessionId = SessionId.make(host.line.replace("held ", ""))
    const frames = yield* opened.subscribe(sessionId)
    yield* host.kill
    yield* Stream.fromQueue(frames).pipe(
      Stream.filter((frame) => frame._tag === "Frame" && frame.type === "session.idle"),
      Stream.runHead
    )
    assert.isFalse((yield* model.requests).some(isSummary))
    const adapter = yield* attach(opened, address)
    const gate = yield* held
    const stored = cursor.encode({ sessionId, directory, runtimeMode: "full-access", agentVersion: server.version })
    const from = { _tag: "Resume", cursor: stored } as const
    const driven = yield* Effect.flatMap(
      adapter.startSession(started(directory, { compaction: gate.compaction, from })),
      drive
    )
    const { messages } = yield* driven.session.history
    assert.deepStrictEqual(messages.flatMap(({ items }) => items.map((item) => "text" in item && item.text)), [
      "fill it",
      "Long story."
    ])
    yield* driven.send("and go on")
    assert.strictEqual(yield* gate.question(0), "auto")
    yield* gate.answer(0, allow())
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
  }).pipe(Effect.provide(platform)))
