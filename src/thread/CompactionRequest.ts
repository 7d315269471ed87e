/**
 * A compaction that the app asks for, or that follows an overflow: saved and guarded first, then handed to the agent, and
 * over once the agent says so. The thread is taken meanwhile.
 */
import { Deferred, Effect } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { CompactionInProgress, CompactionRefused } from "../service/ServiceError.ts"
import * as CompactionGate from "./CompactionGate.ts"
import type * as EpochWaiters from "./epoch/EpochWaiters.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadStart from "./ThreadStart.ts"
import * as TurnAdmission from "./TurnAdmission.ts"

export interface CompactionResult extends EpochWaiters.CompactionOver {
  readonly compactionId: string
}

/** Compacts the thread's session, which is started first if need be. */
export const compact = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, trigger: CompactionTrigger) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadStart.resume(deps, cell, yield* ThreadCell.withoutTurn(deps, cell))
      if (!live.session.capabilities.compact) {
        return yield* new CapabilityMissing({ provider: live.adapter.provider, capability: "compact" })
      }
      const begun = yield* CompactionGate.begin(deps, live, trigger, "us")
      if (begun === undefined) {
        // The agent has begun one by itself.
        const compactionId = live.state.compaction?.compactionId ?? ""
        return yield* new CompactionInProgress({ threadId: cell.threadId, compactionId })
      }
      const exit = yield* ThreadCell.interruptible(
        deps,
        cell,
        Effect.andThen(
          TurnAdmission.awaitSessionStartHooks(deps, live),
          run(deps, live, begun, trigger)
        ).pipe(
          Effect.onInterrupt(() =>
            CompactionGate.settle(deps, live, begun.compactionId, { outcome: "unknown", reason: "given up" })
          )
        )
      )
      return yield* ThreadCell.valueOf(cell, exit)
    })
  )

const run = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  begun: CompactionGate.Begun,
  trigger: CompactionTrigger
) {
  const { compactionId, waiter } = begun
  const verdict = yield* CompactionGate.hold(deps, live, begun, trigger)
  if (verdict._tag === "Allow") {
    yield* live.session.compact.pipe(
      // It can settle, by its deadline at the latest, before the agent answers.
      Effect.raceFirst(Effect.asVoid(Deferred.await(waiter.settled))),
      Effect.tapError((error) =>
        CompactionGate.settle(deps, live, compactionId, { outcome: "failed", reason: error._tag })
      )
    )
  }
  const ending = yield* Deferred.await(waiter.settled)
  if (verdict._tag === "Veto" && (ending.outcome === "vetoed" || ending.outcome === "cancelled")) {
    const { threadId } = live.binding
    return yield* new CompactionRefused({ threadId, compactionId, outcome: ending.outcome, reason: verdict.reason })
  }
  return { ...ending, compactionId } satisfies CompactionResult
})
