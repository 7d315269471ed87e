/**
 * The machine that an agent's process runs on, and the one that its private folders lie on: what is done there by a
 * process id or a path. Both are this machine unless an adapter's Layer was given others (`AgentHost.layer`).
 *
 * They may differ. A spawner that runs `ssh there agent` answers the ids of processes here, while the folders are there.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, type Option } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { rm } from "node:fs/promises"
import * as ProcessGroup from "./ProcessGroup.ts"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import * as ProcessTable from "./ProcessTable.ts"

/**
 * What is done to a process by its id, on the machine whose ids a spawner answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostProcesses {
  /** Which machine, by a name that no other has, and which boot of it (empty where that is not known). */
  readonly here: Effect.Effect<Pick<ProcessIdentity.ProcessIdentity, "host" | "boot">>
  /** When the process started, in words that are only compared; none if it has ended. */
  readonly startTime: (pid: number) => Effect.Effect<Option.Option<string>>
  /** Asks the process group to end, and ends it after the deadline. */
  readonly endGroup: (leader: number, deadline: Duration.Input) => Effect.Effect<void>
  /**
   * Ends the targets and what they left behind, and answers how many processes there were. Where it fails they stay
   * recorded.
   */
  readonly end: (targets: ReadonlyArray<ProcessTable.Target>) => Effect.Effect<number, PlatformError>
}

/**
 * Default: this machine.
 *
 * @category references
 * @since 0.1.0
 */
export const HostProcesses = Context.Reference<HostProcesses>("effect-coding-agents/HostProcesses", {
  defaultValue: () => ({
    here: ProcessIdentity.here,
    startTime: ProcessIdentity.startTime,
    endGroup: ProcessGroup.end,
    end: ProcessTable.end
  })
})

/**
 * The machine that agents' private folders are on.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostFolders {
  readonly host: Effect.Effect<string>
  /** Removes the folder with all that is in it. Where it fails the folder stays recorded. */
  readonly remove: (folder: string) => Effect.Effect<void, unknown>
}

/**
 * Default: this machine.
 *
 * @category references
 * @since 0.1.0
 */
export const HostFolders = Context.Reference<HostFolders>("effect-coding-agents/HostFolders", {
  defaultValue: () => ({
    host: ProcessIdentity.HostName,
    remove: (folder) => Effect.tryPromise(() => rm(folder, { recursive: true, force: true }))
  })
})
