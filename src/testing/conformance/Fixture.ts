/**
 * What the rules need of the world around an adapter: prompts that make the agent do something, directories to work in,
 * and controls that reach behind the adapter.
 *
 * An agent under proof is controlled by prompts alone. A scripted model, or an agent with a language of its own,
 * recognises them; `PlainPrompts` is a set that all of them can share.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, type Layer, Path, type Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { SessionId } from "../../domain/Ids.ts"
import type { ToolDetail, ToolKind } from "../../domain/Tool.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import type { ProviderRegistry } from "../../provider/ProviderRegistry.ts"
import type { SignInStep } from "../../provider/SignIn.ts"
import type { Prompts } from "./Prompts.ts"

/**
 * What an adapter may ask of its host; `NodeServices.layer` of `@effect/platform-node` is all of it.
 *
 * @category models
 * @since 0.1.0
 */
export type Platform = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner

/**
 * What an adapter's layer may ask for, and no more.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs = ProviderRegistry | AgentProcesses | Platform

/**
 * Real paths of existing directories. All rules may share them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Directories {
  readonly home: string
  /** Another directory of the same project as `home`, by the agent's own idea of a project. */
  readonly sameProject: string
  /** A directory of another project. */
  readonly elsewhere: string
}

/**
 * Controls that reach behind the adapter. A rule that needs a missing one is reported as not checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Controls {
  /** Deletes the session where the agent keeps it. */
  readonly loseSession?: ((sessionId: SessionId) => Effect.Effect<void>) | undefined
  /**
   * Keeps what the agent has of the session now, as a backup does; the inner effect puts it in the place of what the agent has
   * by then. No host has the session open at either time.
   */
  readonly keepSession?: ((sessionId: SessionId) => Effect.Effect<Effect.Effect<void>>) | undefined
  /**
   * Makes a session as the agent's own program does, without this library: its model has `words` in its context.
   */
  readonly makeSession?:
    | ((made: { readonly directory: string; readonly words: string }) => Effect.Effect<SessionId>)
    | undefined
  /** As `kill -9` of the process, or the connection, that this session runs in. */
  readonly crashAgent?: ((sessionId: SessionId) => Effect.Effect<void>) | undefined
  /** How `crashAgent` ends the agent's process. Absent where the process is not the adapter's own. */
  readonly crashExit?: ProcessExit | undefined
  /** The agent cannot be reached until the scope closes; nothing is lost. */
  readonly unreachable?: Effect.Effect<void, never, Scope.Scope> | undefined
  /** Process ids of the agents that were started by this host and are alive, the tools they run included. */
  readonly processes?: Effect.Effect<ReadonlyArray<number>> | undefined
  /** How often this prompt reached the agent or its model as new input, in all sessions. */
  readonly received?: ((prompt: string) => Effect.Effect<number>) | undefined
  /** The model that this prompt was asked of last, as `models` of the fixture names it. */
  readonly askedModel?: ((prompt: string) => Effect.Effect<string | undefined>) | undefined
  /** The names of the tools that the agent has offered its model until now. */
  readonly offeredTools?: Effect.Effect<ReadonlyArray<string>> | undefined
  /** The session's next answer fills the model's context: an agent that compacts by itself does so in that turn. */
  readonly fillContext?: ((sessionId: SessionId) => Effect.Effect<void>) | undefined
  /** What the model was told, whole, each time that it was asked for a summary of this session. */
  readonly summaries?: ((sessionId: SessionId) => Effect.Effect<ReadonlyArray<string>>) | undefined
  /** Until the scope closes, the gate does not load in new sessions. */
  readonly loseGate?: Effect.Effect<void, never, Scope.Scope> | undefined
  /** Ends what has the agent wait for the gate's answer, as `kill -9` of a hook program; the agent goes on without it. */
  readonly passGate?: ((sessionId: SessionId) => Effect.Effect<void>) | undefined
  /** Until the scope closes, the agent's own record of this session lacks the last message that was shown. */
  readonly historyBehind?: ((sessionId: SessionId) => Effect.Effect<void, never, Scope.Scope>) | undefined
  /** Until the scope closes, the agent works on something for this session outside of any turn. */
  readonly backgroundWork?: ((sessionId: SessionId) => Effect.Effect<void, never, Scope.Scope>) | undefined
  /**
   * The agent begins a turn of its own in this idle session, and does in it what this prompt says. Where the fixture has a
   * prompt `linger`, its turn has come before.
   */
  readonly beginTurn?: ((sessionId: SessionId, prompt: string) => Effect.Effect<void>) | undefined
  /** Until the scope closes, the agent offers something else in this directory than before. */
  readonly changeOffers?: ((directory: string) => Effect.Effect<void, never, Scope.Scope>) | undefined
  /** As the user does it: opens the page, enters the code, agrees. */
  readonly agreeOn?: ((page: SignInPage) => Effect.Effect<void>) | undefined
  /** The agent asks for an approval in this session that no turn waits for. */
  readonly askBeside?: ((sessionId: SessionId) => Effect.Effect<void>) | undefined
}

