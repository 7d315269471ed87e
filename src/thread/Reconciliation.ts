/**
 * What became of the turns that ended as unknown, by the provider's own history: the items that were missed are added
 * to the archive as `recovered`, and `TurnReconciled` says how the turn ended there, or that it never arrived. Nothing is
 * sent again.
 */
import { Effect, Semaphore } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type * as LiveSessions from "./LiveSession.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as ThreadLog from "./ThreadLog.ts"

interface Engine extends Pick<LiveSessions.Engine, "store" | "clock"> {
  readonly archive: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TranscriptTurn>, StoreFailed>
}

/** Asks the provider's own history about turns whose outcome a crash has hidden. What it cannot tell stays unknown. */
export const run = Effect.fnUntraced(function*(engine: Engine, live: LiveSession) {
  const unknown = yield* engine.store.unreconciledTurns(live.binding.threadId)
  if (unknown.length === 0 || !live.adapter.capabilities.history) return
  const archived = yield* engine.archive(live.binding.threadId)
  for (const { ref, turnId } of unknown) {
    const evidence = yield* live.session.evidence({ turnId, ref })
    const known = new Set(archived.find((turn) => turn.turnId === turnId)?.items.map((item) => item.itemId))
    const items = evidence.items.filter((item) => item._tag !== "UserMessage" && !known.has(item.itemId))
    yield* ThreadLog.append(
      live.log,
      engine.clock,
      live.binding,
      [
        ...items.map((item): EventBody => ({ _tag: "ItemCompleted", turnId, item, recovered: true })),
        { _tag: "TurnReconciled", turnId, evidence: evidence.outcome }
      ],
      (written) =>
        engine.store.commit({
          name: "reconcile a turn",
          threadId: live.binding.threadId,
          parts: [{ epoch: live.binding.epoch, expect: "live", ...written }],
          flush: true
        })
    ).pipe(Semaphore.withPermit(live.log.lock))
  }
})
