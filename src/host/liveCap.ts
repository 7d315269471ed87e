/**
 * Keeps the number of live sessions at `reaper.maxLive`: the least recently used idle ones are stopped.
 */
import { Effect, Semaphore } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import * as SessionReaper from "../thread/SessionReaper.ts"
import type { ThreadActors } from "./threadActors.ts"

export type LiveCap = ReturnType<typeof make>

export const make = (actors: ThreadActors, maxLive: number) => {
  // One at a time: two starts that need a place each stop two sessions, and not the same one twice.
  const turns = Semaphore.makeUnsafe(1)

  /** Looked at again under its thread's lock; a thread whose lock is taken is in use. Answers whether it is stopped. */
  const stop = ({ epoch, threadId }: SessionReaper.LiveSession) =>
    actors.use(threadId, (actor) =>
      actor.reap(epoch, { overCap: true, sleeps: () => [] }).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning("An idle session above the cap could not be stopped", cause).pipe(
            Effect.annotateLogs({ threadId })
          )
        ),
        Effect.andThen(Effect.sync(() => actor.session?.epoch !== epoch))
      ))

  /** Stops until there are at most so many of other threads. Answers how many more there are: they are in use. */
  const stopAbove = Effect.fnUntraced(function*(others: number, threadId?: ThreadId) {
    const sessions = actors.all().flatMap((actor) => actor.threadId === threadId ? [] : actor.session ?? [])
    const { excess, idle } = SessionReaper.aboveCap(sessions, others)
    let left = excess
    for (const session of idle) {
      if (left === 0) break
      if (yield* stop(session)) left--
    }
    return left
  }, Semaphore.withPermit(turns))

  return {
    maxLive,

    /** Threads whose sessions the next sweep stops, since there are too many of them. */
    tooMany: (): ReadonlySet<ThreadId> => {
      if (maxLive === Number.POSITIVE_INFINITY) return new Set()
      const { excess, idle } = SessionReaper.aboveCap(actors.all().flatMap(({ session }) => session ?? []), maxLive)
      return new Set(idle.slice(0, excess).map(({ threadId }) => threadId))
    },

    /** For the start of a session of this thread, which goes on in any case. */
    makeRoom: (threadId: ThreadId): Effect.Effect<void> =>
      maxLive === Number.POSITIVE_INFINITY ? Effect.void : stopAbove(maxLive - 1, threadId).pipe(
        Effect.tap((left) =>
          left === 0
            ? Effect.void
            : Effect.logWarning("There are more live sessions than reaper.maxLive: all others are in use")
        ),
        Effect.catchCause((cause) => Effect.logWarning("The cap on live sessions could not be kept", cause)),
        Effect.annotateLogs({ threadId, maxLive })
      ),

    /** For each sweep: sessions that were in use when another was started may be idle by now. */
    trim: maxLive === Number.POSITIVE_INFINITY ? Effect.void : Effect.asVoid(stopAbove(maxLive))
  }
}
