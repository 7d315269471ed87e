/** The brake of the service on the real OpenCode, which calls a model that brings nothing for ever; and a server that is gone. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { InstanceId, ProviderService } from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { endings, stored } from "../support/Agents.ts"
import * as Loopback from "../support/Loopback.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { hands, start } from "../support/OpenCodeAgents.ts"

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("limits", (it) => {
  it.effect("P18 opencode: a model that brings nothing is called a few times, and its turn fails as the model's fault", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      let calls = 0
      yield* model.on("say nothing", () => {
        calls++
        return ModelReply.garbage("<html>Sign in</html>")
      })
      yield* Effect.exit(agents.runTurn({ threadId, prompt: "say nothing" }))
      const failed = (yield* stored(threadId)).find((event) => event._tag === "TurnFailed")
      assert.deepInclude(failed, {
        failure: {
          _tag: "ModelFailed",
          name: "EmptySteps",
          retryable: true,
          message: "The model was called 5 times in a row and gave neither text nor a call of a tool"
        }
      })
      assert.isAtMost(calls, 12)
      const next = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.strictEqual(next.text, "echo: go on")
      assert.strictEqual(next.epoch, 1)
    }))

  it.effect("P5 opencode: a refused connection proves that nothing was delivered", () =>
    Effect.gen(function*() {
      yield* start()
      const { baseUrl, password } = yield* hands
      const listening = yield* Scope.make()
      const proxy = yield* Scope.provide(Loopback.proxy(baseUrl), listening)
      const instanceId = InstanceId.make("refusing")
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const { threadId } = yield* start({ instanceId })
        yield* Scope.close(listening, Exit.void)
        // A kept connection that has just been closed is only reset; this uses it up.
        yield* Effect.repeat(Effect.exit(Effect.tryPromise(() => fetch(proxy.url))), { times: 5 })
        const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "not delivered" }))
        assert.deepInclude(error, { _tag: "AgentUnreachable", retryable: true })
        assert.deepStrictEqual(endings(yield* stored(threadId)), {})
      }).pipe(
        Effect.provide(Layer.fresh(Layer.orDie(
          OpenCode.layer({
            instanceId: "refusing",
            baseUrl: proxy.url,
            password: Redacted.make(password),
            projectConfig: "trust"
          })
        )))
      )
    }))
})

layer(OpenCodeAgents.layer({ settings: { limits: { tokens: 100, warnCalls: 3 } } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("spending", (it) => {
  it.effect("P18 opencode: a call that is made again and again is warned of, what a turn may spend ends it, and the thread goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start({ runtimeMode: "full-access" })
      yield* model.on("spend", () => ModelReply.call("bash", { command: "echo again", description: "x" }))
      yield* Effect.exit(agents.runTurn({ threadId, prompt: "spend" }))
      const events = yield* stored(threadId)
      assert.deepInclude(events.find((event) => event._tag === "TurnFailed"), {
        failure: { _tag: "LimitReached", limit: "tokens", max: 100 }
      })
      assert.lengthOf(events.filter((event) => event._tag === "Warning" && event.code === "repeated-call"), 1)
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "go on" })).text, "echo: go on")
    }))
})

const limits = { tokens: 2500, threadTokens: 4000, costUsd: 2.5, threadCostUsd: 4 }

// A token that the model says costs a cent.
layer(OpenCodeAgents.layer({ settings: { limits }, cost: { input: 0, output: 10_000 } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("spending of turns and threads", (it) => {
  for (
    const [what, usage, ofTurn, ofThread] of [
      ["tokens", { input: 1000, output: 0 }, limits.tokens, limits.threadTokens],
      ["cost", { input: 0, output: 100 }, limits.costUsd, limits.threadCostUsd]
    ] as const
  ) {
    it.effect(`P18 opencode: ${what} end a turn, and then each further one of the thread, and no other thread's`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const { threadId } = yield* start({ runtimeMode: "full-access" })
        yield* model.on(
          `spend ${what}`,
          () => ModelReply.call("bash", { command: "echo again", description: "x" }, { usage })
        )
        const spend = Effect.gen(function*() {
          yield* Effect.exit(agents.runTurn({ threadId, prompt: `spend ${what}` }))
          const last = (yield* stored(threadId)).findLast((event) => event._tag === "TurnFailed")
          return last?._tag === "TurnFailed" ? last.failure : undefined
        })
        const reached = (limit: string, max: number) => ({ _tag: "LimitReached", limit, max })
        assert.deepStrictEqual<unknown>(yield* spend, reached(what, ofTurn))
        assert.deepStrictEqual<unknown>(yield* spend, reached(`thread-${what}`, ofThread))
        assert.deepStrictEqual<unknown>(yield* spend, reached(`thread-${what}`, ofThread))
        const other = yield* start()
        assert.strictEqual((yield* agents.runTurn({ threadId: other.threadId, prompt: "go on" })).text, "echo: go on")
      }))
  }
})
