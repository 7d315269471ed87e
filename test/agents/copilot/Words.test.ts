/** What a user types is words to the real program. */
import { Copilot } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "./ConformingCopilot.ts"

AcpWords.prove({
  name: "copilot",
  profile: Copilot.profile,
  optionsOf,
  run: (command) =>
    ModelReply.call("bash", { command, description: "as asked", mode: "sync", shellId: "s1", initial_wait: 30 })
})
