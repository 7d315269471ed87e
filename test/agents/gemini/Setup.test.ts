/** What an app gives a session of the real program. */
import * as AcpSetup from "../AcpSetup.ts"
import { subject } from "./ConformingGemini.ts"

AcpSetup.prove({
  ...subject,
  model: "gemini-2.5-flash",
  loosening: {},
  servers: true,
  seeing: (options) => options
})
