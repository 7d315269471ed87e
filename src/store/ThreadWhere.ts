/**
 * Which threads a list has.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Labels } from "../domain/AppData.ts"

/**
 * Threads that meet every condition that is given.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ThreadWhere = Schema.Struct({
  /** Threads that have all of these labels, with these values. */
  labels: Schema.optional(Labels),
  /** Those that the app has put away, or the others. */
  archived: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ThreadWhere extends Schema.Schema.Type<typeof ThreadWhere> {}
