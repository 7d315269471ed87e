/**
 * What live threads show and do not store, for readers of all threads: each has a bounded buffer. One that is too slow
 * loses what is in it, and is told so.
 */
import { Latch } from "effect"
import { isEphemeral, type ThreadEvent } from "../domain/ThreadEvent.ts"

/** One reader's buffer, in the order in which threads have shown the events. */
export interface DeltaReader {
  buffer: Array<ThreadEvent>
  /** Some were dropped; nothing more is buffered. */
  lost: boolean
  readonly wake: Latch.Latch
}

export interface LiveDeltas {
  /** A thread has shown these events. */
  readonly shown: (events: ReadonlyArray<ThreadEvent>) => void
  readonly join: (soFar: ReadonlyArray<ThreadEvent>, wake: Latch.Latch) => DeltaReader
  readonly leave: (reader: DeltaReader) => void
}

/** How many events wait for a reader at most. */
const capacity = 16_384

export const make = (): LiveDeltas => {
  const readers = new Set<DeltaReader>()
  return {
    shown: (events) => {
      if (readers.size === 0) return
      const ephemeral = events.filter(isEphemeral)
      if (ephemeral.length === 0) return
      for (const reader of Array.from(readers)) {
        if (reader.buffer.length + ephemeral.length > capacity) {
          reader.lost = true
          reader.buffer = []
          readers.delete(reader)
        } else {
          for (const event of ephemeral) reader.buffer.push(event)
        }
        reader.wake.openUnsafe()
      }
    },
    join: (soFar, wake) => {
      const reader: DeltaReader = { buffer: Array.from(soFar), lost: false, wake }
      readers.add(reader)
      return reader
    },
    leave: (reader) => void readers.delete(reader)
  }
}
