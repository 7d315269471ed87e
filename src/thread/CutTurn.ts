/**
 * The turn that was running when the thread's last epoch ended, if its end was not recorded. Reconciliation asks the agent what
 * became of it. A session that has this turn also has every older one, so a start after a crash asks the agent once.
 */
import { Effect, Option } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import type { ProviderSession, TurnEvidence } from "../provider/ProviderAdapter.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** What a start has asked the agent of turns. */
export interface Asked {
  /** The thread before the start. */
  readonly record: Binding | undefined
  readonly answers: Map<TurnId, TurnEvidence>
}

/** How long the agent may take. Without an answer nothing is proved. */
const patience = "10 seconds"

/** Whether the session has this turn, the last one that was completed, because it has one that was cut after it. */
export const proves = Effect.fnUntraced(function*(
  { store }: ThreadDeps,
  session: ProviderSession,
  completed: TurnId,
  { answers, record }: Asked
) {
  // Sessions of the epochs before are not known.
  if (record === undefined || record.sessionId !== session.sessionId || !session.capabilities.history) return false
  const { epoch, threadId } = record
  const turns = yield* store.unreconciledTurns(threadId)
  const cut = turns.findLast((turn) => turn.epoch === epoch && turn.ref !== undefined)
  if (cut === undefined) return false
  const [before, begun] = yield* Effect.all([
    store.turnStart(threadId, completed),
    store.turnStart(threadId, cut.turnId)
  ])
  if (Option.isNone(before) || Option.isNone(begun) || begun.value.seq < before.value.seq) return false
  const { ref, turnId } = cut
  const evidence = yield* session.evidence({ turnId, ref }).pipe(
    Effect.timeout(patience),
    // Both who need it ask again.
    Effect.orElseSucceed(() => undefined)
  )
  if (evidence === undefined) return false
  answers.set(turnId, evidence)
  return evidence.outcome !== "never-delivered"
})
