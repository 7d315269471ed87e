/** What an app gives a session of the real program. */
import { Kimi } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingKimi.ts"

AcpSetup.prove({
  profile: Kimi.profile,
  optionsOf,
  run: (command) => ModelReply.call("Bash", { command }),
  model: "scripted",
  loosening: { KIMI_CODE_DANGEROUS_COMMAND_GUARD: "0" },
  titled: true,
  servers: true,
  seeing: (options) => options
})
