/**
 * Which threads have changed: a thread tells of its commits, by the events that it shows once its own state has moved, and of
 * what it does that is not stored; what is written of a thread beside that is told by the store. A reader that is slow is told once of a thread that
 * changed often.
 */
import { Effect, Latch, type Scope } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { isEphemeral, type ThreadEvent } from "../domain/ThreadEvent.ts"
import type { SessionStore } from "../store/SessionStore.ts"

/** One reader: the threads that have changed since it asked last. */
interface Reader {
  changed: Set<ThreadId>
  readonly wake: Latch.Latch
}

export interface ThreadChanges {
  readonly changed: (threadId: ThreadId) => void
  /** A thread has shown these events: if some are stored, it has changed. */
  readonly shown: (events: ReadonlyArray<ThreadEvent>) => void
  /** From now on: waits until threads have changed and answers which; none once the host is closed. */
  readonly follow: Effect.Effect<Effect.Effect<ReadonlySet<ThreadId>>, never, Scope.Scope>
  /** Readers end. */
  readonly close: () => void
}

export const make = (): ThreadChanges => {
  const readers = new Set<Reader>()
  let closed = false

  const take = (reader: Reader): Effect.Effect<ReadonlySet<ThreadId>> =>
    Effect.suspend(() => {
      if (reader.changed.size > 0 || closed) {
        const { changed } = reader
        reader.changed = new Set()
        return Effect.succeed(changed)
      }
      reader.wake.closeUnsafe()
      return Effect.flatMap(reader.wake.await, () => take(reader))
    })

  const changed = (threadId: ThreadId): void => {
    for (const reader of readers) {
      reader.changed.add(threadId)
      reader.wake.openUnsafe()
    }
  }

  return {
    changed,
    shown: (events) => {
      const durable = readers.size === 0 ? undefined : events.find((event) => !isEphemeral(event))
      if (durable !== undefined) changed(durable.threadId)
    },
    follow: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const reader: Reader = { changed: new Set(), wake: Latch.makeUnsafe(false) }
          readers.add(reader)
          return reader
        }),
        (reader) => Effect.sync(() => readers.delete(reader))
      ),
      take
    ),
    close: () => {
      closed = true
      for (const { wake } of Array.from(readers)) wake.openUnsafe()
    }
  }
}

/** The store, whose writes beside commits tell of the threads that they are to. */
export const told = (
  store: SessionStore["Service"],
  changed: (threadId: ThreadId) => void
): SessionStore["Service"] => {
  const tell = <A, E>(threadId: ThreadId, write: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.map(write, (answer) => {
      changed(threadId)
      return answer
    })
  return {
    ...store,
    createThread: (thread) => tell(thread.threadId, store.createThread(thread)),
    configureThread: (binding) => tell(binding.threadId, store.configureThread(binding)),
    deleteThread: (threadId) => tell(threadId, store.deleteThread(threadId)),
    settleThread: (threadId) => tell(threadId, store.settleThread(threadId)),
    recordIntent: (turn) => tell(turn.threadId, store.recordIntent(turn))
  }
}
