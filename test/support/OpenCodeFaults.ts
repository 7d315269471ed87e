/** Hosts on the real OpenCode whose server, stream or disk a test breaks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Path, Stream } from "effect"
import { isTerminal, ProviderService, type ThreadId } from "../../src/index.ts"
import { ScriptedModel } from "../../src/testing/index.ts"
import * as OpenCodeAgents from "./OpenCodeAgents.ts"
import { folder } from "./OpenCodeAgents.ts"

export const modelOnly = Layer.merge(ScriptedModel.layer(), NodeServices.layer)

/** A host whose sessions survive its server. */
export const withHost = <A, E, R>(
  options: Pick<Parameters<typeof OpenCodeAgents.host>[0], "settings" | "agent">,
  effect: Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const home = yield* folder
    const agent = { isolated: { folder: path.join(home, "opencode") }, ...options.agent }
    const filename = path.join(home, "threads.db")
    return yield* Effect.provide(effect, OpenCodeAgents.host({ ...options, filename, agent }))
  })

/** The end of the running turn. */
export const terminal = (threadId: ThreadId, after: number) =>
  Effect.flatMap(ProviderService, (agents) =>
    agents.streamEvents({ threadId, after }).pipe(
      Stream.filter(isTerminal),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    ))

export const lastSeq = (threadId: ThreadId) =>
  Effect.flatMap(ProviderService, (agents) => Effect.map(agents.getThread({ threadId }), ({ lastSeq }) => lastSeq))
