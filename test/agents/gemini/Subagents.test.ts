/** A subagent of the real program does no more than its session may. */
import { Gemini } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSubagents from "../AcpSubagents.ts"
import { optionsOf } from "./ConformingGemini.ts"

AcpSubagents.prove({
  name: "gemini",
  profile: Gemini.profile,
  optionsOf,
  command: "waits",
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked" }),
  delegate: (prompt) => ModelReply.call("generalist", { request: prompt })
})
