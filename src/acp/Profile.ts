/**
 * All that differs from one ACP agent to the next, as data and small pure functions. What an agent tells in its answer
 * to `initialize` (whether it resumes, lists, loads; which modes it has) is asked of it and stands in no profile.
 *
 * @since 0.1.0
 */
import { type Duration, type Effect, type FileSystem, type Path, Predicate } from "effect"
import type * as CheckAnswer from "../adapter/CheckAnswer.ts"
import type { SessionId } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { TurnFailure } from "../domain/TurnFailure.ts"
import type { Usage } from "../domain/Usage.ts"
import type { Question, QuestionAnswer } from "../domain/UserRequest.ts"
import type { Capabilities } from "../provider/ProviderAdapter.ts"
import type { AgentRefusal } from "./protocol/Failure.ts"
import type { Permission } from "./protocol/Request.ts"
import type { ToolCall } from "./protocol/ToolCall.ts"

export type { AgentRefusal, Permission, ToolCall }

/**
 * How a runtime mode is made to hold. `mode` is the agent's own mode, which is set; absent for an agent that has none.
 * `answer` is what its permission requests are answered with: `ask` the user, `allow` or `deny` without a question, or
 * `edits`: allow changes of files inside the directory, and ask for everything else.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mode {
  readonly mode?: string | undefined
  readonly answer: "ask" | "edits" | "allow" | "deny"
  readonly launch?: Launch | undefined
  /** It holds by files of its home (`homeFiles`), so only where that is isolated. */
  readonly isolated?: boolean | undefined
}

/**
 * What a process is started with beside what it always has: files in a folder of ours, variables that name them (by the
 * file's name) or hold a value, and flags.
 *
 * @category models
 * @since 0.1.0
 */
export interface Launch {
  readonly files?: Readonly<Record<string, string>> | undefined
  readonly fileVariables?: Readonly<Record<string, string>> | undefined
  readonly variables?: Readonly<Record<string, string>> | undefined
  readonly flags?: ReadonlyArray<string> | undefined
}

/**
 * A command as the agent tells of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  readonly name: string
  readonly _meta?: unknown
}

/**
 * Requests of the agent's own that ask the user.
 *
 * @category models
 * @since 0.1.0
 */
export interface OwnRequests {
  /** The permission request that one amounts to, as the protocol would have it; `undefined`: it is refused. */
  readonly permissionOf: (method: string, params: unknown) => object | undefined
  /** What is answered to it, from the answer to that. */
  readonly answerOf: (answer: object) => object
}

