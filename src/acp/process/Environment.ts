/**
 * What an agent's process is started with: the variables that a program of this user needs, the agent's own and those
 * that the app names, and no other of this process. Beside them what makes the session's mode hold, and what keeps the
 * agent from reading a project that the app does not trust.
 */
import { Effect, Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as IsolatedHome from "../../adapter/IsolatedHome.ts"
import type { Launch, Profile } from "../Profile.ts"

export interface EnvironmentOptions {
  /**
   * Names of variables of this process that the agent gets beside `AgentEnvironment.base` and its own:
   * `["AZURE_API_KEY"]`. A name may end in `*`. Nothing else is inherited.
   */
  readonly inherit?: ReadonlyArray<string> | undefined
  /** Additional environment; `undefined` removes a variable. */
  readonly env?: AgentEnvironment.Variables | undefined
  /**
   * By default the agent uses the user's own home, with configuration, login and sessions. `true` gives each process a
   * home of its own that is removed when it stops, so its sessions cannot be resumed; `{ folder }` one that stays.
   * `files` are written there before each start, by their paths in it.
   */
  readonly isolated?:
    | boolean
    | { readonly folder?: string | undefined; readonly files?: Readonly<Record<string, string>> | undefined }
    | undefined
}

export interface Environment {
  readonly variables: AgentEnvironment.Variables
  readonly flags: ReadonlyArray<string>
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
  readonly redact: (text: string) => string
}

export const make = Effect.fnUntraced(function*(
  profile: Profile,
  options: EnvironmentOptions,
  launches: ReadonlyArray<Launch>
): Effect.fn.Return<Environment, PlatformError, AgentEnvironment.Needs> {
  const inherited = AgentEnvironment.pick([...AgentEnvironment.base, ...profile.inherit, ...options.inherit ?? []])
  const { isolated = false } = options
  const home = isolated === false ? {} : yield* homeOf(profile, isolated === true ? {} : isolated)
  const launched = yield* Effect.forEach(launches, launchedWith)
  return {
    variables: Object.assign(
      { ...inherited, ...profile.variables, ...home, ...options.env, ...profile.pinned },
      ...launched.map(({ variables }) => variables)
    ),
    flags: launched.flatMap(({ flags }) => flags),
    secrets: AgentEnvironment.secrets(inherited, options.env),
    redact: AgentEnvironment.redactor(inherited, options.env)
  }
})

const homeOf = Effect.fnUntraced(function*(
  { home = {}, homeFiles }: Profile,
  { files, folder }: Exclude<EnvironmentOptions["isolated"], boolean | undefined>
) {
  const path = yield* Path.Path
  const made = yield* IsolatedHome.make({
    ...(folder === undefined ? {} : { folder: path.resolve(folder) }),
    variables: home,
    folders: ["tmp"],
    files: { ...files, ...homeFiles }
  })
  return { ...made.variables, TMPDIR: path.join(made.folder, "tmp") }
})

/** Not in the agent's home: it could change them there. */
const launchedWith = Effect.fnUntraced(function*(
  { fileVariables = {}, files = {}, flags = [], variables = {} }: Launch
) {
  if (Object.keys(files).length === 0) return { variables, flags }
  const path = yield* Path.Path
  const folder = yield* AgentEnvironment.privateFolder("effect-coding-agents-acp-")
  for (const [name, content] of Object.entries(files)) yield* AgentEnvironment.privateFile(folder, name, content)
  const named = Object.entries(fileVariables).map(([name, file]) => [name, path.join(folder, file)])
  return {
    variables: { ...variables, ...Object.fromEntries(named) },
    flags
  }
})
