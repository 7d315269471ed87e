/**
 * The actors of a host: one per thread that a call uses or that is live. One that is neither is forgotten.
 */
import { Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import * as ThreadActor from "../thread/ThreadActor.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"

interface Entry {
  readonly actor: ThreadActor.ThreadActor
  /** Calls that hold the actor. */
  users: number
}

export interface ThreadActors {
  /** The actor, if the thread has one now. */
  readonly peek: (threadId: ThreadId) => ThreadActor.ThreadActor | undefined
  /** Keeps the actor until the scope closes. */
  readonly acquire: (threadId: ThreadId) => Effect.Effect<ThreadActor.ThreadActor>
  readonly release: (actor: ThreadActor.ThreadActor) => Effect.Effect<void>
  /** Keeps the actor for as long as `use` runs. */
  readonly use: <A, E, R>(
    threadId: ThreadId,
    use: (actor: ThreadActor.ThreadActor) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /** Forgets the thread's actor, unless a call uses it or a session is there. */
  readonly forget: (threadId: ThreadId) => void
  readonly all: () => ReadonlyArray<ThreadActor.ThreadActor>
  readonly size: () => number
}

export const make = (deps: ThreadDeps): ThreadActors => {
  const entries = new Map<ThreadId, Entry>()
  const acquire = (threadId: ThreadId) =>
    Effect.sync(() => {
      const entry = entries.get(threadId) ?? { actor: new ThreadActor.ThreadActor(deps, threadId), users: 0 }
      entries.set(threadId, entry)
      entry.users++
      return entry.actor
    })
  const forget = (threadId: ThreadId) => {
    const entry = entries.get(threadId)
    if (entry !== undefined && entry.users === 0 && !entry.actor.isLive) entries.delete(threadId)
  }
  const release = ({ threadId }: ThreadActor.ThreadActor) =>
    Effect.sync(() => {
      const entry = entries.get(threadId)
      if (entry !== undefined) entry.users--
      forget(threadId)
    })
  return {
    peek: (threadId) => entries.get(threadId)?.actor,
    acquire,
    release,
    use: (threadId, use) => Effect.acquireUseRelease(acquire(threadId), use, release),
    forget,
    all: () => Array.from(entries.values(), ({ actor }) => actor),
    size: () => entries.size
  }
}
