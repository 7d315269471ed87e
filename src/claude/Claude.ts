/**
 * Claude Code (2.1.332) as a provider: add `Claude.layer()` to an app and it is there.
 *
 * Each session has a `claude` of its own, with the user's settings and login, for as long as it is live. The user brings the
 * executable.
 *
 * **Gotchas**
 *
 * - A live session takes about 200 MB. `CodingAgents.layer` has a cap on live sessions, and its reaper ends idle ones.
 * - A key of the API is used only where the app hands it over (`inherit: ["ANTHROPIC_API_KEY"]`): it would take the place of
 *   the user's subscription without a word.
 * - Claude has no lock on a session: where a terminal has it open as well, one of the two branches is lost.
 * - Of a directory that is not trusted Claude reads nothing; its CLAUDE.md and its deny rules are handed over.
 *
 * **Example**
 *
 * ```ts
 * const App = CodingAgents.layer({
 *   agents: Claude.layer(),
 *   store: SessionStore.layerSqlite({ filename: "threads.db" })
 * }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, Layer, Stream } from "effect"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import * as Cli from "./process/Cli.ts"
import { capabilities } from "./protocol/Capabilities.ts"
import { provider } from "./protocol/Cursor.ts"
import * as Account from "./session/Account.ts"
import * as Listing from "./session/Listing.ts"
import * as Offers from "./session/Offers.ts"
import * as Session from "./session/Session.ts"
import { reserved } from "./session/SessionStart.ts"

/**
 * Where Claude is found, what it is started with, and what its sessions may use of the user's settings.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Session.Options {
  /** Default: `claude`. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
  /** What sessions take of a directory that nothing else is said of. Default: by their runtime mode. */
  readonly projectConfig?: ProjectConfig | undefined
}

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
 * The adapter alone, not registered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}) => {
  const instanceId = InstanceId.make(options.instanceId ?? "claude")
  return Adapter.make({
    provider,
    instanceId,
    capabilities,
    reserved,
    projectConfig: options.projectConfig,
    offers: (input) => Offers.read(instanceId, options, input),
    check: Account.check(instanceId, options),
    signIn: (method) => Stream.unwrap(Account.signIn(instanceId, options, method)),
    startSession: (input) => Session.make(instanceId, options, input),
    listSessions: (query) =>
      Effect.flatMap(Cli.environment(instanceId, options), ({ config }) => Listing.list(config, query))
  })
}
