/** Kimi Code: a program in JavaScript, which is its own executable. */
import { Kimi } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "kimi",
  executable: (path) => find(InstanceId.make("kimi"), Kimi.profile, { path }),
  packages: ["@moonshot-ai/kimi-code"],
  tests: {
    conformance: ["test/agents/kimi/Conformance.test.ts"],
    full: ["test/agents/kimi/*.test.ts"]
  }
}