/**
 * A tool of an MCP server.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpTool {
  readonly server: string
  readonly tool: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  /** Also the name of the instance, unless the app gives one. */
  readonly provider: string
  readonly command: {
    /** As a user types it. */
    readonly name: string
    /** The variable that may hold the executable's path. */
    readonly variable: string
    readonly args: ReadonlyArray<string>
    /** The npm package that has it, and the executable in that, or in its package for this system. */
    readonly npm?: { readonly name: string; readonly package?: string | undefined; readonly file: string } | undefined
  }
  /** The oldest version that is accepted. Default: any. */
  readonly needed?: string | undefined
  /** Names of variables that the agent gets beside `AgentEnvironment.base`. */
  readonly inherit: ReadonlyArray<string>
  /** Variables that it always has. */
  readonly variables?: Readonly<Record<string, string>> | undefined
  /**
   * Variables that would loosen what a mode holds the agent to, with the values that do not; `undefined`: it has none.
   * Neither the user's environment nor the app's overrules them, and a session's setup must not name them.
   */
  readonly pinned?: Readonly<Record<string, string | undefined>> | undefined
  /** Names of further variables that a session's setup must not set, those that lead to files of settings above all. */
  readonly reserved?: ReadonlyArray<string> | undefined
  /** The agent's own variables that lead it into an isolated home. */
  readonly home?: Readonly<Record<string, string>> | undefined
  /** Files that an isolated home always has, by their paths in it. */
  readonly homeFiles?: Readonly<Record<string, string>> | undefined
  /** The way to log in that is asked for before a session. Default: none; the agent has its credentials. */
  readonly login?: string | undefined
  /**
   * How it is kept from reading an untrusted project. Without it, it is started only in projects that the app trusts.
   */
  readonly distrust?: ((directory: string) => Launch) | undefined
  /** What makes it read a project that the app trusts, for an agent that does not by itself. */
  readonly trust?: Launch | undefined
  /**
   * Whether what the user has told the agent, or what lies in the project, overrules `distrust`: then the start is refused.
   */
  readonly overrules?:
    | ((
      directory: string,
      variables: Readonly<Record<string, string | undefined>>
    ) => Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path>)
    | undefined
  /**
   * What it reads of a project, as paths in that: files of words for the model, and files and folders that change what
   * it does.
   */
  readonly project?:
    | { readonly instructions: ReadonlyArray<string>; readonly settings: ReadonlyArray<string> }
    | undefined
  readonly modes: Partial<Readonly<Record<RuntimeMode, Mode>>>
  /** Its own mode for a turn that is to plan; it must allow no more than the others. Default: it has none. */
  readonly plan?: string | undefined
  /** What the agent can do beside the least; what it has not is refused. */
  readonly capabilities: Partial<Capabilities>
  /** Parts of a session's setup that it takes beside MCP servers, variables and instructions, or does not take. */
  readonly setup?: Partial<Capabilities["setup"]> | undefined
  /** The versions that it was tested with, and the commands that install and sign in. Default: it has no check. */
  readonly check?: CheckAnswer.Known | undefined
  /**
   * Whether one of its commands is offered. None may loosen what a runtime mode holds the agent to, or replace its
   * session. Default: none is.
   */
  readonly isOffered?: ((command: Command) => boolean) | undefined
  /**
   * What of `session/new` gives a session an id of ours, so that `listSessions` leaves it out: an agent's list does not
   * tell who has made a session. Without it an agent cannot declare `adopt`.
   */
  readonly withId?: ((sessionId: string) => object) | undefined
  /** It lists the sessions of one directory, and not those of all. */
  readonly listsDirectories?: boolean | undefined
  /** From when on a session can be resumed: as soon as it is there, or after its first turn. */
  readonly resumable: "at-once" | "after-turn"
  /**
   * Whether an error of `session/resume` or `session/load` proves that the session is gone, if the code -32002 and the
   * absence from `session/list` do not.
   */
  readonly isMissing?: ((error: AgentRefusal) => boolean) | undefined
  /**
   * Proof that a session is gone, for an agent that does not tell: its files are not there. `variables` are its
   * environment.
   */
  readonly proveMissing?:
    | ((
      sessionId: SessionId,
      variables: Readonly<Record<string, string | undefined>>
    ) => Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path>)
    | undefined
  /** Whether this version can be trusted with a session that is to be resumed. Default: every one can that says so. */
  readonly resumes?: ((version: string) => boolean) | undefined
  /**
   * The texts that bring a prompt to the model as words, where the agent would take it for a command; `undefined` where
   * there are none, and the turn is refused.
   */
  readonly literal: (prompt: string) => ReadonlyArray<string> | undefined
  /** It makes one line of several texts, so it is given one. */
  readonly joinsTexts?: boolean | undefined
  /**
   * Whether it would read files that such a text names, unasked. The prompt is sent as resources then, which it leaves as
   * they are. Default: it reads none.
   */
  readonly mentions?: ((text: string) => boolean) | undefined
  /** The usage of one call of the model, from an update or from the answer to a prompt. */
  readonly usageOf?: ((frame: unknown) => Usage | undefined) | undefined
  /**
   * A tool call as the protocol would have it, from all that is known of it: its kind, its input. One that starts other
   * agents is of the kind `subagent`, which the protocol lacks.
   */
  readonly refine?: ((call: ToolCall) => ToolCall) | undefined
  readonly commandOf?: ((call: ToolCall) => string | undefined) | undefined
  readonly toolOf?: ((call: ToolCall) => string | undefined) | undefined
  /** The tool of an MCP server that is called, where the call tells so by more than words for a human. */
  readonly mcpOf?: ((call: ToolCall) => McpTool | undefined) | undefined
  readonly outputOf?:
    | ((call: ToolCall) => { readonly output?: string | undefined; readonly exitCode?: number | undefined } | undefined)
    | undefined
  /** Fields of a tool's input that change nothing of what it does. */
  readonly comments?: ReadonlyArray<string> | undefined
  /**
   * What supervised modes answer by themselves: to allow a call, or not to, for an agent that is made to ask for all, or that
   * does more than it has asked for. `trusted` is whether the app trusts the project.
   */
  readonly ruleOf?: ((call: ToolCall, trusted: boolean) => boolean | undefined) | undefined
  /** A permission request that is a question. */
  readonly questionsOf?: ((asked: Permission) => ReadonlyArray<Question> | undefined) | undefined
  readonly questionAnswer?: ((asked: Permission, answer: QuestionAnswer) => object) | undefined
  readonly requests?: OwnRequests | undefined
  /** A notification of the agent's own, as the update of the protocol that it amounts to. */
  readonly updateOf?: ((method: string, params: unknown) => object | undefined) | undefined
  /** Why a turn failed, where the code alone does not tell. */
  readonly failureOf?: ((error: AgentRefusal) => TurnFailure | undefined) | undefined
  /** The agent's current mode, in a notification of its own. */
  readonly modeOf?: ((method: string, params: unknown) => string | undefined) | undefined
  /**
   * Methods of notifications and requests of the agent's own that say nothing to a reader. A name may end in `*`.
   * Requests are refused.
   */
  readonly ignored?: ReadonlyArray<string> | undefined
  /** How long it may take to end once its stdin has; zero for one that does not heed it. Default: 5 seconds. */
  readonly stopGrace?: Duration.Input | undefined
}

