/**
 * OpenCode's configuration (1.18.33) for the provider "scripted": a `ScriptedModel` under the names `scripted-1`
 * and `scripted-2`, the latter with reasoning. It enables no other provider, updates nothing and shares nothing, so a
 * server started with it and the `OPENCODE_DISABLE_*` variables makes no connection but the one to the model.
 *
 * Where it hurts: give sessions a title, or OpenCode asks the model for one; a small `limit.context` starts compaction
 * as soon as the scripted usage reaches `context - output`. Tokens cost nothing unless `cost` has their price in dollars per
 * million.
 */
export const openCodeConfig = (
  model: { readonly url: string },
  limit: { readonly context: number; readonly output: number } = { context: 100_000, output: 4_096 },
  cost: { readonly input: number; readonly output: number } = { input: 0, output: 0 }
) => ({
  autoupdate: false,
  share: "disabled",
  model: "scripted/scripted-1",
  small_model: "scripted/scripted-1",
  enabled_providers: ["scripted"],
  provider: {
    scripted: {
      npm: "@ai-sdk/openai-compatible",
      name: "Scripted",
      options: { baseURL: model.url, apiKey: "not-a-key" },
      models: {
        "scripted-1": { name: "Scripted 1", limit, cost, tool_call: true, attachment: true, modalities },
        "scripted-2": { name: "Scripted 2", limit, tool_call: true, reasoning: true }
      }
    }
  }
})

const modalities = { input: ["text", "image"], output: ["text"] }
