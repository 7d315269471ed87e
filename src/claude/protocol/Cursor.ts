/**
 * Claude's resume cursor. The session's id finds it again in every project's folder of its configuration
 * (`CLAUDE_CONFIG_DIR`); the directory tells a move.
 */
import { Effect, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { ProviderName, SessionId } from "../../domain/Ids.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"

export const provider = ProviderName.make("claude")

export const cursor = ResumeCursor.make({
  provider,
  version: 1,
  schema: Schema.Struct({
    ...ResumeCursor.baseFields,
    /** How many bytes of the session's file have been looked at for what other clients wrote. */
    seen: Schema.optionalKey(Schema.Int)
  })
})

/** Claude's ids are UUIDs. Anything else in its place is taken for a title, and an empty one began a new session (2.1.329). */
export const isSessionId = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)

/**
 * Ids of sessions and messages that we make are of version 7. Claude's own are of version 4, so ours are told from those of
 * others.
 */
export const newId = Effect.sync(() => SecureRandom.uuidV7Unsafe())

export const newSessionId = Effect.map(newId, (id) => SessionId.make(id))

/** The id of a message that belongs to the prompt after it: of version 8, whose bits are free. */
export const newAsideId = Effect.map(newId, (id) => `${id.slice(0, 14)}8${id.slice(15)}`)

export const isAside = (id: string): boolean => id[14] === "8"

export const isOurs = (id: string): boolean => id[14] === "7" || isAside(id)
