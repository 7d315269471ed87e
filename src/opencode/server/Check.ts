/**
 * Whether OpenCode can be used: its executable and version, and whether its server has a provider of models. Nothing that
 * is missing is an error here.
 */
import { Effect, Option, type Path, type Scope } from "effect"
import type * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as CheckAnswer from "../../adapter/CheckAnswer.ts"
import * as Executable from "../../adapter/Executable.ts"
import type { AgentCheck } from "../../provider/AgentCheck.ts"
import * as Versions from "../protocol/Versions.ts"
import * as Binary from "./Binary.ts"
import * as Calls from "./Calls.ts"
import type * as Connections from "./Connections.ts"

const known: CheckAnswer.Known = {
  testedVersions: Versions.tested,
  install: `npm install opencode-ai@${Versions.tested.to}`,
  signIn: "opencode auth login"
}

/** Starts the server, if none runs, where the executable is there. */
export const check = Effect.fn("OpenCode.check")(function*(
  options: Connections.Options,
  connections: Connections.Connections
): Effect.fn.Return<AgentCheck, never, AgentProcess.Needs | Path.Path | Scope.Scope> {
  const { instanceId } = options
  const path = "baseUrl" in options ? undefined : Option.getOrUndefined(yield* Effect.option(Binary.find(options)))
  const said = path === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Executable.version({ instanceId, executable: path })))
  // An executable that does not say its version does not run.
  const isThere = "baseUrl" in options || said !== undefined
  const connection = isThere ? Option.getOrUndefined(yield* Effect.option(connections.get)) : undefined
  const version = connection?.version ?? said
  const login = connection === undefined ? "unknown" : yield* Calls.make(connection, instanceId, "").providers.pipe(
    Effect.match({
      onSuccess: ({ providers }) => providers.length === 0 ? "out" as const : "in" as const,
      onFailure: () => "unknown" as const
    })
  )
  return CheckAnswer.make(known, { path, version, login })
})
