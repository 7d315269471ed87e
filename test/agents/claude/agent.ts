/** Claude Code: Anthropic's agent SDK has the binary of each system as an optional package. The SDK itself is not run. */
import { delimiter, join } from "node:path"
import * as Binary from "../../../src/claude/process/Binary.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

/** The package has no command, so nothing on the PATH is it: it lies beside the folder of commands that comes first. */
export const executable: Agent["executable"] = (path) =>
  Binary.find({
    instanceId: InstanceId.make("claude"),
    path: "",
    from: [join(path.split(delimiter)[0] ?? "", "..", "..", "package.json")]
  })

export const agent: Agent = {
  name: "claude",
  executable,
  packages: ["@anthropic-ai/claude-agent-sdk"],
  tests: {
    conformance: ["test/agents/claude/Conformance.test.ts"],
    full: ["test/agents/claude/*.test.ts"]
  }
}
