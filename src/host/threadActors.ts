/**
 * The actors of a service: one per thread that somebody uses or that is live. One that nobody uses is forgotten.
 */
import { Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import * as ThreadActor from "../thread/ThreadActor.ts"
import type { Recorded } from "../thread/ThreadLog.ts"

export interface ThreadActors {
  /** The actor, if the thread has one now. */
  readonly peek: (threadId: ThreadId) => ThreadActor.ThreadActor | undefined
  /** All actors. From now on none of them, and none to come, starts or sends anything. */
  readonly retire: () => ReadonlyArray<ThreadActor.ThreadActor>
  readonly acquire: (threadId: ThreadId) => Effect.Effect<ThreadActor.ThreadActor>
  readonly release: (actor: ThreadActor.ThreadActor) => Effect.Effect<void>
  /** Keeps the actor for as long as `use` runs. */
  readonly use: <A, E, R>(
    threadId: ThreadId,
    use: (actor: ThreadActor.ThreadActor) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}

export const make = (recorded: Recorded): ThreadActors => {
  const actors = new Map<ThreadId, ThreadActor.ThreadActor>()
  let retired = 0
  const acquire = (threadId: ThreadId) =>
    Effect.sync(() => {
      const actor = actors.get(threadId) ?? ThreadActor.make(threadId, recorded, retired)
      actors.set(threadId, actor)
      actor.users++
      return actor
    })
  const release = (actor: ThreadActor.ThreadActor) =>
    Effect.sync(() => {
      actor.users--
      if (actor.users === 0 && actor.live === undefined && actors.get(actor.threadId) === actor) {
        actors.delete(actor.threadId)
      }
    })
  return {
    peek: (threadId) => actors.get(threadId),
    retire: () => {
      retired = 1
      const all = Array.from(actors.values())
      for (const actor of all) actor.stops += retired
      return all
    },
    acquire,
    release,
    use: (threadId, use) => Effect.acquireUseRelease(acquire(threadId), use, release)
  }
}
