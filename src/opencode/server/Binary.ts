/**
 * Finds the OpenCode executable: the path that was configured, else `opencode` on the PATH, else the platform's binary
 * of the npm package `opencode-ai`.
 *
 * A hit on the PATH that lies inside an `opencode-ai` package is the package's launcher. Where install scripts were not
 * run it is a stub that only prints an error (1.18.33), so the platform's binary is taken instead.
 */
import { Effect, FileSystem } from "effect"
import { arch, platform } from "node:process"
import * as Executable from "../../adapter/Executable.ts"

/** Which executable to start, and where to look for it. */
export type BinaryOptions = Pick<Executable.Options, "instanceId" | "binary" | "path">

/** The absolute path of an executable file. That it really runs is known once it is spawned. */
export const find = (options: BinaryOptions) =>
  Executable.find({
    instanceId: options.instanceId,
    name: "opencode",
    binary: options.binary,
    path: options.path,
    ...Executable.npmPackage({
      name: "opencode-ai",
      binaries: Effect.map(packageNames, (names) => names.map((name) => ({ package: name, file })))
    })
  })

const file = platform === "win32" ? "bin/opencode.exe" : "bin/opencode"

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
