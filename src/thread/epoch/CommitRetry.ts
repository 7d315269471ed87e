/**
 * A commit that may be tried again. One that failed can be made all the same, where only its answer was lost (the connection
 * to the database broke at the end of the transaction); then it is its own events that fence off the next try.
 */
import { Effect, Option } from "effect"
import type { Position } from "../../domain/Ids.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import type { Commit } from "../../store/Commit.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { EpochFenced, StoreFailed } from "../../store/StoreError.ts"

const isSame = (one: NumberedEvent, other: NumberedEvent | undefined): boolean =>
  one._tag === other?._tag && one.seq === other.seq && one.epoch === other.epoch && one.at === other.at

/** The position of the commit, if the log has its events. */
const made = Effect.fnUntraced(function*(store: SessionStore["Service"], { parts, threadId }: Commit) {
  const events = parts.flatMap((part) => part.events)
  const [first] = events
  if (first === undefined) return Option.none()
  const stored = yield* store.readEvents({ threadId, after: first.seq - 1, limit: events.length })
  return events.every((event, n) => isSame(event, stored[n]))
    ? Option.fromUndefinedOr(stored.at(-1)?.position)
    : Option.none()
})

/** Makes the commit; to be run again where it fails with `StoreFailed`. */
export const make = (
  store: SessionStore["Service"],
  write: Commit
): Effect.Effect<Position, StoreFailed | EpochFenced> => {
  let failed = false
  const commit = Effect.tapErrorTag(store.commit(write), "StoreFailed", () =>
    Effect.sync(() => {
      failed = true
    }))
  return Effect.suspend(() =>
    failed
      ? Effect.catchTag(commit, "EpochFenced", (fenced) =>
        Effect.flatMap(made(store, write), (position) =>
          Effect.mapError(Effect.fromOption(position), () =>
            fenced)))
      : commit
  )
}
