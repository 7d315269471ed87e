import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Option, Path, Redacted, Schema, Scope, Stream } from "effect"
import { createServer, type Server as Listener } from "node:net"
import { Dial } from "../../../src/adapter/AgentHost.ts"
import * as Binary from "../../../src/opencode/server/Binary.ts"
import * as Server from "../../../src/opencode/server/Server.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import { instanceId, isAlive, open, type Opened, platform, workspace } from "../../support/OpenCodeServer.ts"
import * as Proxy from "../../support/Proxy.ts"
import { installed, tested } from "../../support/Versions.ts"

const slow = { timeout: 60_000 }
const bash = (command: string) => ModelReply.call("bash", { command, description: "Runs a command" })
const onceBash = (command: string): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text("Done.") : bash(command)

const ToolPart = Schema.Struct({
  part: Schema.Struct({
    state: Schema.Struct({
      status: Schema.String,
      output: Schema.optionalKey(Schema.String),
      metadata: Schema.optionalKey(Schema.Struct({ output: Schema.optionalKey(Schema.String) }))
    })
  })
})

/** Runs a turn and answers the first match in what its tool printed so far. */
const toolOutput = Effect.fnUntraced(function*(opened: Opened, pattern: RegExp) {
  const sessionId = yield* opened.createSession
  const frames = yield* opened.subscribe(sessionId)
  yield* opened.prompt(sessionId, "go")
  const found = yield* Stream.fromQueue(frames).pipe(
    Stream.filter((frame) => frame._tag === "Frame" && frame.type === "message.part.updated"),
    Stream.map((frame) => Schema.decodeUnknownOption(ToolPart)(frame._tag === "Frame" ? frame.properties : frame)),
    Stream.map(Option.map(({ part: { state } }) => state.output ?? state.metadata?.output ?? "")),
    Stream.map(Option.flatMap((output) => Option.fromNullishOr(pattern.exec(output)))),
    Stream.filter(Option.isSome),
    Stream.runHead
  )
  return Option.getOrThrow(Option.flatten(found))
})

const script = Effect.fnUntraced(function*(lines: string, mode = 0o755) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* workspace, "opencode")
  yield* fs.writeFileString(file, lines, { mode })
  return file
})

const start = (binary: string, options: Partial<Server.ManagedOptions> = {}) =>
  Effect.scoped(Server.managed({ instanceId, binary, stopDeadline: "1 second", ...options }))

it.live(
  "P4 opencode: a port that another process takes before the server does costs it an attempt and no start",
  () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* workspace
      const [asked, taken] = [`${folder}/asked`, `${folder}/taken`]
      const real = yield* Binary.find({ instanceId })
      const binary = yield* script(
        `#!/bin/sh\necho "$@" >>'${asked}'\nwhile [ ! -e '${taken}' ]; do sleep 0.05; done\nexec '${real}' "$@"\n`
      )
      const ports = Effect.map(
        Effect.orElseSucceed(fs.readFileString(asked), () => ""),
        (text) => Array.from(text.matchAll(/--port (\d+)\n/g), ([, port]) => Number(port))
      )
      const starting = yield* Effect.forkChild(start(binary, { isolated: true }))
      const [first = 0] = yield* Effect.repeat(ports, { until: (all) => all.length > 0 })
      yield* Effect.acquireRelease(
        Effect.callback<Listener>((resume) => {
          const thief = createServer().listen(first, "127.0.0.1", () => resume(Effect.succeed(thief)))
        }),
        (thief) => Effect.callback<void>((resume) => void thief.close(() => resume(Effect.void)))
      )
      yield* fs.writeFileString(taken, "")
      const server = yield* Fiber.join(starting)
      assert.deepStrictEqual(yield* ports, [first, Number(new URL(server.baseUrl).port)])
    }).pipe(Effect.scoped, Effect.provide(platform)),
  slow
)

it.live("P10 opencode: closing the scope ends the server and the command that it runs", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const opened = yield* open(onceBash("echo pid=$$; sleep 600")).pipe(Scope.provide(scope))
    const [, pid] = yield* toolOutput(opened, /pid=(\d+)/).pipe(Scope.provide(scope))
    assert.isTrue(isAlive(opened.server.pid) && isAlive(Number(pid)))
    yield* Scope.close(scope, Exit.void)
    assert.isFalse(isAlive(opened.server.pid))
    assert.isFalse(isAlive(Number(pid)))
    assert.deepStrictEqual(yield* opened.server.exit, { signal: "SIGTERM" })
    yield* Scope.close(scope, Exit.void)
  }).pipe(Effect.provide(platform)), slow)

it.live(
  "P10 opencode: a server whose owner is interrupted ends with the command that it runs",
  () =>
    Effect.gen(function*() {
      const running = yield* Deferred.make<readonly [server: number, command: number]>()
      const owner = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
        const opened = yield* open(onceBash("echo pid=$$; sleep 600"))
        const [, pid] = yield* toolOutput(opened, /pid=(\d+)/)
        yield* Deferred.succeed(running, [opened.server.pid, Number(pid)])
        return yield* Effect.never
      })))
      const pids = yield* Deferred.await(running)
      assert.deepStrictEqual(pids.map(isAlive), [true, true])
      yield* Fiber.interrupt(owner)
      assert.deepStrictEqual(pids.map(isAlive), [false, false])
    }).pipe(Effect.provide(platform)),
  slow
)

