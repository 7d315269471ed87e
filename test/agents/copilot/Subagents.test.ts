/** A subagent of the real program does no more than its session may. */
import { Copilot } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSubagents from "../AcpSubagents.ts"
import { optionsOf } from "./ConformingCopilot.ts"

AcpSubagents.prove({
  name: "copilot",
  profile: Copilot.profile,
  optionsOf,
  command: "asks",
  run: (command) =>
    ModelReply.call("bash", { command, description: "as asked", mode: "sync", shellId: "s1", initial_wait: 30 }),
  delegate: (prompt) =>
    ModelReply.call("task", { description: "Look", prompt, agent_type: "general-purpose", name: "look", mode: "sync" })
})
