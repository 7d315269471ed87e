/** What a user types is words to the real program. */
import { Grok } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "./ConformingGrok.ts"

AcpWords.prove({
  name: "grok",
  profile: Grok.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_terminal_command", { command, description: "as asked" })
})
