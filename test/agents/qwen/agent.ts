/** Qwen Code: a program in JavaScript, which is its own executable. */
import { Qwen } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "qwen",
  executable: (path) => find(InstanceId.make("qwen"), Qwen.profile, { path }),
  packages: ["@qwen-code/qwen-code"],
  tests: {
    conformance: ["test/agents/qwen/Conformance.test.ts"],
    full: ["test/agents/qwen/*.test.ts"]
  }
}
