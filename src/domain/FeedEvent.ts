/**
 * What a reader of all threads sees: the events of every thread in one order, and where it lost some.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Position } from "./Ids.ts"
import { ThreadEvent } from "./ThreadEvent.ts"

/**
 * Something is missing in the feed, of no one thread; what was pruned of one thread is that thread's own `Gap`.
 *
 * - `slow-reader`: deltas were dropped because the reader was slow. No durable event was.
 * - `log-replaced`: the position asked for lies behind the end, so it is another store's, or this one was restored from a
 *   backup. The feed follows from its start: forget what you had.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FeedGap = Schema.TaggedStruct("FeedGap", {
  cause: Schema.Literals(["slow-reader", "log-replaced"]),
  lost: Schema.Literals(["deltas", "events"]),
  /** Where the feed goes on. */
  position: Position
})

/**
 * @since 0.1.0
 * @category models
 */
export interface FeedGap extends Schema.Schema.Type<typeof FeedGap> {}

/**
 * An event of some thread, or a gap. Each has the `position` after which the feed goes on.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FeedEvent = Schema.Union([ThreadEvent, FeedGap])

/**
 * @since 0.1.0
 * @category models
 */
export type FeedEvent = ThreadEvent | FeedGap
