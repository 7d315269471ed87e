/**
 * How an agent names a message, a tool call, a request. Decode it as such at the door: of an empty id, or one with half of a
 * surrogate pair (JSON can hold one), no id of ours can be made, and `ItemId.make` would be a crash where the frame ought to
 * be `Unrecognized`.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { WellFormed } from "../domain/WellFormed.ts"

/**
 * @category schemas
 * @since 0.1.0
 */
export const NativeId = WellFormed.check(Schema.isNonEmpty())