/**
 * A page that the user has to open to sign in.
 *
 * @category models
 * @since 0.1.0
 */
export type SignInPage = Extract<SignInStep, { readonly _tag: "OpenPage" }>

/**
 * One tool of the agent, and how a call of it is to come. One that has several ways to be called may be listed once for
 * each.
 *
 * @category models
 * @since 0.1.0
 */
export interface CalledTool {
  /** As the agent offers it to its model. */
  readonly name: string
  /** Makes the agent call the tool once, and nothing else, then say something. */
  readonly prompt: string
  /**
   * `command` and `file-change`: as an item of that kind, and not as a tool call. `none`: as no item, since it comes as a
   * question, a plan or a mode.
   */
  readonly kind: ToolKind | "command" | "file-change" | "none"
  /** Default: not looked at. */
  readonly detail?: ToolDetail | undefined
}

/**
 * A tool of the agent that the rules call, or that they leave alone, and why.
 *
 * @category models
 * @since 0.1.0
 */
export type Tool = CalledTool | { readonly name: string; readonly uncalled: string }

/**
 * Commands of the agent, by their names.
 *
 * @category models
 * @since 0.1.0
 */
export interface Commands {
  readonly says: string
  readonly resets?: ReadonlyArray<string> | undefined
}

/**
 * A directory in which everything that the agent takes from a project, and that can run something, does: a plugin, a hook,
 * an MCP server, a formatter, a setting.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostileProject {
  /** What each of them makes when it runs, as an absolute path, by a name of it. None is there yet. */
  readonly traces: Readonly<Record<string, string>>
}

/**
 * The world around one adapter under proof.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fixture<Agent = never> {
  /** The instance that the adapter's layer registers. */
  readonly instanceId: string
  readonly platform: Layer.Layer<Platform>
  /** Default: `PlainPrompts`. */
  readonly prompts?: Prompts | undefined
  /** Default: two folders of a project with a `.git` folder, and a folder outside of it. All are removed afterwards. */
  readonly directories?:
    | Effect.Effect<Directories, never, FileSystem.FileSystem | Path.Path | Scope.Scope>
    | undefined
  /** May use what the adapter's layer provides. Default: none. */
  readonly controls?: Effect.Effect<Controls, never, Agent> | undefined
  /** Whether commands and edits really happen in the session's directory. Default: `true`. */
  readonly hands?: boolean | undefined
  /**
   * Lays such a project out in this empty directory, a folder below `home`. Without it, it is not checked that a directory
   * is not trusted.
   */
  readonly project?:
    | ((directory: string) => Effect.Effect<HostileProject, never, FileSystem.FileSystem | Path.Path>)
    | undefined
  /** Two models that the agent offers. Without them the model switch is not checked. */
  readonly models?: readonly [string, string] | undefined
  /**
   * Commands of the agent. `says` is one that answers with its arguments and nothing else; `resets` are names under which the agent would end
   * or replace its session, whether or not it offers them; by default those that agents are known to have (`clear`, `new`, `compact`).
   * Without it, a command that says its arguments is not checked.
   */
  readonly commands?: Commands | undefined
  /** A method of `signIn` that `agreeOn` can do. Without it, signing in is not checked. */
  readonly signIn?: string | undefined
  /**
   * The agent's own tools: all that it offers its model, where there is the control `offeredTools`. Without them it is not
   * checked how they come.
   */
  readonly tools?: ReadonlyArray<Tool> | undefined
  /** How many sessions the machine can bear at once, where each has a process of its own. Default: 50. */
  readonly sessions?: number | undefined
  /** How long the agent may take for any one thing, in milliseconds of the clock. Default: 20,000. */
  readonly patience?: number | undefined
  /**
   * Default: `real`, the Clock of the caller. For an agent that is simulated in this process, `virtual` lets the patience
   * with what never comes pass at once. Such an agent must wait by Effect's Clock, never by timers of Node, and do no I/O
   * but on files. While the process has a child, a socket or a server more than before, time passes as real time does.
   */
  readonly clock?: "real" | "virtual" | undefined
}

/**
 * How long an agent may take for any one thing, in milliseconds, where the fixture does not say.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPatience = 20_000

/**
 * The default `directories`: two folders of a project with a `.git` folder, and a folder outside of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plainDirectories = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "conformance-" }))
  const project = path.join(root, "project")
  const directories: Directories = {
    home: path.join(project, "home"),
    sameProject: path.join(project, "other"),
    elsewhere: path.join(root, "elsewhere")
  }
  for (const directory of [path.join(project, ".git"), ...Object.values(directories)]) {
    yield* fs.makeDirectory(directory, { recursive: true })
  }
  return directories
}).pipe(Effect.orDie)
