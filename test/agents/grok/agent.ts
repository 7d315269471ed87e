/**
 * Grok: its package has the binary of each system as an optional package, compressed. What its install script would do,
 * which writes into the user's home, is done here beside it.
 */
import { Effect, FileSystem, Path } from "effect"
import { arch, platform } from "node:process"
import { fileURLToPath } from "node:url"
import { brotliDecompressSync } from "node:zlib"
import type { Agent } from "../Agent.ts"

const modules = fileURLToPath(new URL("node_modules", import.meta.url))

const unpacked = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(modules, ".bin", "grok-native")
  if (!(yield* fs.exists(file))) {
    const packed = path.join(modules, "@xai-official", `grok-${platform}-${arch}`, "bin", "grok.br")
    yield* fs.writeFile(file, brotliDecompressSync(yield* fs.readFile(packed)), { mode: 0o755 })
  }
  return file
})

export const agent: Agent = {
  name: "grok",
  executable: () => unpacked,
  packages: ["@xai-official/grok"],
  tests: {
    conformance: ["test/agents/grok/Conformance.test.ts"],
    full: ["test/agents/grok/*.test.ts"]
  }
}
