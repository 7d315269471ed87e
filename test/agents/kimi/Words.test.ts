/** What a user types is words to the real program. */
import { Kimi } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "./ConformingKimi.ts"

AcpWords.prove({
  name: "kimi",
  profile: Kimi.profile,
  optionsOf,
  run: (command) => ModelReply.call("Bash", { command })
})
