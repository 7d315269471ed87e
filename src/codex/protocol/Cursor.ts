/**
 * Codex's resume cursor. The thread's id finds it again in its home (`CODEX_HOME`); the directory tells a move.
 */
import { Schema } from "effect"
import { ProviderName } from "../../domain/Ids.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"

export const provider = ProviderName.make("codex")

export const cursor = ResumeCursor.make({
  provider,
  version: 1,
  schema: Schema.Struct(ResumeCursor.baseFields)
})

/** Codex's ids are UUIDs; what is none it answers with the same code as a lost thread. */
export const isThreadId = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
