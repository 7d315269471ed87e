/** What a user types is words to the real program. */
import { Gemini } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "../gemini/ConformingGemini.ts"

AcpWords.prove({
  name: "gemini-0.61",
  profile: Gemini.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked" })
})
