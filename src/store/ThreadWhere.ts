/**
 * Which threads a list has.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Labels } from "../domain/AppData.ts"
import { InstanceId } from "../domain/Ids.ts"
import { ThreadStatus } from "../domain/ThreadRecord.ts"
import { WellFormed } from "../domain/WellFormed.ts"

/**
 * Threads that meet every condition that is given.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ThreadWhere = Schema.Struct({
  /** Threads that have all of these labels, with these values. */
  labels: Schema.optional(Labels),
  /** What they are doing now: one of these. */
  status: Schema.optional(Schema.Array(Schema.Literals(["starting", ...ThreadStatus.literals]))),
  /** Absolute path. */
  directory: Schema.optional(WellFormed),
  instanceId: Schema.optional(InstanceId),
  /** Those that the app has put away, or the others. */
  archived: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ThreadWhere extends Schema.Schema.Type<typeof ThreadWhere> {}
