/**
 * What a rule is proved on: hosts that are built and torn down on one store file, with the adapter under proof.
 *
 * @since 0.1.0
 */
import { Effect, type Path, type Scope } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import type { LifecycleHooks } from "../../hooks/LifecycleHooks.ts"
import type { Settings } from "../../host/Settings.ts"
import type { Capabilities, ProviderAdapter } from "../../provider/ProviderAdapter.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import { type NotChecked, type Tagged, Violated } from "./Check.ts"
import type { Commands, Controls, Directories, HostileProject, Tool } from "./Fixture.ts"
import type { Prompts } from "./Prompts.ts"

/**
 * What a rule is given. Every bench has a store file and directories of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  readonly capabilities: Capabilities
  readonly prompts: Prompts
  readonly directories: Directories
  /** A name for a file that no other rule uses; rules may share their directories. */
  readonly file: (name: string) => string
  readonly path: Path.Path
  readonly exists: (path: string) => Effect.Effect<boolean>
  /** Whether commands and edits really happen. */
  readonly hands: boolean
  readonly models: readonly [string, string] | undefined
  readonly commands: Commands | undefined
  readonly signIn: string | undefined
  readonly tools: ReadonlyArray<Tool> | undefined
  readonly sessions: number
  /** A hostile project in a new directory. */
  readonly project: (
    name: string
  ) => Effect.Effect<HostileProject & { readonly directory: string }, NotChecked>
  /** Whether the files of the store hold these characters, as they are. */
  readonly inStore: (text: string) => Effect.Effect<boolean>
  /** In milliseconds. */
  readonly patience: number
  /** Runs on a new host on the bench's store file. Its end is an orderly shutdown. */
  readonly onHost: <A, E extends Tagged>(
    use: (host: Host) => Effect.Effect<A, E, Scope.Scope>,
    settings?: Settings
  ) => Effect.Effect<A, E | Tagged>
  /** The adapter delivers something that it does not declare. */
  readonly undeclared: (capability: keyof Capabilities) => Effect.Effect<void>
}

/**
 * One host, with the adapter under proof as its only one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly agents: ProviderService["Service"]
  readonly store: SessionStore["Service"]
  /** Hooks of a rule are registered here. */
  readonly hooks: LifecycleHooks["Service"]
  readonly adapter: ProviderAdapter
  readonly controls: Controls
  readonly bench: Bench
}

/**
 * The thread that a rule uses unless it says otherwise.
 *
 * @category constants
 * @since 0.1.0
 */
export const thread = ThreadId.make("thread")
/**
 * The effect within the agent's patience.
 *
 * @category waiting
 * @since 0.1.0
 */
export const within = <A, E, R>(bench: Bench, what: string, effect: Effect.Effect<A, E, R>) =>
  Effect.timeoutOrElse(effect, {
    duration: bench.patience,
    orElse: () => Effect.fail(new Violated({ expected: what, seen: `nothing in ${bench.patience} ms` }))
  })
