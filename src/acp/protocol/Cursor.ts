/**
 * The resume cursor of an ACP agent, in the agent's own name: those of two agents are not interchangeable.
 */
import { Schema } from "effect"
import type { ProviderName } from "../../domain/Ids.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"

export const cursorOf = (provider: ProviderName) =>
  ResumeCursor.make({ provider, version: 1, schema: Schema.Struct(ResumeCursor.baseFields) })
