/** The real Claude Code with a scripted model in a third process, for us and for the raw loop alike. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { claudeEnvironment } from "../../examples/support/ClaudeEnvironment.ts"
import * as Claude from "../../src/claude/Claude.ts"
import * as Binary from "../../src/claude/process/Binary.ts"
import { InstanceId } from "../../src/index.ts"
import * as Host from "./Host.ts"

export const instanceId = InstanceId.make("claude")

/** What the adapter finds; `CLAUDE_BINARY` names another. */
export const binary = Binary.find({ instanceId }).pipe(Effect.provide(NodeServices.layer))

/** Settings of an instance of the benchmark. `folder` is its home, which outlives it. */
export const options = (
  model: { readonly url: string },
  folder: string,
  env: Readonly<Record<string, string>> = {}
): Claude.Options => ({ isolated: { folder }, env: { ...claudeEnvironment(model), ...env } })

/** The whole library on a Claude adapter, with its store in a file. */
export const host = (filename: string, options: Claude.Options) => Host.layer(Claude.layer(options), filename)

export const newThread = Host.newThread(instanceId)
