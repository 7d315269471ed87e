/** A subagent of the real program does no more than its session may. */
import { Kimi } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSubagents from "../AcpSubagents.ts"
import { optionsOf } from "./ConformingKimi.ts"

AcpSubagents.prove({
  name: "kimi",
  profile: Kimi.profile,
  optionsOf,
  command: "asks",
  run: (command) => ModelReply.call("Bash", { command }),
  delegate: (prompt) => ModelReply.call("Agent", { description: "Look", prompt })
})
