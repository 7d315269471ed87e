/** The protocol's own SDK: an agent that is built on it, and its schema. No model, and no product. */
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import type { Agent } from "../Agent.ts"

export const binary = fileURLToPath(new URL("sdkAgent.mjs", import.meta.url))

export const agent: Agent = {
  name: "acp-sdk",
  executable: () => Effect.succeed(binary),
  packages: ["@agentclientprotocol/sdk"],
  tests: {
    conformance: ["test/agents/acp-sdk/*.test.ts"],
    full: ["test/agents/acp-sdk/*.test.ts"]
  }
}
