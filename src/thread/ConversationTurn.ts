/**
 * A turn of the conversation as it is now, and where the agent finds it: what a fork at a turn and a rewind cut at.
 */
import { Effect, Option } from "effect"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { TurnPlace } from "../provider/ProviderAdapter.ts"
import { TurnNotFound } from "../service/ServiceError.ts"
import type { Conversation } from "../transcript/internal/threadArchive.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

export interface ConversationTurn {
  readonly place: TurnPlace
  /** The conversation up to and including the turn. */
  readonly until: Conversation
  /** `seq` of the event that ended it, or that the thread has it by. */
  readonly endSeq: number | undefined
}

/** Fails with `TurnNotFound` where the conversation, since its last reset and without what was rewound, has no such turn. */
export const find = Effect.fnUntraced(function*(deps: ThreadDeps, threadId: ThreadId, turnId: TurnId) {
  const { endSeq, pruned, turns } = yield* deps.archive.around(threadId, turnId)
  const index = turns.findIndex((turn) => turn.turnId === turnId)
  if (index === -1) return yield* new TurnNotFound({ threadId, turnId })
  const row = Option.getOrUndefined(yield* deps.store.getTurn(turnId))
  // A turn that was restored from another thread has its row there, and another session knew its ref.
  const ref = row?.threadId === threadId ? row.ref : undefined
  const found: ConversationTurn = {
    place: { turnId, ref },
    until: { turns: turns.slice(0, index + 1), pruned },
    endSeq
  }
  return found
})
