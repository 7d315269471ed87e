/**
 * Codex (0.171.0) as a provider: add `Codex.layer()` to an app and it is there.
 *
 * Sessions share a `codex app-server`, which has the user's configuration and login, and ends with the last of them.
 *
 * **Gotchas**
 *
 * - An approved command may run outside of Codex's sandbox. In `approval-required` and `auto-accept-edits` each command is
 *   asked for, those that only read too.
 * - Codex compacts by itself when its context is full, and this cannot be switched off. With `compaction: { auto: false }`
 *   such a compaction is vetoed, which ends the user's turn as `ContextOverflow`.
 * - A thread can be resumed only once its first turn has begun; before that it is on no disk.
 * - Of a project that is not trusted Codex reads nothing; its AGENTS.md is read by us, its `.codex` folder is left out.
 *
 * **Example**
 *
 * ```ts
 * const App = CodingAgents.layer({
 *   agents: Codex.layer({ config: { model: "gpt-6.2-sol" } }),
 *   store: SessionStore.layerSqlite({ filename: "threads.db" })
 * }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, type FileSystem, Layer, type Path, Ref, Scope, Semaphore } from "effect"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import type { AgentProcesses } from "../process/AgentProcesses.ts"
import * as AppServers from "./process/AppServers.ts"
import * as Gate from "./process/Gate.ts"
import { capabilities } from "./protocol/Capabilities.ts"
import { provider } from "./protocol/Cursor.ts"
import * as Session from "./session/Session.ts"
import { reserved } from "./session/Setup.ts"

/**
 * Where Codex is found, what it is started with, and what its threads are told.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Session.Options {
  /** Default: `codex`. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
  /** What sessions may take from their directory's own configuration, where the thread does not say. */
  readonly projectConfig?: ProjectConfig | undefined
  /** How many sessions an app-server has at most; further ones get another. Default: 50. */
  readonly sessionsPerServer?: number | undefined
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
 * The adapter alone, not registered, for as long as the Scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options = {}) {
  const instanceId = InstanceId.make(options.instanceId ?? "codex")
  const scope = yield* Effect.scope
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path | AgentProcesses>()
  const made = yield* Ref.make<Gate.Gate | undefined>(undefined)
  const lock = yield* Semaphore.make(1)
  // One for the instance, since Codex trusts the hook by its command.
  const gate = Effect.gen(function*() {
    const known = yield* Ref.get(made)
    if (known !== undefined) return known
    const gate = yield* Gate.make(instanceId).pipe(Scope.provide(scope), Effect.provide(files))
    yield* Ref.set(made, gate)
    return gate
  }).pipe(lock.withPermits(1))
  const servers = AppServers.make(options.sessionsPerServer ?? 50)
  const instance: Session.Instance = { instanceId, options, servers, gate }
  return yield* Adapter.make({
    provider,
    instanceId,
    capabilities,
    projectConfig: options.projectConfig,
    reserved,
    offers: (input) => Session.offers(instance, input),
    check: Session.check(instance),
    signIn: (method) => Session.signIn(instance, method),
    startSession: (input) => Session.make(instance, input),
    listSessions: (query) => Session.listSessions(instance, query)
  })
})
