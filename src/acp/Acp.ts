/**
 * Any agent that speaks the Agent Client Protocol (v1) over stdio, as a provider: an adapter, and a {@link Profile} for
 * what differs from one agent to the next. Agents with a profile have a layer of their own, `Qwen.layer()` for example.
 *
 * Each session has a process of its own for as long as it is live. The provider is named after the agent, so that
 * cursors of two agents are never taken for each other.
 *
 * **Gotchas**
 *
 * - The protocol does not say that a prompt has come. One of which nothing more is known ends as unknown, and is not
 *   sent again.
 * - The agent reads and writes files and runs commands itself: how far a mode holds is how far the agent asks.
 *
 * @since 0.1.0
 */
import { type FileSystem, type Layer, type Path, Struct } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId, ProviderName } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import type { AgentProcesses } from "../process/AgentProcesses.ts"
import type { Capabilities } from "../provider/ProviderAdapter.ts"
import type { InstanceExists, ProviderRegistry } from "../provider/ProviderRegistry.ts"
import type { Profile } from "./Profile.ts"
import * as Session from "./session/Session.ts"

/**
 * Where the agent is found, and what it is started with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Session.Options {
  /** Default: the name of the provider. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
  /** What holds of projects for sessions that are not told otherwise. Default: what the service decides. */
  readonly projectConfig?: ProjectConfig | undefined
}

/**
 * What an agent with this profile can do at most. One that cannot be kept from reading what lies in a project is
 * started only in projects that the app trusts.
 *
 * @category getters
 * @since 0.1.0
 */
export const capabilities = (profile: Profile): Capabilities => ({
  ...Adapter.least,
  compactionGate: "observe-only",
  autoCompaction: "always",
  setup: { ...Adapter.least.setup, environment: "per-instance", arguments: "per-instance" },
  ...profile.capabilities,
  projectConfig: profile.distrust === undefined ? ["trust"] : ["trust", "instructions", "ignore"],
  runtimeModes: Struct.keys(profile.modes)
})

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (profile: Profile, options: Options = {}): Layer.Layer<
  never,
  InstanceExists,
  | ProviderRegistry
  | ChildProcessSpawner.ChildProcessSpawner
  | FileSystem.FileSystem
  | Path.Path
  | AgentProcesses
> => {
  const instanceId = InstanceId.make(options.instanceId ?? profile.provider)
  const declared = capabilities(profile)
  return Adapter.layer({
    provider: ProviderName.make(profile.provider),
    instanceId,
    capabilities: declared,
    projectConfig: options.projectConfig,
    startSession: (input) => Session.make(instanceId, profile, declared, options, input)
  })
}
