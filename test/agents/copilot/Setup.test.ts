/** What an app gives a session of the real program. */
import { Copilot } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingCopilot.ts"

AcpSetup.prove({
  profile: Copilot.profile,
  optionsOf,
  run: (command) =>
    ModelReply.call("bash", { command, description: "as asked", mode: "sync", shellId: "s1", initial_wait: 30 }),
  planned: /\bplan\b/,
  loosening: { COPILOT_ALLOW_ALL: "true" },
  servers: false,
  seeing: (options) => options
})
