/** A subagent of the real program does no more than its session may. */
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSubagents from "../AcpSubagents.ts"
import { subject } from "./ConformingGemini.ts"

AcpSubagents.prove({
  name: "gemini",
  ...subject,
  command: "waits",
  delegate: (prompt) => ModelReply.call("generalist", { request: prompt })
})
