/** What a user types is words to the real program. */
import { Qwen } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "./ConformingQwen.ts"

AcpWords.prove({
  name: "qwen",
  profile: Qwen.profile,
  optionsOf,
  run: (command) => ModelReply.call("run_shell_command", { command, description: "as asked", is_background: false })
})
