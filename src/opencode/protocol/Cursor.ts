/**
 * OpenCode's resume cursor. The session id finds the session. The directory is read from OpenCode again at each resume;
 * the stored one is for people, and to tell a move.
 */
import { Schema } from "effect"
import { ProviderName } from "../../domain/Ids.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"

export const provider = ProviderName.make("opencode")

export const cursor = ResumeCursor.make({
  provider,
  version: 1,
  schema: Schema.Struct(ResumeCursor.baseFields)
})
