/**
 * What a managed OpenCode server is started with: its environment, its configuration and its private folder.
 *
 * OpenCode 1.18.33 merges, later wins: the user's global files, the `OPENCODE_CONFIG` file, the project's files,
 * `OPENCODE_CONFIG_CONTENT`. The app's `config` is given as the file, with mode 0600 in a private folder, because it may
 * hold keys; our own settings are the content, so nothing but an administrator's managed file overrides them.
 * Nothing is written into the user's files.
 *
 * The server has the variables that a program of this user needs, OpenCode's own, and those that the app names, and no
 * other of this process. Tools inherit the server's environment, the password included, so the configured shell is a wrapper that unsets it
 * first. It hides and does not protect: a tool of the same user can still read the server's own `/proc` entry. MCP and
 * LSP servers and formatters do not run through the shell; from them our plugin hides the password, which it takes out of
 * the server's environment when it is loaded. There is no wrapper on Windows.
 *
 * An `OPENCODE_CONFIG` in this process's environment is used only when the app gives no `config`.
 */
import { Effect, Option, Path, Redacted, Schema, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PlatformError } from "effect/PlatformError"
import { platform } from "node:process"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as IsolatedHome from "../../adapter/IsolatedHome.ts"
import { tested } from "../protocol/Versions.ts"

export interface EnvironmentOptions {
  /** The app's own OpenCode configuration: providers, models, agents, MCP servers. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Settings that override the app's and the user's, such as the permission baseline. Visible to tools: no secrets. */
  readonly enforced?: Readonly<Record<string, unknown>> | undefined
  /**
   * Names of variables of this process that the server gets, and its tools with it, beside `AgentEnvironment.base` and
   * OpenCode's own: `["ANTHROPIC_API_KEY"]`. A name may end in `*`. Nothing else is inherited.
   */
  readonly inherit?: ReadonlyArray<string> | undefined
  /** Additional environment; `undefined` removes a variable. Tools see it. */
  readonly env?: AgentEnvironment.Variables | undefined
  /**
   * By default the server uses the user's own OpenCode configuration, login and database. `true` gives the instance a home
   * of its own, which its servers share and which is removed with its Layer; `{ folder }` one that stays, so that sessions
   * survive. Then nothing of the user is read, and nothing is fetched from the network but what the configured models and
   * a trusted directory need.
   */
  readonly isolated?: boolean | { readonly folder: string } | undefined
  /**
   * Whether the server reads the configuration of directories that it works in, and runs what it finds there. Default:
   * `false`. Then the formatters and language servers of the user are off, too: they run programs of the directory
   * (`node_modules/.bin/biome`, `tsserver.js`).
   */
  readonly trusting?: boolean | undefined
  /** The folder of the instance, which outlives the server. Its home is there with `isolated: true`. */
  readonly base?: Effect.Effect<string, PlatformError, Exclude<AgentEnvironment.Needs, Scope.Scope>> | undefined
  /**
   * The compaction plugin and its settings, which go to a file of their own: tools see configuration and environment.
   */
  readonly plugin?: { readonly url: string; readonly settings: string } | undefined
}

export interface Environment {
  readonly variables: AgentEnvironment.Variables
  readonly password: Redacted.Redacted<string>
  /** Private to the server, empty but for its files, removed when the scope closes. */
  readonly folder: string
  /** Replaces every secret known here by a placeholder. */
  readonly redact: (text: string) => string
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
}

