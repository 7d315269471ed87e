/**
 * The record of every agent process that this host has started. None of them outlives the host.
 *
 * An adapter records each process it spawns, in the process's scope, and puts {@link ProcessRecord.marker} into the
 * process's environment as {@link markerVariable}. Agents hand their environment down to the tools that they run, so
 * the marker also finds a tool that outlived its agent. After a crash of the host the next boot ends what is recorded,
 * and only that: a process is ours if its pid AND its start time are the recorded ones, or if it carries the marker.
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
 * What is recorded of a running agent.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessRecord {
  readonly instanceId: InstanceId
  readonly pid: number
  /** Unique per spawned agent. */
  readonly marker: string
  /** A folder that belongs to this process alone. The boot that ends the process after a crash removes it. */
  readonly folder?: string | undefined
}

/**
 * The record of running agents. The store's Layer provides one that survives a crash.
 *
 * @category services
 * @since 0.1.0
 */
export class AgentProcesses extends Context.Service<AgentProcesses, {
  /** A fresh marker, to be put into the environment before the process is spawned. */
  readonly makeMarker: Effect.Effect<string>
  /**
   * Records a running process until the scope closes. Closing the scope also ends what the process left behind: tools
   * that carry the marker.
   */
  readonly record: (process: ProcessRecord) => Effect.Effect<void, never, Scope.Scope>
}>()("effect-coding-agents/AgentProcesses") {
  /** Records nothing: for adapters used without a store. A crash of the host then leaves the agent behind. */
  static readonly layerNoop = Layer.succeed(AgentProcesses, {
    makeMarker: Effect.succeed("unrecorded"),
    record: () => Effect.void
  })
}
