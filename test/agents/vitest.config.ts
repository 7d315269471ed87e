import { delimiter, join } from "node:path"
import { pathToFileURL } from "node:url"
import { defineConfig } from "vitest/config"
import type { Agent } from "./Agent.ts"

/**
 * The tests of one agent, which AGENT names: `AGENT=opencode npx vitest run --config test/agents/vitest.config.ts`. The
 * executables of AGENT_FOLDER, by default the agent's own folder, come first on the PATH.
 */
export default defineConfig(() => {
  const name = process.env["AGENT"]
  const folder = process.env["AGENT_FOLDER"] ?? join(import.meta.dirname, name ?? "")
  // vitest bundles this file into another folder.
  const module = pathToFileURL(join(import.meta.dirname, name ?? "", "agent.ts")).href
  return import(module).then(({ agent: { tests } }: { readonly agent: Agent }) => ({
    test: {
      name: name ?? "",
      include: process.env["AGENT_TESTS"] === "core" ? [...tests.conformance] : [...tests.full],
      env: { PATH: [join(folder, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) },
      testTimeout: 120_000,
      hookTimeout: 120_000,
      // An agent may take hundreds of megabytes and a core.
      maxWorkers: 1
    }
  }))
})
