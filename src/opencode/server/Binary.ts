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
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentNotExecutable, AgentNotFound } from "../../provider/AdapterError.ts"

export interface BinaryOptions {
  readonly instanceId: InstanceId
  /** Path of the executable, or a name to be looked up on the PATH instead of `opencode`. */
  readonly binary?: string | undefined
  /** Where to look for names. Default: this process's `PATH`. */
  readonly path?: string | undefined
}

/** The absolute path of an executable file. That it really runs is known once it is spawned. */
export const find = Effect.fn("OpenCode.Binary.find")(function*(
  options: BinaryOptions
): Effect.fn.Return<string, AgentNotFound | AgentNotExecutable, FileSystem.FileSystem | Path.Path> {
  const { instanceId } = options
  const path = yield* Path.Path
  const searched: Array<string> = []
  if (options.binary !== undefined && path.basename(options.binary) !== options.binary) {
    const file = path.resolve(options.binary)
    const found = yield* inspect(file)
    if (Option.isNone(found)) return yield* new AgentNotFound({ instanceId, searched: [file] })
    if (!found.value.executable) return yield* new AgentNotExecutable({ instanceId, path: file, code: "EACCES" })
    return file
  }
  const folders = (options.path ?? process.env["PATH"] ?? "").split(platform === "win32" ? ";" : ":")
  for (const folder of folders.filter((folder) => folder !== "")) {
    for (const name of fileNames(options.binary ?? "opencode")) {
      const file = path.resolve(folder, name)
      searched.push(file)
      const found = yield* inspect(file)
      if (Option.isNone(found) || !found.value.executable) continue
      const binary = yield* launched(found.value.realPath)
      if (Option.isSome(binary)) return binary.value
    }
  }
  if (options.binary === undefined) {
    for (const from of [import.meta.url, path.resolve("package.json")]) {
      const manifest = resolve(from, "opencode-ai/package.json")
      searched.push(`the package opencode-ai, from ${from}`)
      const binary = Option.isSome(manifest) ? yield* platformBinary(manifest.value) : Option.none()
      if (Option.isSome(binary)) return binary.value
    }
  }
  return yield* new AgentNotFound({ instanceId, searched })
})

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
    const inspected = yield* inspect(file)
    if (Option.isSome(inspected) && inspected.value.executable) return Option.some(file)
  }
  return Option.none<string>()
})

const inspect = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.all({ info: fs.stat(file), realPath: fs.realPath(file) }).pipe(
    Effect.map(({ info, realPath }) => ({
      realPath,
      executable: info.type === "File" && (platform === "win32" || (info.mode & 0o111) !== 0)
    })),
    Effect.option
  )
})

const resolve = (from: string, specifier: string) =>
  Option.liftThrowable(() => createRequire(from).resolve(specifier))()

const fileNames = (name: string) => platform === "win32" ? [`${name}.exe`, name] : [name]

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
