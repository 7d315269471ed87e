/**
 * OpenCode (1.18.33) as a provider: add `OpenCode.layer()` to an app and it is there.
 *
 * Without options a server is started at the first session, with the user's own configuration and login, shared by the
 * sessions of the instance and stopped some minutes after the last. Sessions whose directory is trusted, and those that do
 * not compact by themselves, have servers of their own: four at most. With `baseUrl` a server that runs already is used.
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
import { Effect, Layer } from "effect"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import { capabilities, external } from "./protocol/Capabilities.ts"
import { provider } from "./protocol/Cursor.ts"
import * as Check from "./server/Check.ts"
import type * as Connections from "./server/Connections.ts"
import * as Offers from "./server/Offers.ts"
import type { ExternalOptions, ManagedOptions } from "./server/Server.ts"
import * as Servers from "./server/Servers.ts"
import * as Listing from "./session/Listing.ts"
import * as Session from "./session/Session.ts"

/**
 * What names an instance.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance {
  /** Default: `opencode`. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
  /**
   * What sessions may take from their directory's own configuration, where the thread does not say. A server that runs
   * already decides that itself: its sessions start with `trust` alone, so set it here or let the app's `trust` say so.
   */
  readonly projectConfig?: ProjectConfig | undefined
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
  extends Instance, Shared, Omit<ManagedOptions, "instanceId" | "enforced" | "plugin" | "base" | "trusting">
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
export const layer = (options: Options = {}): Adapter.AgentLayer =>
  Layer.unwrap(Effect.map(make(options), Adapter.layer))

/**
 * The adapter alone, not registered, for as long as the Scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const instanceId = InstanceId.make(options.instanceId ?? "opencode")
  const servers = yield* Servers.make({ ...options, instanceId })
  return yield* Adapter.make({
    provider,
    instanceId,
    capabilities: "baseUrl" in options ? external : capabilities,
    projectConfig: options.projectConfig,
    offers: ({ directory, projectConfig }) =>
      Effect.flatMap(
        servers.of({ trusting: projectConfig === "trust", compacting: true }).get,
        (connection) => Offers.read(connection, instanceId, directory)
      ),
    check: Check.check(servers.options, servers.main),
    startSession: (input) =>
      Effect.flatMap(
        servers.of({
          trusting: input.projectConfig === "trust",
          compacting: input.compaction?.auto !== false
        }).get,
        (connection) => Session.make(connection, instanceId, input)
      ),
    listSessions: (query) =>
      Effect.flatMap(servers.main.get, (connection) => Listing.list(connection, instanceId, query))
  })
})
