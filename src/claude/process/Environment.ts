/**
 * What Claude is started with: the variables that a program of this user needs, Claude's own and those that the app names,
 * and no other of this process.
 *
 * A key of the API in Claude's environment takes the place of the user's subscription without a word, so `ANTHROPIC_API_KEY`
 * and `ANTHROPIC_AUTH_TOKEN` are there only where the app names them.
 */
import { Effect, Path, Redacted } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { homedir } from "node:os"
import { platform } from "node:process"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as IsolatedHome from "../../adapter/IsolatedHome.ts"

export interface EnvironmentOptions {
  /**
   * Names of variables of this process that Claude gets beside `AgentEnvironment.base` and its own: `["ANTHROPIC_API_KEY"]`.
   * A name may end in `*`. Nothing else is inherited.
   */
  readonly inherit?: ReadonlyArray<string> | undefined
  /** Additional environment; `undefined` removes a variable. */
  readonly env?: AgentEnvironment.Variables | undefined
  /**
   * By default Claude uses the user's own configuration (`CLAUDE_CONFIG_DIR`, else `~/.claude`), with settings, login and
   * sessions. `true` gives each session a home of its own that is removed when it stops, so it cannot be resumed;
   * `{ folder }` one that stays.
   */
  readonly isolated?: boolean | { readonly folder: string } | undefined
}

export interface Environment {
  readonly variables: AgentEnvironment.Variables
  /** Where Claude keeps its sessions. */
  readonly config: string
  readonly redact: (text: string) => string
  /** What must not be told by the agent. */
  readonly secrets: ReadonlyArray<string>
}

export const make = Effect.fnUntraced(function*(
  options: EnvironmentOptions
): Effect.fn.Return<Environment, PlatformError, AgentEnvironment.Needs> {
  const path = yield* Path.Path
  const inherited = AgentEnvironment.pick([
    ...AgentEnvironment.base,
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    ...options.inherit ?? []
  ])
  const { isolated = false } = options
  const home = isolated === false ? {} : yield* makeHome(isolated)
  const given: AgentEnvironment.Variables = { ...inherited, ...home, ...options.env }
  const variables: AgentEnvironment.Variables = { ...given, ...pinned, ...yield* hiding(given) }
  const { CLAUDE_CONFIG_DIR: config, HOME = homedir() } = given
  return {
    variables,
    config: typeof config === "string" ? config : path.join(typeof HOME === "string" ? HOME : homedir(), ".claude"),
    redact: AgentEnvironment.redactor(inherited, options.env),
    secrets: AgentEnvironment.secrets(inherited, options.env)
  }
})

const pinned: AgentEnvironment.Variables = {
  // In the simple mode no hook is called, and the answer to `initialize` does not say so.
  CLAUDE_CODE_SIMPLE: "",
  // With another one, what is added to a turn comes to the model as the system's words.
  CLAUDE_CODE_ENTRYPOINT: "sdk-ts",
  // Claude sends itself what `.claude/scheduled_tasks.json` of the directory says, as words of the user's (2.1.332).
  CLAUDE_CODE_DISABLE_CRON: "1",
  DISABLE_AUTOUPDATER: "1",
  // By them a rewind takes files back.
  CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: "true"
}

const credentials = new Set(["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"])

/**
 * Commands inherit Claude's environment, so they run in a shell that forgets its credentials. Claude's own way
 * (`CLAUDE_CODE_SUBPROCESS_ENV_SCRUB`) does not start without bubblewrap (2.1.332).
 */
const hiding = Effect.fnUntraced(function*(given: AgentEnvironment.Variables) {
  const hidden = Object.keys(given).filter((name) => credentials.has(name) || Redacted.isRedacted(given[name]))
  if (hidden.length === 0 || platform === "win32") return {}
  const folder = yield* AgentEnvironment.privateFolder("claude-shell-")
  return { SHELL: yield* AgentEnvironment.hidingShell({ folder, hidden, unsupported: ["fish", "nu"] }) }
})

const makeHome = Effect.fnUntraced(function*(isolated: true | { readonly folder: string }) {
  const path = yield* Path.Path
  const { variables } = yield* IsolatedHome.make({
    ...(isolated === true ? {} : { folder: path.resolve(isolated.folder) }),
    variables: { CLAUDE_CONFIG_DIR: "claude" }
  })
  return variables
})
