/** Gemini CLI: a program in JavaScript, which is its own executable. The last version that resumes. */
import { Gemini } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "gemini",
  executable: (path) => find(InstanceId.make("gemini"), Gemini.profile, { path }),
  packages: ["@google/gemini-cli"],
  tests: {
    conformance: ["test/agents/gemini/Conformance.test.ts"],
    full: ["test/agents/gemini/*.test.ts"]
  }
}
