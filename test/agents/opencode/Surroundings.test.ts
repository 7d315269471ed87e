/** What is around a real OpenCode: proxies, homes that outlive its servers, other versions, restarts under a turn. */
import { assert, it, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { writeFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { join } from "node:path"
import { openCodeConfig } from "../../../examples/support/OpenCodeConfig.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import type { StartInput } from "../../../src/provider/ProviderAdapter.ts"
import { ModelReply, ScriptedModel } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import { open, type Opened, platform, workspace } from "../../support/OpenCodeServer.ts"
import { cursorOf, drive, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const behindProxy = Layer.unwrap(
  Effect.map(
    Loopback.nobody,
    (proxy) => OpenCodeSessions.layer({ env: { HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: "example.com" } })
  )
)

layer(behindProxy, { timeout: "60 seconds", excludeTestServices: true })("behind a proxy", (it) => {
  it.effect("P13 opencode: the gate and the model on this machine are reached without the proxy", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const gate = () => Effect.succeed({ _tag: "Allow", context: [] } as const)
      const driven = yield* start({ compaction: { auto: true, gate } })
      assert.strictEqual((yield* driven.run("hello"))._tag, "TurnCompleted")
    }))
})

const started = (model: ScriptedModel["Service"], options: Partial<OpenCode.Managed> = {}) =>
  Effect.map(
    OpenCode.make({ isolated: true, stopDeadline: "3 seconds", config: openCodeConfig(model), ...options }),
    ({ startSession }) => (directory: string, input: Partial<StartInput> = {}) =>
      startSession({
        threadId: ThreadId.make("thread"),
        directory,
        runtimeMode: "approval-required",
        projectConfig: "trust",
        title: "test",
        from: { _tag: "New" },
        ...input
      })
  )

it.live(
  "P3 opencode: a temporary home has its sessions for as long as the Layer, over servers that come and go",
  () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const directory = yield* workspace
      yield* Effect.scoped(Effect.gen(function*() {
        const start = yield* started(model, { idleTimeToLive: "1 millis" })
        const cursor = yield* Effect.scoped(Effect.gen(function*() {
          const driven = yield* Effect.flatMap(start(directory), drive)
          yield* driven.run("remember this")
          return yield* cursorOf(driven)
        }))
        // The first server stops at once without a session; the next one, and the one without automatic compaction, know it.
        for (const auto of [true, false]) {
          yield* Effect.scoped(Effect.gen(function*() {
            const driven = yield* Effect.flatMap(
              start(directory, { from: { _tag: "Resume", cursor }, compaction: { auto } }),
              drive
            )
            assert.strictEqual(driven.session.origin._tag, "Resumed")
            assert.strictEqual((yield* driven.run(`and now ${auto}`))._tag, "TurnCompleted")
          }))
          const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes(`and now ${auto}`))
          assert.include(JSON.stringify(messages), "remember this")
        }
      }))
    }).pipe(Effect.scoped, Effect.provide(platform)),
  60_000
)

it.live(
  "P3 opencode: two servers of one instance that start at once in a fresh home both work",
  () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const directory = yield* workspace
      const start = yield* started(model)
      const both = yield* Effect.forEach(
        [true, false],
        (auto) => Effect.forkScoped(start(directory, { compaction: { auto } }))
      )
      const sessions = yield* Effect.forEach(both, Fiber.join)
      assert.strictEqual(new Set(sessions.map(({ sessionId }) => sessionId)).size, 2)
    }).pipe(Effect.scoped, Effect.provide(platform)),
  60_000
)

const input = (directory: string): StartInput => ({
  threadId: ThreadId.make("thread"),
  directory,
  runtimeMode: "approval-required",
  projectConfig: "trust",
  title: "test",
  from: { _tag: "New" }
})

