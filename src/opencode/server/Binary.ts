/**
 * Finds the OpenCode executable: the path that was configured, else `opencode` on the PATH, else the platform's binary
 * of the npm package `opencode-ai`.
 *
 * A hit on the PATH that lies inside an `opencode-ai` package is the package's launcher. Where install scripts were not
 * run it is a stub that only prints an error (1.18.33), so the platform's binary is taken instead.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import { createRequire } from "node:module"
import { arch, platform } from "node:process"
import * as Executable from "../../adapter/Executable.ts"

/** Which executable to start, and where to look for it. */
export type BinaryOptions = Pick<Executable.Options, "instanceId" | "binary" | "path">

/** The absolute path of an executable file. That it really runs is known once it is spawned. */
export const find = (options: BinaryOptions) =>
  Effect.flatMap(Path.Path, (path) =>
    Executable.find({
      instanceId: options.instanceId,
      name: "opencode",
      binary: options.binary,
      path: options.path,
      launched,
      elsewhere: [import.meta.url, path.resolve("package.json")].map((from) => ({
        name: `the package opencode-ai, from ${from}`,
        find: Effect.suspend(() => {
          const manifest = resolve(from, "opencode-ai/package.json")
          return Option.isSome(manifest) ? platformBinary(manifest.value) : Effect.succeedNone
        })
      }))
    }))

/** The same file, unless it is the launcher of an npm package: then the package's binary, if it has one. */
const launched = Effect.fnUntraced(function*(realPath: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const manifest = path.join(path.dirname(path.dirname(realPath)), "package.json")
  if (path.basename(path.dirname(manifest)) !== "opencode-ai") return Option.some(realPath)
  if (!(yield* Effect.orElseSucceed(fs.exists(manifest), () => false))) return Option.some(realPath)
  return yield* platformBinary(manifest)
})

const platformBinary = Effect.fnUntraced(function*(manifest: string) {
  const path = yield* Path.Path
  for (const name of yield* packageNames) {
    const found = resolve(manifest, `${name}/package.json`)
    if (Option.isNone(found)) continue
    const file = path.join(path.dirname(found.value), "bin", platform === "win32" ? "opencode.exe" : "opencode")
    if (yield* Executable.isExecutable(file)) return Option.some(file)
  }
  return Option.none<string>()
})

const resolve = (from: string, specifier: string) =>
  Option.liftThrowable(() => createRequire(from).resolve(specifier))()

/**
 * In the order of the package's own installer (1.18.33): what fits the processor and the C library first. npm installs
 * no other C library's; other package managers do.
 */
const packageNames = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const base = `opencode-${platform === "win32" ? "windows" : platform}-${arch}`
  const withoutAvx2 = platform === "linux" && arch === "x64" && (yield* fs.readFileString("/proc/cpuinfo").pipe(
    Effect.map((info) => !/\bavx2\b/i.test(info)),
    Effect.orElseSucceed(() => false)
  ))
  const fast = arch === "x64" ? [base, `${base}-baseline`] : [base]
  const glibc = withoutAvx2 ? fast.toReversed() : fast
  if (platform !== "linux") return glibc
  const musl = glibc.map((name) => `${name}-musl`)
  const alpine = yield* Effect.orElseSucceed(fs.exists("/etc/alpine-release"), () => false)
  return alpine ? [...musl, ...glibc] : [...glibc, ...musl]
})
