/**
 * Finds an agent's executable, and asks it for its version.
 *
 * {@link find} looks at the path or name that the app gives, else at a variable of the environment, else for the agent's
 * own name on the PATH, else in the places that the adapter knows, such as the packages that npm has installed for the
 * app ({@link npmPackage}).
 *
 * A file counts if it is a regular file with an executable bit. Whether the system can run it is known once it is
 * spawned; `AgentProcess.spawn` then fails with the same errors.
 *
 * **Example**
 *
 * ```ts
 * const executable = yield* Executable.find({
 *   instanceId,
 *   name: "acme",
 *   binary: options.binary,
 *   variable: "ACME_BINARY",
 *   ...Executable.npmPackage({
 *     name: "@acme/cli",
 *     binaries: Effect.succeed([{ package: `@acme/cli-${process.platform}-${process.arch}`, file: "bin/acme" }])
 *   })
 * })
 * const version = yield* Executable.version({ instanceId, executable })
 * ```
 *
 * @since 0.1.0
 */
import { Effect, type FileSystem, Option, Path } from "effect"
import { platform } from "node:process"
import type { InstanceId } from "../domain/Ids.ts"
import { AgentNotExecutable, AgentNotFound } from "../provider/AdapterError.ts"
import { inspect } from "./internal/executableFile.ts"

export { isExecutable } from "./internal/executableFile.ts"
export { isAtLeast, version, type VersionOptions } from "./internal/executableVersion.ts"
export { npmPackage, type PackageBinary, type PackageOptions } from "./internal/npmPackage.ts"

/**
 * What looking at files requires.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs = FileSystem.FileSystem | Path.Path

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly instanceId: InstanceId
  /** The agent's command, as a user types it. */
  readonly name: string
  /** Path of the executable, or a name to look up on the PATH in place of `name`. */
  readonly binary?: string | undefined
  /** Name of the environment variable that may hold what `binary` would. Read only if `binary` is absent. */
  readonly variable?: string | undefined
  /** Where names are looked up. Default: this process's `PATH`. */
  readonly path?: string | undefined
  /**
   * The file that a hit on the PATH stands for, by its real path: itself, or the binary that a launcher starts. `None`
   * continues the search. Default: itself.
   */
  readonly launched?: ((realPath: string) => Effect.Effect<Option.Option<string>, never, Needs>) | undefined
  /** Where to look after the PATH, unless the app named an executable. */
  readonly elsewhere?: ReadonlyArray<Place> | undefined
}

/**
 * A further place to look. `name` is listed in `AgentNotFound.searched`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly name: string
  readonly find: Effect.Effect<Option.Option<string>, never, Needs>
}

/**
 * The absolute path of an executable file. Fails with `AgentNotFound`, which lists every place in order, or with
 * `AgentNotExecutable` where the path that the app gave is not executable.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = Effect.fn("Executable.find")(function*(
  options: Options
): Effect.fn.Return<string, AgentNotFound | AgentNotExecutable, Needs> {
  const { instanceId } = options
  const path = yield* Path.Path
  const binary = options.binary ?? (options.variable === undefined ? undefined : process.env[options.variable])
  if (binary !== undefined && path.basename(binary) !== binary) {
    const file = path.resolve(binary)
    const found = yield* inspect(file)
    if (Option.isNone(found)) return yield* new AgentNotFound({ instanceId, searched: [file] })
    if (!found.value.executable) return yield* new AgentNotExecutable({ instanceId, path: file, code: "EACCES" })
    return file
  }
  const searched: Array<string> = []
  const launched = options.launched ?? Effect.succeedSome
  for (const file of candidates(path, options.path ?? process.env["PATH"] ?? "", binary ?? options.name)) {
    searched.push(file)
    const found = yield* inspect(file)
    if (Option.isNone(found) || !found.value.executable) continue
    const real = yield* launched(found.value.realPath)
    if (Option.isSome(real)) return real.value
  }
  for (const place of binary === undefined ? options.elsewhere ?? [] : []) {
    searched.push(place.name)
    const found = yield* place.find
    if (Option.isSome(found)) return found.value
  }
  return yield* new AgentNotFound({ instanceId, searched })
})

const candidates = (path: Path.Path, folders: string, name: string) =>
  folders.split(platform === "win32" ? ";" : ":").flatMap((folder) =>
    folder === "" ? [] : fileNames(name).map((file) => path.resolve(folder, file))
  )

const fileNames = (name: string) => platform === "win32" ? [`${name}.exe`, name] : [name]
