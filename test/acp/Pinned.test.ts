/** What neither the user's environment nor the app's can loosen. No agent is started. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Acp, Copilot, Gemini, Goose, Grok, Kimi, Qwen } from "../../src/acp/index.ts"
import * as Environment from "../../src/acp/process/Environment.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

describe("pinned variables", () => {
  it.effect("P7 acp: a pinned variable has its own value, whatever the app's environment has", () =>
    Effect.gen(function*() {
      const { variables } = yield* Environment.make(Copilot.profile, { env: { COPILOT_ALLOW_ALL: "true" } }, [])
      assert.strictEqual(variables["COPILOT_ALLOW_ALL"], "false")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.effect("P7 acp: a session's setup cannot set what would loosen a mode, or lead to other settings", () =>
    Effect.gen(function*() {
      const variables = [
        [Copilot.profile, "COPILOT_ALLOW_ALL"],
        [Copilot.profile, "COPILOT_HOME"],
        [Goose.profile, "GOOSE_MODE"],
        [Grok.profile, "GROK_FOLDER_TRUST"],
        [Grok.profile, "GROK_SUBAGENTS"],
        [Grok.profile, "GROK_CONFIG_PATH"],
        [Gemini.profile, "GEMINI_CLI_SYSTEM_SETTINGS_PATH"],
        [Kimi.profile, "KIMI_CODE_HOME"],
        [Qwen.profile, "QWEN_CODE_SYSTEM_DEFAULTS_PATH"],
        [Qwen.profile, "QWEN_CODE_TRUSTED_FOLDERS_PATH"]
      ] as const
      for (const [profile, name] of variables) {
        const { startSession } = yield* Acp.make({ profile })
        const refused = yield* Effect.flip(startSession({
          threadId: ThreadId.make("thread"),
          directory: "/",
          runtimeMode: "full-access",
          projectConfig: "trust",
          from: { _tag: "New" },
          setup: { environment: { [name]: "true" } }
        }))
        assert.deepInclude(refused, { _tag: "SetupRefused", part: "environment", reason: "reserved", name })
      }
    }).pipe(Effect.scoped, Effect.provide(services)))
})
