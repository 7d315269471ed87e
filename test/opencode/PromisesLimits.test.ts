/** The brake of the service on the real OpenCode, which calls a model that brings nothing for ever. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ProviderService } from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { stored } from "../support/Agents.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { start } from "../support/OpenCodeAgents.ts"

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
})
