/** Versions of the agents, so that no test names one: it would fail on the next version for its name alone. */
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

export { tested } from "../../src/opencode/protocol/Versions.ts"

const Manifest = Schema.decodeSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))

/** The OpenCode that the tests run on. */
export const installed = Manifest(
  readFileSync(createRequire(import.meta.url).resolve("opencode-ai/package.json"), "utf8")
).version
