import { delimiter, join } from "node:path"
import { pathToFileURL } from "node:url"
import { defineConfig } from "vitest/config"
import { LongestFirst } from "../support/LongestFirst.ts"
import type { Agent } from "./Agent.ts"

/** The globs for what AGENT_TESTS says: of `core`, the file picks the rules itself. */
const asked = (tests: string | undefined): keyof Agent["tests"] =>
  tests === "core" ? "conformance" : tests === "rest" ? "rest" : "full"

/**
 * The tests of one agent, which AGENT names: `AGENT=opencode npx vitest run --config test/agents/vitest.config.ts`. The
 * executables of AGENT_FOLDER, by default the agent's own folder, come first on the PATH.
 */
export default defineConfig(() => {
  const name = process.env["AGENT"]
  const folder = process.env["AGENT_FOLDER"] ?? join(import.meta.dirname, name ?? "")
  // vitest bundles this file into another folder.
  const module = pathToFileURL(join(import.meta.dirname, name ?? "", "agent.ts")).href
  return import(module).then(({ agent: { tests, workers = 1 } }: { readonly agent: Agent }) => ({
    test: {
      name: name ?? "",
      include: [...tests[asked(process.env["AGENT_TESTS"])] ?? tests.full],
      env: { PATH: [join(folder, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) },
      testTimeout: 120_000,
      hookTimeout: 120_000,
      maxWorkers: workers,
      sequence: { sequencer: LongestFirst }
    }
  }))
})
