/** What a user types is words to the real program. */
import { Goose } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpWords from "../AcpWords.ts"
import { optionsOf } from "./ConformingGoose.ts"

AcpWords.prove({
  name: "goose",
  profile: Goose.profile,
  optionsOf,
  run: (command) => ModelReply.call("shell", { command })
})
