/**
 * A turn that a thread has from elsewhere, as the event that makes it the thread's own.
 */
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import * as TranscriptFold from "../domain/TranscriptFold.ts"

type Restored = Extract<EventBody, { readonly _tag: "TurnRestored" }>

export const restoredTurn = (turn: TranscriptTurn, source: Restored["source"]): Restored => ({
  _tag: "TurnRestored",
  turnId: turn.turnId,
  source,
  ...(turn.input === undefined ? {} : { input: turn.input }),
  ...(turn.cause === undefined ? {} : { cause: turn.cause }),
  startedAt: turn.startedAt,
  items: itemsOf(turn),
  ...(turn.annotations === undefined ? {} : { annotations: turn.annotations }),
  outcome: turn.outcome ?? "unknown"
})

/** What the user said is handed over as an item: a turn that another program kept may have it in its input alone. */
const itemsOf = ({ input, items, turnId }: TranscriptTurn): TranscriptTurn["items"] =>
  input === undefined || items.some(TranscriptFold.isOwnWords)
    ? items
    : [TranscriptFold.userItem(turnId, input, 0), ...items]