export const make = Effect.fnUntraced(function*(
  options: EnvironmentOptions
): Effect.fn.Return<Environment, PlatformError, AgentEnvironment.Needs> {
  const path = yield* Path.Path
  const { trusting = false } = options
  const base = options.base === undefined ? undefined : yield* options.base
  const folder = yield* AgentEnvironment.privateFolder(base === undefined ? folderPrefix : "server-", base)
  // `SecretFilter` holds back an end of text that a secret could begin with: few texts end with this one's beginning.
  const password = Redacted.make(`~${Hex.encode(SecureRandom.randomBytesUnsafe(32))}`)
  const configFile = options.config === undefined
    ? undefined
    : yield* AgentEnvironment.privateFile(
      folder,
      "opencode.json",
      JSON.stringify({ $schema: "https://opencode.ai/config.json", ...options.config })
    )
  const plugin = options.plugin === undefined
    ? undefined
    : [[options.plugin.url, {
      file: yield* AgentEnvironment.privateFile(folder, "gate.json", options.plugin.settings)
    }]]
  const inherited = AgentEnvironment.pick([...AgentEnvironment.base, ...ownNames, ...options.inherit ?? []])
  const npm = npmOf(options, inherited)
  const shell = platform === "win32"
    ? undefined
    : yield* AgentEnvironment.hidingShell({
      folder,
      hidden: [...hidden, ...Object.keys(npm)],
      // OpenCode will not run these.
      unsupported: ["fish", "nu"]
    })
  const content = {
    autoupdate: false,
    share: "disabled",
    ...(shell === undefined ? {} : { shell }),
    ...options.enforced,
    ...(trusting ? {} : { formatter: false, lsp: false }),
    // OpenCode adds these to the user's own.
    ...(plugin === undefined ? {} : { plugin }),
    permission: { ...inheritedPermission(options), ...asRecord(options.enforced?.["permission"]) }
  }
  const home = options.isolated === undefined || options.isolated === false
    ? {}
    : yield* makeHome(
      options.isolated === true ? path.join(base ?? folder, "home") : path.resolve(options.isolated.folder)
    )
  return {
    password,
    folder,
    variables: AgentEnvironment.loopbackDirect({
      ...inherited,
      OPENCODE_SERVER_USERNAME: undefined,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_TERMINAL_TITLE: "1",
      OPENCODE_DISABLE_EMBEDDED_WEB_UI: "1",
      ...npm,
      ...home,
      ...options.env,
      ...(trusting ? {} : { OPENCODE_DISABLE_PROJECT_CONFIG: "1" }),
      OPENCODE_PERMISSION: undefined,
      ...(configFile === undefined ? {} : { OPENCODE_CONFIG: configFile }),
      OPENCODE_CONFIG_CONTENT: JSON.stringify(content),
      OPENCODE_SERVER_PASSWORD: password
    }),
    redact: AgentEnvironment.redactor(password, options.config, inherited, options.env),
    secrets: [...AgentEnvironment.secrets(password, options.config, inherited, options.env), ...login(password)]
  }
})

/** Of temporary folders. */
export const folderPrefix = "effect-coding-agents-opencode-"

/** The password as it is in a request. */
export const login = (password: Redacted.Redacted<string>): ReadonlyArray<string> => [
  Buffer.from(`opencode:${Redacted.value(password)}`).toString("base64")
]

/** OpenCode's own variables, and those of npm, which it installs plugins with. */
const ownNames = ["OPENCODE_*", "npm_config_registry", "npm_config_fetch_retries"]

const hidden = [
  "OPENCODE_SERVER_PASSWORD",
  "OPENCODE_SERVER_USERNAME",
  "OPENCODE_CONFIG",
  "OPENCODE_CONFIG_CONTENT"
]

/**
 * Before the first session of a directory OpenCode waits for npm if a plugin is configured and a config folder lacks
 * `@opencode-ai/plugin`: 71 s without a network, because npm retries, and half a second with one try. The user's own
 * folder, and a trusted project's, must not be touched, so npm is told to try once, unless the user has set the number of retries.
 */
const npmOf = (
  { env, isolated, plugin, trusting }: EnvironmentOptions,
  inherited: AgentEnvironment.Variables
): Readonly<Record<string, string>> => {
  const name = "npm_config_fetch_retries"
  const said = [...Object.keys(inherited), ...Object.keys(env ?? {})].some((key) => key.toLowerCase() === name)
  const prepared = isolated !== undefined && isolated !== false && trusting !== true
  return plugin === undefined || said || prepared ? {} : { [name]: "0" }
}

// The user's `OPENCODE_PERMISSION` would be merged after everything, ours included. Its rules go before ours instead.
const inheritedPermission = ({ env, isolated }: EnvironmentOptions): object => {
  const given = env?.["OPENCODE_PERMISSION"] ?? (isolated ? undefined : process.env["OPENCODE_PERMISSION"])
  return Option.getOrElse(decodeRecord(given), () => ({}))
}

const decodeRecord = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const asRecord = (value: unknown): object => typeof value === "object" && value !== null ? value : {}

// OpenCode installs this package into every config folder and, where a plugin is configured, waits for it: over a
// minute without a network. It takes the folder for installed when it looks like this.
const makeHome = (folder: string) =>
  Effect.map(
    IsolatedHome.make({
      folder,
      folders: ["config/opencode/node_modules"],
      files: {
        "config/opencode/package.json": JSON.stringify({ dependencies }),
        "config/opencode/package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": { dependencies } } })
      }
    }),
    ({ variables }) => ({
      ...variables,
      OPENCODE_CONFIG: undefined,
      OPENCODE_CONFIG_DIR: undefined,
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      OPENCODE_DISABLE_CLAUDE_CODE: "1",
      OPENCODE_DISABLE_EXTERNAL_SKILLS: "1"
    })
  )

const dependencies = { "@opencode-ai/plugin": tested.from }
