/**
 * OpenCode (1.18.33) as a provider: add `OpenCode.layer()` to an app and it is there.
 *
 * Without options a server is started at the first session, with the user's own configuration and login, shared by all
 * sessions of the instance and stopped some minutes after the last. With `baseUrl` a server that runs already is used.
 *
 * **Gotchas**
 *
 * - OpenCode is made to ask for everything and is answered here, so each tool call costs a round trip to this process,
 *   about 15 ms, and waits while this process is not there.
 * - An external server decides its own configuration. Subagents that it would let act unasked are not allowed to start
 *   in `approval-required` and `auto-accept-edits`; give it `permission: { "**": "ask" }` to have them.
 * - A compaction waits for the session's gate by way of a plugin that our servers load. An external server needs it
 *   installed (`gate`), and compacts unasked without it; `compactionGate` of the session says so.
 *
 * **Example**
 *
 * ```ts
 * const App = CodingAgents.layer({
 *   agents: OpenCode.layer({ config: { model: "anthropic/claude-sonnet-4-5" } }),
 *   store: SessionStore.layerSqlite({ filename: "threads.db" })
 * }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, type FileSystem, Layer, type Path, Scope, Semaphore } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as Adapter from "../adapter/Adapter.ts"
import * as AgentEnvironment from "../adapter/AgentEnvironment.ts"
import { InstanceId } from "../domain/Ids.ts"
import type { AgentProcesses } from "../process/AgentProcesses.ts"
import type { InstanceExists, ProviderRegistry } from "../provider/ProviderRegistry.ts"
import { capabilities } from "./protocol/Capabilities.ts"
import { provider } from "./protocol/Cursor.ts"
import * as Check from "./server/Check.ts"
import * as Connections from "./server/Connections.ts"
import * as Environment from "./server/Environment.ts"
import * as Offers from "./server/Offers.ts"
import type { ExternalOptions, ManagedOptions } from "./server/Server.ts"
import * as Listing from "./session/Listing.ts"
import * as Session from "./session/Session.ts"
import * as Permissions from "./turn/Permissions.ts"

/**
 * What names an instance.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance {
  /** Default: `opencode`. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
}

/** How the server is reached and shared, managed or not. */
type Shared = Omit<Connections.Options, keyof ManagedOptions | keyof ExternalOptions>

/**
 * A server that the library starts and stops; see the fields for binary, configuration, isolation and deadlines.
 *
 * @category models
 * @since 0.1.0
 */
export interface Managed
  extends Instance, Shared, Omit<ManagedOptions, "instanceId" | "enforced" | "plugin" | "base">
{}

/**
 * A server that runs already, at `baseUrl`, with its `password`.
 *
 * @category models
 * @since 0.1.0
 */
export interface External extends Instance, Shared, Omit<ExternalOptions, "instanceId"> {}

/**
 * A server of our own, or one that runs already.
 *
 * @category models
 * @since 0.1.0
 */
export type Options = Managed | External

export { capabilities }

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<
  never,
  InstanceExists,
  | ProviderRegistry
  | ChildProcessSpawner.ChildProcessSpawner
  | FileSystem.FileSystem
  | Path.Path
  | AgentProcesses
> => Layer.unwrap(Effect.map(make(options), Adapter.layer))

/**
 * The adapter alone, not registered, for as long as the Scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const instanceId = InstanceId.make(options.instanceId ?? "opencode")
  const home = "baseUrl" in options || options.isolated !== true ? {} : { base: yield* baseFolder }
  const starting = yield* Semaphore.make(1)
  const resolved = withRules({ ...options, ...home }, instanceId, {})
  const connections = yield* Connections.make(resolved, starting)
  // Auto-compaction is a server setting, so sessions with `auto: false` share a second server; an external server keeps
  // its own.
  const manual = "baseUrl" in options
    ? connections
    : yield* Connections.make(withRules({ ...options, ...home }, instanceId, { compaction: { auto: false } }), starting)
  return yield* Adapter.make({
    provider,
    instanceId,
    capabilities,
    offers: ({ directory }) =>
      Effect.flatMap(connections.get, (connection) => Offers.read(connection, instanceId, directory)),
    check: Check.check(resolved, connections),
    startSession: (input) =>
      Effect.flatMap(
        (input.compaction?.auto === false ? manual : connections).get,
        (connection) => Session.make(connection, instanceId, input)
      ),
    listSessions: (query) =>
      Effect.flatMap(connections.get, (connection) => Listing.list(connection, instanceId, query))
  })
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

const withRules = (
  options: Options & Pick<ManagedOptions, "base">,
  instanceId: InstanceId,
  settings: object
): Connections.Options =>
  "baseUrl" in options
    ? { ...options, instanceId }
    : { ...options, instanceId, enforced: { ...Permissions.baseline(agentsIn(options.config)), ...settings } }

/** The agents that the app's own configuration describes. */
const agentsIn = (config: Readonly<Record<string, unknown>> | undefined): ReadonlyArray<string> => {
  const agents = config?.["agent"]
  return typeof agents === "object" && agents !== null ? Object.keys(agents) : []
}
