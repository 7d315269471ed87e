/** The machine around a real OpenCode: proxies that do not know it, and homes that outlive its servers. */
import { assert, it, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { ScriptedModel } from "../../src/testing/index.ts"
import * as Loopback from "../support/Loopback.ts"
import { platform, workspace } from "../support/OpenCodeServer.ts"
import { cursorOf, drive, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

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
