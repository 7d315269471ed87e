/**
 * A turn that a thread has from elsewhere, as the event that makes it the thread's own.
 */
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"

type Restored = Extract<EventBody, { readonly _tag: "TurnRestored" }>

export const restoredTurn = (turn: TranscriptTurn, source: Restored["source"]): Restored => ({
  _tag: "TurnRestored",
  turnId: turn.turnId,
  source,
  ...(turn.input === undefined ? {} : { input: turn.input }),
  ...(turn.cause === undefined ? {} : { cause: turn.cause }),
  startedAt: turn.startedAt,
  items: turn.items,
  ...(turn.annotations === undefined ? {} : { annotations: turn.annotations }),
  outcome: turn.outcome ?? "unknown"
})
