/**
 * A home directory for an agent that must not use the user's own: its configuration, login and sessions lie in a folder
 * that belongs to one instance of an adapter.
 *
 * The folder and all that is made in it here is for this user alone (0700, files 0600). `variables` has what sends a
 * program there: `HOME`, the four `XDG_..._HOME`, and the agent's own (`CODEX_HOME`, `CLAUDE_CONFIG_DIR`). Give them to
 * `AgentProcess.spawn` after the picked ones.
 *
 * A home that is kept outlives the Scope, and with it the agent's sessions. Its given files are written again by each
 * `make`, whatever the agent made of them.
 *
 * **Gotchas**
 *
 * An agent can write into its home. It may leave a link there that leads out of it, so files are never written through
 * links: a link in place of a file is replaced, and one in place of a folder on the way fails with `PermissionDenied`.
 *
 * **Example**
 *
 * ```ts
 * const home = yield* IsolatedHome.make({
 *   variables: { ACME_HOME: "acme" },
 *   files: { "acme/config.toml": "telemetry = false\n" }
 * })
 * const variables = { ...AgentEnvironment.pick(AgentEnvironment.base), ...home.variables }
 * ```
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import { type PlatformError, systemError } from "effect/PlatformError"
import { type Needs, privateFile, privateFolder } from "./AgentEnvironment.ts"

/**
 * Paths are relative to the home and have `/` between their parts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the home is; made if it is not there. Default: a new temporary folder. */
  readonly folder?: string | undefined
  /** Whether the home stays when the Scope closes. Default: whether `folder` is given. */
  readonly keep?: boolean | undefined
  /** The agent's own variables, each with the folder that it names. The folder is made. */
  readonly variables?: Readonly<Record<string, string>> | undefined
  /** Further folders to make. */
  readonly folders?: ReadonlyArray<string> | undefined
  /** Files to write, with their content. */
  readonly files?: Readonly<Record<string, string>> | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface IsolatedHome {
  /** Real, absolute path. */
  readonly folder: string
  readonly variables: Readonly<Record<string, string>>
}

/**
 * Makes the home, or makes sure of the one that is there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fn("IsolatedHome.make")(function*(
  options: Options = {}
): Effect.fn.Return<IsolatedHome, PlatformError, Needs> {
  const { folder: given, keep = given !== undefined } = options
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (!keep && given !== undefined) {
    // Best effort: what the agent left running may still write here.
    yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(given, { recursive: true, force: true })))
  }
  const folder = given === undefined
    ? keep ? yield* fs.realPath(yield* fs.makeTempDirectory({ prefix })) : yield* privateFolder(prefix)
    : yield* ownFolder(given)
  for (const name of [...Object.values(options.variables ?? {}), ...options.folders ?? []]) {
    yield* folderInside(folder, name)
  }
  for (const [name, content] of Object.entries(options.files ?? {})) yield* seed(folder, name, content)
  const places = { HOME: ".", ...xdg, ...options.variables }
  return {
    folder,
    variables: Object.fromEntries(Object.entries(places).map(([name, place]) => [name, path.join(folder, place)]))
  }
})

const prefix = "effect-coding-agents-home-"

const xdg = {
  XDG_CONFIG_HOME: "config",
  XDG_DATA_HOME: "data",
  XDG_STATE_HOME: "state",
  XDG_CACHE_HOME: "cache"
}

const ownFolder = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  const real = yield* fs.realPath(folder)
  yield* fs.chmod(real, 0o700)
  return real
})

/** Makes the folder. Fails where it leads out of the home. */
const folderInside = Effect.fnUntraced(function*(home: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let at = home
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue
    at = path.join(at, part)
    // One part at a time, or the missing ones would be made behind a link.
    yield* fs.makeDirectory(at, { mode: 0o700 }).pipe(
      Effect.catchIf(({ reason }) => reason._tag === "AlreadyExists", () => Effect.void)
    )
    if (part === ".." || (yield* fs.realPath(at)) !== at) return yield* leadsOut(at)
  }
  return at
})

const seed = Effect.fnUntraced(function*(home: string, name: string, content: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* folderInside(home, path.dirname(name))
  const base = path.basename(name)
  // Several may be made of one folder at once.
  const next = `${base}.${Hex.encode(SecureRandom.randomBytesUnsafe(6))}.next`
  // The new name replaces a link, and leaves what it leads to alone.
  yield* fs.rename(yield* privateFile(folder, next, content), path.join(folder, base))
})

const leadsOut = (pathOrDescriptor: string) =>
  systemError({
    _tag: "PermissionDenied",
    module: "IsolatedHome",
    method: "make",
    description: "leads out of the home",
    pathOrDescriptor
  })