/** An address that stays while the server behind it is another one. `version`: what is told of it. */
const relay = (server: () => Opened["server"], version?: string) =>
  Loopback.http((request, response) => {
    if (version !== undefined && request.url === "/global/health") return void response.end(JSON.stringify({ version }))
    const { baseUrl, password } = server()
    const authorization = `Basic ${Buffer.from(`opencode:${Redacted.value(password)}`).toString("base64")}`
    const forward = httpRequest(`${baseUrl}${request.url}`, {
      method: request.method,
      // A connection that is kept may be one that the server has closed.
      agent: false,
      headers: { ...request.headers, authorization }
    }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on("error", () => response.destroy())
      answer.pipe(response)
    })
    forward.on("error", () => response.destroy())
    request.pipe(forward)
  })

it.live(
  "P4 opencode: a turn whose external server was started again under it has lost its session, and the next one goes on",
  () =>
    Effect.gen(function*() {
      const isolated = { folder: yield* workspace }
      const script = ({ lastUserText }: { readonly lastUserText: string }) =>
        lastUserText.includes("hang") ? ModelReply.hang : ModelReply.text("Here.")
      const first = yield* open(script, { isolated })
      let server = first.server
      const adapter = yield* OpenCode.make({ baseUrl: yield* relay(() => server) })
      const driven = yield* Effect.flatMap(adapter.startSession(input(first.directory)), drive)
      yield* driven.send("hang")
      yield* first.model.awaitRequest(({ lastUserText }) => lastUserText.includes("hang"))
      process.kill(server.pid, "SIGKILL")
      const second = yield* open(script, { isolated })
      server = second.server
      assert.deepInclude(yield* driven.ending, { _tag: "TurnFailed", failure: { _tag: "SessionLost" } })
      assert.strictEqual((yield* driven.run("go on"))._tag, "TurnCompleted")
    }).pipe(Effect.scoped, Effect.provide(platform)),
  90_000
)

it.live(
  "opencode: a version that was not tested is told when a session starts; one of another protocol is refused",
  () =>
    Effect.gen(function*() {
      const { directory, server } = yield* open(() => ModelReply.text("Here."))
      const untested = yield* OpenCode.make({ baseUrl: yield* relay(() => server, "1.99.0") })
      const driven = yield* Effect.flatMap(untested.startSession(input(directory)), drive)
      const { code, message } = yield* driven.next("Warning")
      assert.strictEqual(code, "untested-version")
      assert.include(message, "1.99.0")

      const newer = yield* OpenCode.make({ baseUrl: yield* relay(() => server, "2.0.24") })
      const refusal = { _tag: "AgentTooNew", found: "2.0.24", retryable: false } as const
      assert.deepInclude(yield* Effect.flip(newer.startSession(input(directory))), refusal)
      const binary = join(directory, "opencode")
      writeFileSync(binary, "#!/bin/sh\n[ \"$1\" = --version ] && echo 2.0.24\n", { mode: 0o755 })
      const ours = yield* OpenCode.make({ binary, isolated: true })
      assert.deepInclude(yield* Effect.flip(ours.startSession(input(directory))), refusal)
    }).pipe(Effect.scoped, Effect.provide(platform)),
  60_000
)

it.live(
  "opencode: a configuration that cannot work fails at the start, and trying again is not offered",
  () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const directory = yield* workspace
      const failure = (options: OpenCode.Options) =>
        Effect.scoped(Effect.gen(function*() {
          const adapter = yield* OpenCode.make(options)
          return yield* Effect.flip(adapter.startSession(input(directory)))
        }))
      for (
        const [setting, config] of [
          ["ConfigInvalidError", { permission: 42 }],
          ["default_agent", { default_agent: "nobody" }]
        ] as const
      ) {
        const error = yield* failure({ isolated: true, config: { ...openCodeConfig(model), ...config } })
        assert.deepInclude(error, { _tag: "AgentMisconfigured", setting, retryable: false })
      }
      assert.deepInclude(yield* failure({ baseUrl: "not a url" }), { _tag: "AgentMisconfigured", setting: "baseUrl" })
      const binary = join(directory, "opencode")
      writeFileSync(binary, "#!/bin/sh\necho broken >&2\nexit 3\n", { mode: 0o755 })
      assert.deepInclude(yield* failure({ binary, isolated: true }), {
        _tag: "AgentStartFailed",
        exitCode: 3,
        retryable: false
      })
    }).pipe(Effect.scoped, Effect.provide(platform)),
  60_000
)
