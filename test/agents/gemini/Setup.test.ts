/** What an app gives a session of the real program. */
import { Gemini } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingGemini.ts"

AcpSetup.prove({
  profile: Gemini.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked" }),
  model: "gemini-2.5-flash",
  loosening: {},
  servers: true,
  seeing: (options) => options
})
