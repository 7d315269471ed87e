/**
 * The record of every agent process that this host starts, and of every folder that is its alone. None of them outlives
 * the host.
 *
 * An adapter records each process before it spawns it, in the process's scope, and puts {@link ProcessRecord.marker} into
 * the process's environment as {@link markerVariable}. Agents hand their environment down to the tools that they run, so
 * the marker also finds a tool that outlived its agent, and an agent whose host was killed before it could note the
 * process id. After a crash of the host the next boot ends what is recorded, and only that: a process is ours if its pid
 * AND its start time are the recorded ones, or if it carries the marker.
 *
 * Only Linux shows the environments of processes. Elsewhere the process id is all there is, and a host that is killed
 * in the instant between the spawn and its note leaves the agent behind.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { InstanceId } from "../domain/Ids.ts"

/**
 * Name of the environment variable that carries the marker. The marker is an identifier, not a secret.
 *
 * @category constants
 * @since 0.1.0
 */
export const markerVariable = "EFFECT_CODING_AGENTS_PROCESS"

/**
 * An agent that is about to be spawned.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessRecord {
  /** Unique per agent; to be put into its environment. */
  readonly marker: string
  /** Notes the process, once there is one. */
  readonly spawned: (pid: number) => Effect.Effect<void>
}

/**
 * The record of running agents. The store's Layer provides one that survives a crash.
 *
 * @category services
 * @since 0.1.0
 */
export class AgentProcesses extends Context.Service<AgentProcesses, {
  /**
   * Records an agent until the scope closes. Closing the scope also ends what the process left behind: tools that carry
   * the marker.
   */
  readonly record: (instanceId: InstanceId) => Effect.Effect<ProcessRecord, never, Scope.Scope>
  /**
   * Records a folder that is about to be made, by its absolute path, until the scope closes. It belongs to this host
   * alone: the boot after a crash removes it.
   */
  readonly recordFolder: (path: string) => Effect.Effect<void, never, Scope.Scope>
}>()("effect-coding-agents/AgentProcesses") {
  /** Records nothing: for adapters used without a store. A crash of the host then leaves the agent behind. */
  static readonly layerNoop = Layer.succeed(AgentProcesses, {
    record: () => Effect.succeed({ marker: "unrecorded", spawned: () => Effect.void }),
    recordFolder: () => Effect.void
  })
}
