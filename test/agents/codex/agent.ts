/** Codex: its own package has the binary of each system as an optional package. */
import * as Binary from "../../../src/codex/process/Binary.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "codex",
  executable: (path) => Binary.find({ instanceId: InstanceId.make("codex"), path }),
  packages: ["@openai/codex"],
  tests: {
    conformance: ["test/agents/codex/Conformance.test.ts"],
    full: ["test/agents/codex/*.test.ts"]
  }
}
