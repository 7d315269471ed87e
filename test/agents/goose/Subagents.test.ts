/** A subagent of the real program does no more than its session may. */
import { Goose } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSubagents from "../AcpSubagents.ts"
import { optionsOf } from "./ConformingGoose.ts"

AcpSubagents.prove({
  name: "goose",
  profile: Goose.profile,
  optionsOf,
  command: "declined",
  run: (command) => ModelReply.call("shell", { command }),
  delegate: (prompt) => ModelReply.call("delegate", { instructions: prompt })
})
