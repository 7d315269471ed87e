/**
 * Whether a hook wants an event, by the kinds or patterns that it was registered with; the event has its type then.
 */
import type { FeedEvent } from "../../domain/FeedEvent.ts"
import { type HookPattern, type LifecycleEvent, matches, type Matching } from "../../domain/LifecycleEvent.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { GuardedEvent, GuardedKind } from "../HookVerdict.ts"
import type { Projected } from "../Projection.ts"

export const isProjected = <K extends ThreadEvent["_tag"]>(
  kinds: ReadonlyArray<K>,
  event: FeedEvent
): event is Projected<K> => {
  const wanted: ReadonlyArray<string> = kinds
  return event._tag === "Gap" || event._tag === "FeedGap" || wanted.includes(event._tag)
}

export const isOf = <K extends GuardedKind>(kinds: ReadonlyArray<K>, event: GuardedEvent): event is GuardedEvent<K> =>
  matches(kinds, event._tag)

export const isMatching = <P extends HookPattern>(
  patterns: ReadonlyArray<P>,
  event: LifecycleEvent
): event is Matching<P> => matches(patterns, event._tag)
