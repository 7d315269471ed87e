/** What an app gives a session of the real program. */
import { Grok } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingGrok.ts"

AcpSetup.prove({
  profile: Grok.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_terminal_command", { command, description: "as asked" }),
  model: "scripted",
  loosening: { GROK_SANDBOX_AUTO_ALLOW_BASH: "1", GROK_REMEMBER_TOOL_APPROVALS: "1" },
  servers: false
})
