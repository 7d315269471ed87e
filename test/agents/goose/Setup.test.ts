/** What an app gives a session of the real program. */
import { Goose } from "../../../src/acp/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as AcpSetup from "../AcpSetup.ts"
import { optionsOf } from "./ConformingGoose.ts"

AcpSetup.prove({
  profile: Goose.profile,
  optionsOf,
  run: (command) => ModelReply.call("shell", { command }),
  model: "scripted-1",
  loosening: { GOOSE_MODE: "auto" },
  titled: true,
  servers: true,
  shows: ["Text", "Image"],
  seeing: (options) => ({ ...options, env: { ...options.env, GOOSE_MODEL: "gpt-4o" } })
})
