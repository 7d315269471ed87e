/** Copilot CLI: its package has the binary of each system as an optional package. */
import { Copilot } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "copilot",
  executable: (path) => find(InstanceId.make("copilot"), Copilot.profile, { path }),
  packages: ["@github/copilot"],
  tests: {
    conformance: ["test/agents/copilot/Conformance.test.ts"],
    full: ["test/agents/copilot/*.test.ts"]
  }
}