it.live("P10 opencode: a server that no longer reacts is killed within the deadlines", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const options = { instanceId, isolated: true, stopDeadline: "200 millis" } as const
    const server = yield* Server.managed(options).pipe(Scope.provide(scope))
    process.kill(server.pid, "SIGSTOP")
    yield* Scope.close(scope, Exit.void)
    assert.isFalse(isAlive(server.pid))
  }).pipe(Effect.provide(platform)), slow)

it.live(
  "P14 opencode: a tool's environment has neither the password nor the configuration, and nothing of ours that was not named",
  () => {
    process.env["OUR_DATABASE"] = "ours-alone"
    process.env["NAMED_KEY"] = "named-key"
    return Effect.gen(function*() {
      const opened = yield* open(onceBash("env; echo env-ends"), { inherit: ["NAMED_*"] })
      const { input: output } = yield* toolOutput(opened, /env-ends/)
      assert.include(output, "EFFECT_CODING_AGENTS_PROCESS=")
      assert.notInclude(output, Redacted.value(opened.server.password))
      assert.notInclude(output, "not-a-key")
      assert.notMatch(output, /^OPENCODE_(SERVER|CONFIG)/m)
      assert.notInclude(output, "ours-alone")
      assert.include(output, "NAMED_KEY=named-key")
    }).pipe(
      Effect.provide(platform),
      Effect.ensuring(Effect.sync(() => {
        delete process.env["OUR_DATABASE"]
        delete process.env["NAMED_KEY"]
      }))
    )
  },
  slow
)

it.live(
  "opencode: the user's configuration applies, the app's over it, ours over both; no file of the user changes",
  () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = yield* workspace
      const folder = path.join(home, "config", "opencode")
      const dependencies = { "@opencode-ai/plugin": tested.from }
      const files: Record<string, object> = {
        "opencode.json": {
          $schema: "https://opencode.ai/config.json",
          username: "the user",
          share: "manual",
          instructions: ["user.md"],
          small_model: "user/model"
        },
        "package.json": { dependencies },
        "package-lock.json": { lockfileVersion: 3, packages: { "": { dependencies } } }
      }
      yield* fs.makeDirectory(path.join(folder, "node_modules"), { recursive: true })
      for (const [name, content] of Object.entries(files)) {
        yield* fs.writeFileString(path.join(folder, name), JSON.stringify(content))
      }
      const { call, directory } = yield* open(ModelScript.echo, {
        isolated: false,
        enforced: { permission: { "**": "ask" } },
        env: {
          HOME: home,
          OPENCODE_PERMISSION: JSON.stringify({ bash: "allow" }),
          XDG_CONFIG_HOME: path.join(home, "config"),
          XDG_DATA_HOME: path.join(home, "data"),
          XDG_STATE_HOME: path.join(home, "state"),
          XDG_CACHE_HOME: path.join(home, "cache"),
          OPENCODE_DISABLE_MODELS_FETCH: "1",
          OPENCODE_DISABLE_DEFAULT_PLUGINS: "1"
        }
      })
      const config = yield* call("config.get", directory, (client, signal) => client.config.get({}, { signal }))
      assert.deepInclude(config, {
        username: "the user",
        share: "disabled",
        autoupdate: false,
        model: "scripted/scripted-1",
        small_model: "scripted/scripted-1",
        permission: { bash: "allow", "**": "ask" }
      })
      // P7: of several rules the last wins, and that is ours, also where the user's come by environment.
      const agents = yield* call("app.agents", directory, (client, signal) => client.app.agents({}, { signal }))
      const rules = agents.find(({ name }) => name === "build")?.permission.map(({ permission }) => permission) ?? []
      assert.include(rules, "bash")
      assert.isAbove(rules.lastIndexOf("**"), rules.lastIndexOf("bash"))
      for (const [name, content] of Object.entries(files)) {
        assert.strictEqual(yield* fs.readFileString(path.join(folder, name)), JSON.stringify(content), name)
      }
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
    }).pipe(Effect.provide(platform)),
  slow
)

it.live("opencode: an isolated folder keeps its sessions from one server to the next", () =>
  Effect.gen(function*() {
    const isolated = { folder: yield* workspace }
    const directory = yield* workspace
    const first = yield* Effect.scoped(
      Effect.flatMap(open(ModelScript.echo, { isolated }), (opened) =>
        opened.call("session.create", directory, (c, signal) =>
          c.session.create({ title: "kept" }, { signal })))
    )
    const { call } = yield* open(ModelScript.echo, { isolated })
    const again = yield* call("session.get", directory, (c, signal) =>
      c.session.get({ sessionID: first.id }, { signal }))
    assert.deepStrictEqual(again, first)
  }).pipe(Effect.provide(platform)), slow)

