/**
 * Whether the agent can be used: its executable and version, and whether it makes a session or asks for a login first. No
 * model is asked.
 */
import { Effect, Option } from "effect"
import * as CheckAnswer from "../../adapter/CheckAnswer.ts"
import * as Executable from "../../adapter/Executable.ts"
import type { AgentCheck } from "../../provider/AgentCheck.ts"
import * as Connection from "../process/Connection.ts"
import * as Probe from "./Probe.ts"

export const check = Effect.fn("Acp.check")(function*(
  instance: Probe.Instance,
  known: CheckAnswer.Known
): Effect.fn.Return<AgentCheck, never, Connection.Needs> {
  const { instanceId, options, profile } = instance
  const path = Option.getOrUndefined(
    yield* Effect.option(Connection.find(instanceId, profile, { binary: options.binary }))
  )
  const version = path === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.option(Executable.version({ instanceId, executable: path })))
  const login = version === undefined ? "unknown" : yield* Effect.match(Probe.open(instance), {
    onSuccess: () => "in" as const,
    onFailure: ({ _tag }) => _tag === "LoginRequired" ? "out" as const : "unknown" as const
  })
  return CheckAnswer.make(known, { path, version, login })
})
