/**
 * The resume cursor of an ACP agent, in the agent's own name: those of two agents are not interchangeable. And the ids of
 * sessions that we make, where an agent takes them.
 */
import { Effect, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import type { ProviderName } from "../../domain/Ids.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"

export const cursorOf = (provider: ProviderName) =>
  ResumeCursor.make({ provider, version: 1, schema: Schema.Struct(ResumeCursor.baseFields) })

/** UUIDs of ours are of the version 5, and those that agents make are not. */
export const newId = Effect.sync(() => {
  const id = SecureRandom.uuidV7Unsafe()
  return `${id.slice(0, 14)}5${id.slice(15)}`
})

export const isOurs = (sessionId: string): boolean => /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-/i.test(sessionId)
