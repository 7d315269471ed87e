/**
 * Finds the Codex executable: the path that was configured, else the environment variable `CODEX_BINARY`, else `codex` on
 * the PATH, else the binary of the npm package `@openai/codex`.
 *
 * A hit on the PATH that lies inside that package is its launcher in JavaScript, which would stand between us and the
 * agent's process, so the binary that it starts is taken instead.
 */
import { Effect } from "effect"
import { arch, platform } from "node:process"
import * as Executable from "../../adapter/Executable.ts"

export type BinaryOptions = Pick<Executable.Options, "instanceId" | "binary" | "path">

export const find = (options: BinaryOptions) =>
  Executable.find({
    ...options,
    name: "codex",
    variable: "CODEX_BINARY",
    ...Executable.npmPackage({
      name: "@openai/codex",
      binaries: Effect.succeed([{
        package: `@openai/codex-${platform}-${arch}`,
        file: `vendor/${target}/bin/${platform === "win32" ? "codex.exe" : "codex"}`
      }])
    })
  })

/** As the package's own launcher (0.171.0) names what it starts. */
const target = [
  arch === "arm64" ? "aarch64" : "x86_64",
  platform === "darwin" ? "apple-darwin" : platform === "win32" ? "pc-windows-msvc" : "unknown-linux-musl"
].join("-")
