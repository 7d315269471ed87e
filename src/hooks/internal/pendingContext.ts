/**
 * Texts from hooks for the next turn of a thread, kept until that turn takes them. In memory and bounded: of the latest
 * epoch, and of a limited number of threads.
 */
import type { Epoch, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { EventOf, LifecycleEvent } from "../../domain/LifecycleEvent.ts"

export interface PendingContext {
  /** For the turn itself if the event is its start, else for the next turn of the event's epoch. */
  readonly add: (event: LifecycleEvent, texts: ReadonlyArray<string>) => void
  readonly take: (event: EventOf<"turn:start">) => ReadonlyArray<string>
}

interface Text {
  readonly epoch: Epoch
  readonly turnId: TurnId | undefined
  readonly text: string
}

const threadLimit = 1000

export const make = (): PendingContext => {
  const threads = new Map<ThreadId, ReadonlyArray<Text>>()
  /** The thread's texts for this turn, or for any. Texts of an earlier turn, which was vetoed, are dropped with it. */
  const pending = (event: LifecycleEvent, turnId: TurnId | undefined) =>
    (threads.get(event.threadId) ?? []).filter((text) =>
      text.epoch === event.epoch && (turnId === undefined || text.turnId === undefined || text.turnId === turnId)
    )
  return {
    add: (event, texts) => {
      const last = threads.get(event.threadId)?.at(-1)
      if (texts.length === 0 || (last !== undefined && last.epoch > event.epoch)) return
      const turnId = event._tag === "turn:start" ? event.turnId : undefined
      threads.set(event.threadId, [
        ...pending(event, turnId),
        ...texts.map((text) => ({ epoch: event.epoch, turnId, text }))
      ])
      for (const oldest of threads.keys()) {
        if (threads.size <= threadLimit) break
        threads.delete(oldest)
      }
    },
    take: (event) => {
      const texts = pending(event, event.turnId).map(({ text }) => text)
      threads.delete(event.threadId)
      return texts
    }
  }
}
