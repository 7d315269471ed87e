/**
 * Finds the Claude Code executable: the path that was configured, else the environment variable `CLAUDE_BINARY`, else
 * `claude` on the PATH, else the binary that Anthropic's agent SDK brings as an optional package for this system.
 *
 * The user brings it: its licence does not allow that this library does.
 */
import { Effect, FileSystem } from "effect"
import { arch, platform } from "node:process"
import * as Executable from "../../adapter/Executable.ts"

export interface BinaryOptions extends Pick<Executable.Options, "instanceId" | "binary" | "path"> {
  /** From which modules the package is looked for. */
  readonly from?: ReadonlyArray<string> | undefined
}

export const find = ({ from, ...options }: BinaryOptions) =>
  Executable.find({
    ...options,
    name: "claude",
    variable: "CLAUDE_BINARY",
    ...Executable.npmPackage({
      name: "@anthropic-ai/claude-agent-sdk",
      binaries: Effect.map(packageNames, (names) => names.map((name) => ({ package: name, file }))),
      from
    })
  })

const file = platform === "win32" ? "claude.exe" : "claude"

/** What fits the C library first; npm installs no other one's. */
const packageNames = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const base = `@anthropic-ai/claude-agent-sdk-${platform}-${arch}`
  if (platform !== "linux") return [base]
  const musl = `${base}-musl`
  const alpine = yield* Effect.orElseSucceed(fs.exists("/etc/alpine-release"), () => false)
  return alpine ? [musl, base] : [base, musl]
})
