/**
 * Whether Claude can be used: its executable and version, and whose credentials it has. Nothing that is missing is an error
 * here, and no model is asked.
 */
import { Effect, Option } from "effect"
import { homedir } from "node:os"
import * as CheckAnswer from "../../adapter/CheckAnswer.ts"
import * as Executable from "../../adapter/Executable.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentCheck } from "../../provider/AgentCheck.ts"
import * as Binary from "../process/Binary.ts"
import * as Cli from "../process/Cli.ts"

const known: CheckAnswer.Known = {
  testedVersions: { from: "2.1.332", to: "2.1.332" },
  install: "npm install -g @anthropic-ai/claude-code@2.1.332",
  signIn: "claude /login"
}

export const check = Effect.fn("Claude.check")(function*(
  instanceId: InstanceId,
  options: Cli.Options
): Effect.fn.Return<AgentCheck, never, Cli.Needs> {
  const path = Option.getOrUndefined(yield* Effect.option(Binary.find({ instanceId, binary: options.binary })))
  const version = path === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Executable.version({ instanceId, executable: path })))
  const account = version === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(asked(instanceId, options)))
  const source = [account?.apiKeySource, account?.tokenSource].find((source) => source != null && source !== "none")
  const name = account?.email ?? source ?? undefined
  return CheckAnswer.make(known, {
    path,
    version,
    login: account === undefined ? "unknown" : name === undefined ? "out" : "in",
    ...(name === undefined ? {} : { account: name })
  })
})

/** As Claude says it when it is greeted, in the user's home and without anything of it. */
const asked = Effect.fnUntraced(function*(instanceId: InstanceId, options: Cli.Options) {
  const environment = yield* Cli.environment(instanceId, options)
  const { account } = yield* Cli.start(instanceId, options, environment, {
    directory: homedir(),
    args: ["--setting-sources=user", "--strict-mcp-config", "--settings", JSON.stringify({ disableAllHooks: true })],
    variables: {},
    initialize: { hooks: {} },
    model: undefined
  })
  return account ?? {}
})
