/** Gemini CLI as it is now: it loses what it loads, so it is started, and never resumed. */
import { Gemini } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "gemini-0.61",
  executable: (path) => find(InstanceId.make("gemini"), Gemini.profile, { path }),
  packages: ["@google/gemini-cli"],
  tests: {
    conformance: ["test/agents/gemini-0.61/Conformance.test.ts"],
    full: ["test/agents/gemini-0.61/*.test.ts"]
  }
}
