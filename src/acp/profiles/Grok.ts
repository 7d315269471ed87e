/**
 * Grok (1.0.41) as a provider: add `Grok.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * It asks only for what it takes for dangerous, `touch` for example it runs unasked. So it has no mode but
 * `full-access`.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { Usage } from "../../domain/Usage.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

const Metered = Schema.decodeUnknownOption(Schema.Struct({
  _meta: Schema.Struct({
    usage: Schema.Struct({
      inputTokens: Schema.Finite,
      outputTokens: Schema.Finite,
      cachedReadTokens: Schema.Finite,
      reasoningTokens: Schema.Finite
    })
  })
}))

/** Of the whole turn, in the answer to its prompt. */
const usageOf = (frame: unknown): Usage | undefined => {
  const found = Metered(frame)
  if (found._tag === "None") return undefined
  const { cachedReadTokens, inputTokens, outputTokens, reasoningTokens } = found.value._meta.usage
  return {
    input: inputTokens - cachedReadTokens,
    output: outputTokens,
    reasoning: reasoningTokens,
    cacheRead: cachedReadTokens
  }
}

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "grok",
  command: { name: "grok", variable: "GROK_BINARY", args: ["agent", "--no-leader", "stdio"] },
  check: {
    testedVersions: { from: "1.0.41", to: "1.0.41" },
    install: "npm install -g @xai-official/grok@1.0.41",
    signIn: "grok login"
  },
  inherit: ["GROK_*", "XAI_API_KEY"],
  home: { GROK_HOME: "grok" },
  modes: { "full-access": { answer: "allow" } },
  // It connects to them while a first turn runs already, which cannot use them.
  setup: { mcpServers: "never" },
  capabilities: { attachments: true },
  resumable: "after-turn",
  literal: Profile.quoted,
  joinsTexts: true,
  usageOf,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command"),
  comments: ["description"],
  toolOf: ({ _meta }) => Profile.textIn(_meta, "x.ai/tool", "name"),
  ignored: ["_x.ai/*"]
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