it.live("opencode: no executable is AgentNotFound with every place searched", () =>
  Effect.gen(function*() {
    const folder = yield* workspace
    const error = yield* Effect.flip(start(`${folder}/nowhere`))
    assert.deepInclude(error, { _tag: "AgentNotFound", searched: [`${folder}/nowhere`] })
    const named = yield* Effect.flip(Binary.find({ instanceId, binary: "no-such-agent", path: folder }))
    assert.deepInclude(named, { _tag: "AgentNotFound", searched: [`${folder}/no-such-agent`] })
  }).pipe(Effect.provide(platform)))

it.live("opencode: a launcher of the npm package on the PATH gives way to the package's binary", () =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const binary = yield* Binary.find({ instanceId, path: path.resolve("node_modules/.bin") })
    assert.match(binary, /opencode-[a-z]+-[a-z0-9-]+\/bin\/opencode$/)
    const own = yield* script("#!/bin/sh\n")
    assert.strictEqual(yield* Binary.find({ instanceId, path: path.dirname(own) }), own)
  }).pipe(Effect.provide(platform)))

it.live("opencode: a file that may not or cannot be run is AgentNotExecutable", () =>
  Effect.gen(function*() {
    const plain = yield* script("#!/bin/sh\n", 0o644)
    assert.deepInclude(yield* Effect.flip(start(plain)), { _tag: "AgentNotExecutable", path: plain, code: "EACCES" })
    const orphan = yield* script("#!/no/such/interpreter\n")
    assert.deepInclude(yield* Effect.flip(start(orphan)), { _tag: "AgentNotExecutable", path: orphan, code: "ENOENT" })
  }).pipe(Effect.provide(platform)))

it.live("P14 opencode: an exit before it is ready is reported with the last output, secrets redacted", () =>
  Effect.gen(function*() {
    const binary = yield* script(
      "#!/bin/sh\necho \"broken $OPENCODE_SERVER_PASSWORD $(cat $OPENCODE_CONFIG)\" >&2\nexit 3\n"
    )
    const config = { provider: { some: { options: { apiKey: "sk-very-secret" } } } }
    const error = yield* Effect.flip(start(binary, { config }))
    assert.deepInclude(error, { _tag: "AgentStartFailed", reason: "exited", exitCode: 3 })
    assert.match(error.message, /broken <redacted> .*"apiKey":"<redacted>"/)
  }).pipe(Effect.provide(platform)))

it.live("P10 opencode: one that is never ready fails at the deadline and is ended", () =>
  Effect.gen(function*() {
    const binary = yield* script("#!/bin/sh\necho pid=$$\nexec sleep 600\n")
    const error = yield* Effect.flip(start(binary, { startDeadline: "500 millis" }))
    assert.deepInclude(error, { _tag: "AgentStartFailed", reason: "deadline" })
    const [, pid] = /pid=(\d+)/.exec(error.message) ?? []
    assert.isFalse(isAlive(Number(pid)))
  }).pipe(Effect.provide(platform)))

it.live("opencode: an external server is checked for its password and for being there", () =>
  Effect.gen(function*() {
    const { server } = yield* open(ModelScript.echo)
    const endpoint = { instanceId, baseUrl: `${server.baseUrl}/` }
    const found = yield* Server.external({ ...endpoint, password: server.password })
    assert.deepInclude(found, { version: installed, baseUrl: server.baseUrl })
    const refused = yield* Effect.flip(Server.external({ ...endpoint, password: Redacted.make("wrong") }))
    assert.deepInclude(refused, { _tag: "AgentUnauthorized", status: 401 })
    const gone = yield* Effect.flip(Server.external({ instanceId, baseUrl: yield* Loopback.nobody }))
    assert.deepInclude(gone, { _tag: "AgentUnreachable", code: "ECONNREFUSED" })
    const page = yield* Loopback.http((_, response) => response.end("<p>"))
    const other = yield* Effect.flip(Server.external({ instanceId, baseUrl: page }))
    assert.deepInclude(other, { _tag: "AgentProtocolError", status: 200 })
  }).pipe(Effect.provide(platform)), slow)

it.live(
  "P10 opencode: one on another machine is reached by dialling, also while it is asked to end",
  () =>
    Effect.gen(function*() {
      const dialled: Array<string> = []
      let way: Proxy.Proxy | undefined
      const dial = (url: string) =>
        Effect.map(Proxy.make(Number(new URL(url).port)), (proxy) => {
          dialled.push(url)
          way = proxy
          return proxy.url
        })
      const scope = yield* Scope.make()
      const server = yield* Server.managed({ instanceId, isolated: true, stopDeadline: "3 seconds" }).pipe(
        Effect.provideService(Dial, dial),
        Scope.provide(scope)
      )
      assert.lengthOf(dialled, 1)
      assert.strictEqual(server.baseUrl, way?.url)
      assert.notInclude(dialled, server.baseUrl)
      const before = yield* way?.connections ?? Effect.succeed(0)
      assert.isAbove(before, 0)
      yield* Scope.close(scope, Exit.void)
      assert.isAbove(yield* way?.connections ?? Effect.succeed(0), before)
      assert.isFalse(isAlive(server.pid))
    }).pipe(Effect.provide(platform)),
  slow
)
