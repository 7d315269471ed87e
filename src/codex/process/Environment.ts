/**
 * What an app-server is started with. It has the variables that a program of this user needs, Codex's own and those that the
 * app names, and no other of this process.
 *
 * Commands inherit the app-server's environment, so Codex is told to leave out whatever looks like a key, a secret or a
 * token, which it does not by itself (0.171.0). MCP servers are given what their configuration names.
 */
import { Effect, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as IsolatedHome from "../../adapter/IsolatedHome.ts"

export interface EnvironmentOptions {
  /**
   * Names of variables of this process that Codex gets beside `AgentEnvironment.base` and its own: `["AZURE_API_KEY"]`. A
   * name may end in `*`. Nothing else is inherited.
   */
  readonly inherit?: ReadonlyArray<string> | undefined
  /** Additional environment; `undefined` removes a variable. */
  readonly env?: AgentEnvironment.Variables | undefined
  /**
   * By default Codex uses the user's own home (`CODEX_HOME`), with configuration, login and sessions. `true` gives each
   * app-server a home of its own that is removed when it stops, so its sessions cannot be resumed; `{ folder }` one that stays.
   */
  readonly isolated?: boolean | { readonly folder: string } | undefined
}

export interface Environment {
  readonly variables: AgentEnvironment.Variables
  readonly redact: (text: string) => string
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
}

export const make = Effect.fnUntraced(function*(
  options: EnvironmentOptions
): Effect.fn.Return<Environment, PlatformError, AgentEnvironment.Needs> {
  const inherited = AgentEnvironment.pick([
    ...AgentEnvironment.base,
    "CODEX_HOME",
    "CODEX_CA_CERTIFICATE",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    ...options.inherit ?? []
  ])
  const home = options.isolated === undefined || options.isolated === false ? {} : yield* makeHome(options.isolated)
  return {
    variables: AgentEnvironment.loopbackDirect({ ...inherited, ...home, ...options.env }),
    redact: AgentEnvironment.redactor(inherited, options.env),
    secrets: AgentEnvironment.secrets(inherited, options.env)
  }
})

/** Codex makes no helpers for its own `apply_patch` where its home lies in the folder for temporary files. */
const makeHome = Effect.fnUntraced(function*(isolated: true | { readonly folder: string }) {
  const path = yield* Path.Path
  const { folder, variables } = yield* IsolatedHome.make({
    ...(isolated === true ? {} : { folder: path.resolve(isolated.folder) }),
    variables: { CODEX_HOME: "codex" },
    folders: ["tmp"]
  })
  return { ...variables, TMPDIR: path.join(folder, "tmp") }
})

/** Flags of every app-server. */
export const flags: ReadonlyArray<string> = [
  "features.default_mode_request_user_input=true",
  // Else each thread is told that the feature is new.
  "suppress_unstable_features_warning=true",
  "shell_environment_policy.ignore_default_excludes=false",
  "check_for_update_on_startup=false"
].flatMap((setting) => ["-c", setting])
