/**
 * The feed: what happened in all threads, in the order of its commits.
 *
 * @since 0.1.0
 */
import type { Position } from "../domain/Ids.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"

/**
 * Which part of the feed.
 *
 * @category models
 * @since 0.1.0
 */
export interface FeedQuery {
  /** Absent: from the start. */
  readonly after?: Position | undefined
  /** Events of these kinds only, as they were stored, and each `Gap`. */
  readonly kinds?: ReadonlyArray<ThreadEvent["_tag"]> | undefined
  /** At most so many events. */
  readonly limit: number
}

/**
 * One page of the feed.
 *
 * @category models
 * @since 0.1.0
 */
export interface FeedPage {
  readonly events: ReadonlyArray<ThreadEvent>
  /** Nothing that fits is left up to here: where the next page begins. */
  readonly through: Position
  /** `after` lies behind the end: another store has made it, or this one was restored from a backup. Then there are no events. */
  readonly ahead: boolean
}
