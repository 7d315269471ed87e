/**
 * Agents that npm installs as a small package and, for each system, an optional package with the binary.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import { createRequire } from "node:module"
import { isExecutable } from "./executableFile.ts"

/**
 * A binary in a package for one system.
 *
 * @category models
 * @since 0.1.0
 */
export interface PackageBinary {
  readonly package: string
  /** Its path in the package, with `/` between the parts. */
  readonly file: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PackageOptions {
  /** The package that users install. */
  readonly name: string
  /**
   * Where its binaries are, what fits this system best first. Looked up as the package itself would find them, so the
   * optional packages of other systems need not be there.
   */
  readonly binaries: Effect.Effect<ReadonlyArray<PackageBinary>, never, FileSystem.FileSystem | Path.Path>
  /**
   * From which modules the package is looked for: paths or `file:` URLs. Default: this library, and the app in the
   * working directory.
   */
  readonly from?: ReadonlyArray<string> | undefined
}

/**
 * Further options for `find`, for an agent that npm installs: the binary of its package for this system, after the
 * PATH. A hit on the PATH that is the package's launcher gives way to the binary that it would start, because without
 * install scripts some launchers are stubs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const npmPackage = (
  { binaries, name, from = [import.meta.url, `${process.cwd()}/package.json`] }: PackageOptions
) => {
  const binaryOf = Effect.fnUntraced(function*(folder: string) {
    const path = yield* Path.Path
    for (const binary of yield* binaries) {
      const found = yield* folderOf(binary.package, path.join(folder, "package.json"))
      if (Option.isNone(found)) continue
      const file = path.join(found.value, binary.file)
      if (yield* isExecutable(file)) return Option.some(file)
    }
    return Option.none<string>()
  })
  return {
    launched: (realPath: string) =>
      Effect.flatMap(Path.Path, (path) => {
        const folder = folderAround(path, name, realPath)
        return Option.isNone(folder) ? Effect.succeedSome(realPath) : binaryOf(folder.value)
      }),
    elsewhere: from.map((from) => ({
      name: `the package ${name}, from ${from}`,
      find: Effect.flatMap(
        folderOf(name, from),
        (folder) => Option.isNone(folder) ? Effect.succeedNone : binaryOf(folder.value)
      )
    }))
  }
}

/** The folder of a package, as a module at `from` (a path or a `file:` URL) would find it. A real path. */
const folderOf = Effect.fnUntraced(function*(name: string, from: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (const folder of placesOf(name, from)) {
    // Not by `resolve`: what a package does not export is not resolved, its `package.json` included.
    const found = yield* Effect.option(fs.realPath(path.join(folder, name)))
    if (Option.isSome(found)) return found
  }
  return Option.none<string>()
})

/** The package that a file lies in, if that is the named one. `file` is a real path. */
const folderAround = (path: Path.Path, name: string, file: string): Option.Option<string> => {
  const inside = `${path.sep}${path.join("node_modules", name)}${path.sep}`
  const at = file.lastIndexOf(inside)
  return at < 0 ? Option.none() : Option.some(file.slice(0, at + inside.length - 1))
}

const placesOf = (name: string, from: string): ReadonlyArray<string> =>
  Option.getOrElse(Option.liftThrowable(() => createRequire(from).resolve.paths(name))(), () => null) ?? []
