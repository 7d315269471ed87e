/** The real Codex with a scripted model in a third process, for us and for the raw loop alike. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { codexConfig } from "../../examples/support/CodexConfig.ts"
import * as Codex from "../../src/codex/Codex.ts"
import * as Binary from "../../src/codex/process/Binary.ts"
import { InstanceId } from "../../src/index.ts"
import * as Host from "./Host.ts"

export const instanceId = InstanceId.make("codex")

/** What the adapter finds; `CODEX_BINARY` names another. */
export const binary = Binary.find({ instanceId }).pipe(Effect.provide(NodeServices.layer))

/** Settings of an instance of the benchmark. `folder` is its home, which outlives it. */
export const options = (
  model: { readonly url: string },
  folder: string,
  env: Readonly<Record<string, string>> = {}
): Codex.Options => ({
  isolated: { folder },
  config: codexConfig(model),
  env: { SCRIPTED_API_KEY: "not-a-key", ...env }
})

/** The whole library on a Codex adapter, with its store in a file. */
export const host = (filename: string, options: Codex.Options) => Host.layer(Codex.layer(options), filename)

export const newThread = Host.newThread(instanceId)
