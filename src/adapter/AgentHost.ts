/**
 * The machine that an agent works on, where that is not the service's own: a container, a sandbox, a machine behind `ssh`.
 *
 * An adapter does what it does there by the services of its Layer. {@link layer} gives it those of another machine:
 *
 * - the file system and the paths: its directories, its attachments, the snapshots in a directory, what it reads of a project,
 *   its private folders;
 * - the spawner: its process. One that puts `ssh there` or `docker exec -i box` before each command is enough;
 * - the processes, for a spawner that answers ids which are not this machine's;
 * - dialling, for an agent that listens on a port there (OpenCode).
 *
 * **Gotchas**
 *
 * - Variables (`PATH`, `HOME`) and the places of temporary files and of the user's home are those of the service's
 *   process. Give the agent its own by its `env` and `isolated` options.
 * - What an agent there has to call back (the gate of Codex's and OpenCode's compactions, Grok's approvals) listens on the
 *   service's machine.
 *
 * **Example**
 *
 * ```ts
 * const InBox = Claude.layer({ instanceId: "claude-box", binary: "/usr/bin/claude" }).pipe(
 *   Layer.provide(AgentHost.layer({ name: "box-7", spawner: inBox, fileSystem: filesOfBox }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { ChildProcessSpawner } from "effect/process"
import { HostFolders, HostProcesses } from "../process/HostProcesses.ts"
import * as RegularFile from "../process/RegularFile.ts"
import type { AgentFiles } from "../provider/ProviderAdapter.ts"

/**
 * What is left out is as on this machine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Partial<Omit<AgentFiles, "name">> {
  /** No other machine has this name: what agents leave behind there is recorded under it, in the store. */
  readonly name: string
  readonly spawner?: ChildProcessSpawner.ChildProcessSpawner["Service"] | undefined
  /**
   * For a spawner that answers process ids of the other machine. Without it they are taken for this machine's, as those of
   * a spawner are that puts a command before each command.
   */
  readonly processes?: Processes | undefined
  readonly dial?: Dial | undefined
}

/**
 * What is done to processes of the other machine by their ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Processes extends Omit<HostProcesses, "here"> {
  /** Identifies the boot of the machine; empty where that is not known. */
  readonly boot: Effect.Effect<string>
}

/**
 * Where a program there that listens under this URL (`http://127.0.0.1:4096`) is reached from here, for as long as the
 * Scope is open.
 *
 * @category models
 * @since 0.1.0
 */
export type Dial = (url: string) => Effect.Effect<string, PlatformError, Scope.Scope>

/**
 * How an adapter reaches what listens on its agent's machine. Default: under the same URL.
 *
 * @category references
 * @since 0.1.0
 */
export const Dial = Context.Reference<Dial>("effect-coding-agents/AgentHost/Dial", {
  defaultValue: () => Effect.succeed
})

type Services = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner

/**
 * The services of the other machine, for an adapter's Layer. Processes and folders that a killed service has left behind
 * there are ended and removed when the next one starts an agent there for the first time, before it does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Services, never, Services> =>
  Layer.effectContext(Effect.map(Effect.context<Services>(), (here): Context.Context<Services> => {
    const { dial, fileSystem, name, path, processes, spawner } = options
    return here.pipe(
      Context.pick(FileSystem.FileSystem, Path.Path, ChildProcessSpawner.ChildProcessSpawner),
      (context) => fileSystem === undefined ? context : withFiles(context, name, fileSystem),
      (context) => path === undefined ? context : Context.add(context, Path.Path, path),
      (context) =>
        spawner === undefined ? context : Context.add(context, ChildProcessSpawner.ChildProcessSpawner, spawner),
      (context) => processes === undefined ? context : withProcesses(context, name, processes),
      (context) => dial === undefined ? context : Context.add(context, Dial, dial)
    )
  }))

const withFiles = (context: Context.Context<Services>, name: string, fileSystem: FileSystem.FileSystem) =>
  Context.add(context, FileSystem.FileSystem, fileSystem).pipe(
    Context.add(RegularFile.Elsewhere, fileSystem),
    Context.add(HostFolders, {
      host: Effect.succeed(name),
      remove: (folder) => fileSystem.remove(folder, { recursive: true, force: true })
    })
  )

const withProcesses = (
  context: Context.Context<Services>,
  name: string,
  { boot, end, endGroup, startTime }: Processes
) =>
  Context.add(context, HostProcesses, {
    here: Effect.map(boot, (boot) => ({ host: name, boot })),
    end,
    endGroup,
    startTime
  })
