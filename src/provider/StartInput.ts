/**
 * What an adapter is given to start a session, and how that can fail.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { SessionId, ThreadId } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import type {
  AgentStartError,
  CapabilityMissing,
  CopyRejected,
  CursorRejected,
  DirectoryUnreachable,
  DirectoryUnsupported,
  ModelUnavailable,
  PolicyUnenforceable,
  SessionInUse,
  SessionMissing,
  SetupRefused
} from "./AdapterError.ts"
import type { SessionSetup } from "./SessionSetup.ts"
import type { ToolGuard } from "./ToolGuard.ts"

/**
 * The answer to an agent that asks whether it may compact now. `context` goes to the model that writes the summary.
 *
 * @category models
 * @since 0.1.0
 */
export type CompactionVerdict =
  | { readonly _tag: "Allow"; readonly context: ReadonlyArray<string> }
  | { readonly _tag: "Veto"; readonly reason: string }

/**
 * Where a session starts from.
 *
 * @category models
 * @since 0.1.0
 */
export type StartFrom =
  | { readonly _tag: "New" }
  /** A new session. The adapter puts `transcript` into the model's context before the first turn. */
  | { readonly _tag: "Seeded"; readonly transcript: string }
  /** The cursor as it is stored. The adapter decodes it by its own codec. */
  | { readonly _tag: "Resume"; readonly cursor: unknown }
  /** A session that the agent has and that no cursor leads to. `SessionMissing` if there is none of this id. */
  | { readonly _tag: "Adopt"; readonly sessionId: SessionId }
  /**
   * The session of the copies, as they are stored, the whole one first (`NativeCopy.accept` decodes them). It keeps its id;
   * what the agent's home has under that id is replaced.
   */
  | { readonly _tag: "Import"; readonly copies: ReadonlyArray<unknown> }

/**
 * What a session is started with.
 *
 * @category models
 * @since 0.1.0
 */
export interface StartInput {
  readonly threadId: ThreadId
  /** Absolute path of an existing directory (the service has checked it). */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model?: ModelSelection | undefined
  readonly title?: string | undefined
  /**
   * The persona of turns that name none. An adapter whose `agents` are `per-turn` uses it for each of them. A persona that
   * the agent does not have fails the start with `SetupRefused`.
   */
  readonly agent?: string | undefined
  readonly from: StartFrom
  /**
   * What the agent may take from the directory's own configuration, decided by the service; one of `Capabilities.projectConfig`.
   * It holds before anything of the directory is read, as the runtime mode does: for a start, a resume, a fork, a move and
   * all that follows. `trust`: the agent does as it would alone. `instructions`: nothing of the directory runs, connects,
   * or loosens a rule; text for the model and stricter rules stay, read from regular files inside of the directory
   * (`ProjectText` of the kit). `ignore`: nothing is taken. What is found and left out is reported once, after the start,
   * in a `Warning` with the code `project-ignored` (`ProjectText.warning`).
   */
  readonly projectConfig: ProjectConfig
  /** Only parts that the adapter declares as `per-session`. Absent: nothing. */
  readonly setup?: SessionSetup | undefined
  /**
   * The adapter asks it about each tool that the agent asks permission for, before the mode's own rule and what the user has
   * allowed answer, as `Capabilities.toolGuard` says. Absent: there are no guards.
   */
  readonly toolGuard?: ToolGuard | undefined
  /**
   * The session is for one question and is not resumed: once its Scope has closed, nothing of it is in the agent's list of
   * sessions, and no cursor leads to it. Only asked for where the adapter declares `ephemeral`.
   */
  readonly ephemeral?: boolean | undefined
  readonly compaction?: {
    /** Whether the agent may compact by itself when its context is full. */
    readonly auto: boolean
    /**
     * The adapter calls it before each compaction, its own and those asked for, if the agent can be held. It never
     * fails and answers in bounded time. The adapter interrupts it where the agent no longer waits for the answer; where
     * the agent goes on with the compaction, `CompactionStarted` with `unheld` says so. Absent: compactions are not gated.
     */
    readonly gate?: ((trigger: CompactionTrigger) => Effect.Effect<CompactionVerdict>) | undefined
  } | undefined
}

/**
 * What can go wrong when a session is started.
 *
 * @category models
 * @since 0.1.0
 */
export type StartSessionError =
  | AgentStartError
  | SessionMissing
  | SessionInUse
  | CursorRejected
  | CopyRejected
  | CapabilityMissing
  | DirectoryUnreachable
  | DirectoryUnsupported
  | PolicyUnenforceable
  | SetupRefused
  | ModelUnavailable
