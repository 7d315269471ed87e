/**
 * The servers of one provider instance.
 *
 * Two things belong to an OpenCode server and not to a session (1.18.33): whether it reads the configuration of the
 * directories that it works in, and whether it compacts by itself. So an instance has up to four servers, each started at
 * its first use; they share one home, and a session that is started on another of them is found there again. A server that
 * runs already is the only one, and decides both itself.
 */
import { Effect, type FileSystem, type Path, Scope, Semaphore } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import type * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as Permissions from "../turn/Permissions.ts"
import * as Connections from "./Connections.ts"
import * as Environment from "./Environment.ts"

/** What of a server a session needs. */
export interface Needed {
  /** Whether it reads the configuration of directories, and runs what it finds there. */
  readonly trusting: boolean
  /** Whether it compacts by itself. */
  readonly compacting: boolean
}

export interface Servers {
  readonly of: (needed: Needed) => Connections.Connections
  /** For what is asked outside of any session. */
  readonly main: Connections.Connections
  /** How that one is started. */
  readonly options: Connections.Options
}

export const make = Effect.fnUntraced(function*(
  options: Connections.Options
): Effect.fn.Return<Servers, never, AgentProcess.Needs | FileSystem.FileSystem | Path.Path | Scope.Scope> {
  if ("baseUrl" in options) {
    const only = yield* Connections.make(options)
    return { of: () => only, main: only, options }
  }
  const base = options.isolated === true ? yield* baseFolder : undefined
  const starting = yield* Semaphore.make(1)
  const optionsFor = ({ compacting, trusting }: Needed): Connections.Options => ({
    ...options,
    trusting,
    ...(base === undefined ? {} : { base }),
    enforced: {
      ...Permissions.baseline(agentsIn(options.config)),
      ...(compacting ? {} : { compaction: { auto: false } })
    }
  })
  const connect = (trusting: boolean, compacting: boolean) =>
    Connections.make(optionsFor({ trusting, compacting }), starting)
  const wary = { compacting: yield* connect(false, true), manual: yield* connect(false, false) }
  const trusting = { compacting: yield* connect(true, true), manual: yield* connect(true, false) }
  return {
    of: (needed) => (needed.trusting ? trusting : wary)[needed.compacting ? "compacting" : "manual"],
    main: wary.compacting,
    options: optionsFor({ trusting: false, compacting: true })
  }
})

/** Made by the first server, and removed after the last one has stopped: the Scope's finalizers run in reverse order. */
const baseFolder = Effect.gen(function*() {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  let made: string | undefined
  return Effect.suspend(() =>
    made === undefined
      ? AgentEnvironment.privateFolder(Environment.folderPrefix).pipe(
        Scope.provide(scope),
        Effect.tap((folder) => Effect.sync(() => (made = folder)))
      )
      : Effect.succeed(made)
  )
})

/** The agents that the app's own configuration describes. */
const agentsIn = (config: Readonly<Record<string, unknown>> | undefined): ReadonlyArray<string> => {
  const agents = config?.["agent"]
  return typeof agents === "object" && agents !== null ? Object.keys(agents) : []
}
