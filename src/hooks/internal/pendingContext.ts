/**
 * What hooks have to say to the next turn of a thread, kept until that turn asks for it. In memory, and bounded: of the
 * epoch that spoke last, and of so many threads.
 */
import type { Epoch, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { EventOf, LifecycleEvent } from "../../domain/LifecycleEvent.ts"

export interface NextTurn {
  /** For the turn itself, where the event is of one that starts; else for the next one of the event's epoch. */
  readonly add: (event: LifecycleEvent, texts: ReadonlyArray<string>) => void
  readonly take: (event: EventOf<"turn:start">) => ReadonlyArray<string>
}

interface Said {
  readonly epoch: Epoch
  readonly turnId: TurnId | undefined
  readonly text: string
}

const threadLimit = 1000

export const make = (): NextTurn => {
  const threads = new Map<ThreadId, ReadonlyArray<Said>>()
  /** A turn that a guard has stopped takes what was said to it along. */
  const said = (event: LifecycleEvent, turnId: TurnId | undefined) =>
    (threads.get(event.threadId) ?? []).filter((said) =>
      said.epoch === event.epoch && (turnId === undefined || said.turnId === undefined || said.turnId === turnId)
    )
  return {
    add: (event, texts) => {
      const last = threads.get(event.threadId)?.at(-1)
      if (texts.length === 0 || (last !== undefined && last.epoch > event.epoch)) return
      const turnId = event._tag === "turn:start" ? event.turnId : undefined
      threads.set(event.threadId, [
        ...said(event, turnId),
        ...texts.map((text) => ({ epoch: event.epoch, turnId, text }))
      ])
      for (const oldest of threads.keys()) {
        if (threads.size <= threadLimit) break
        threads.delete(oldest)
      }
    },
    take: (event) => {
      const texts = said(event, event.turnId).map(({ text }) => text)
      threads.delete(event.threadId)
      return texts
    }
  }
}
