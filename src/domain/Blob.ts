/**
 * Bytes that were pasted into a conversation, or that a tool gave back, as events and hooks name them. The bytes themselves
 * are kept beside the events, once for all threads that have them; `readBlob` gives them to a reader that has the thread.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * The hash of the bytes, as 64 lower-case hex digits.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

const fields = {
  sha256: Sha256,
  /** What the bytes are, as the user's app or the agent calls it: `image/png`, ... */
  mediaType: Schema.String,
  /** How many there are. */
  bytes: Schema.Int
}

/**
 * Names bytes by their content.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BlobRef = Schema.Struct(fields)

/**
 * @since 0.1.0
 * @category models
 */
export type BlobRef = typeof BlobRef.Type