/**
 * A text in what an agent tells, by the names that lead to it; `undefined` where there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const textIn = (value: unknown, ...path: ReadonlyArray<string>): string | undefined => {
  let at = value
  for (const name of path) at = Predicate.isReadonlyObject(at) ? at[name] : undefined
  return typeof at === "string" ? at : undefined
}

/**
 * The tool of an MCP server that a name like `mcp__server__tool` is of; `undefined`: it is of none. A server whose own name
 * has two underscores is told from its tool only where the agent tells it by itself.
 *
 * @category getters
 * @since 0.1.0
 */
export const mcpNamed = (name: string | null | undefined): McpTool | undefined => {
  const [, server, tool] = /^mcp__(.+?)__(.+)$/s.exec(name ?? "") ?? []
  return server === undefined || tool === undefined ? undefined : { server, tool }
}

/**
 * What words are for an agent of which no escape is known: all but what begins with a slash.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wordsAlone = (prompt: string): ReadonlyArray<string> | undefined =>
  prompt.trimStart().startsWith("/") ? undefined : [prompt]

/**
 * What words are for an agent that passes over blank texts, or takes what stands behind an exclamation mark or a dollar
 * for a command too: behind words of ours.
 *
 * @category constructors
 * @since 0.1.0
 */
export const quoted = (prompt: string): ReadonlyArray<string> =>
  /^\s*[/!$]/.test(prompt) ? [`The user wrote:\n${prompt}`] : [prompt]

/**
 * What words are for an agent that looks for a command only at the beginning of the first text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const afterBlank = (prompt: string): ReadonlyArray<string> =>
  prompt.trimStart().startsWith("/") ? ["\n", prompt] : [prompt]
