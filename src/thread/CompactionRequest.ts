/**
 * A compaction that the app asks for, or that mends an overflow: saved and guarded first, then handed to the agent, and
 * over once the agent says so. The thread is taken meanwhile.
 */
import { Deferred, Effect, Exit } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { SnapshotInfo } from "../domain/Snapshot.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { CompactionInProgress, CompactionRefused, TurnInProgress } from "../service/ServiceError.ts"
import * as Compaction from "./Compaction.ts"
import type * as LiveSession from "./LiveSession.ts"
import { cut, cuttable, type Engine, taking, type ThreadActor, turnRunning, usable } from "./ThreadActor.ts"
import * as ThreadStart from "./ThreadStart.ts"

export interface Compacted extends Compaction.Ending {
  readonly compactionId: string
  readonly snapshot: SnapshotInfo | undefined
}

/** Compacts the thread's session, which is started first if need be. */
export const compact = <E>(
  engine: Engine,
  actor: ThreadActor,
  trigger: CompactionTrigger,
  wanted: Effect.Effect<ThreadStart.Wanted, E>
) =>
  taking(
    actor,
    Effect.gen(function*() {
      const found = yield* usable(engine, actor)
      const turn = turnRunning(found)
      if (turn !== undefined) return yield* new TurnInProgress({ threadId: actor.threadId, turnId: turn.turnId })
      const live = found ?? (yield* Effect.flatMap(wanted, (wanted) => ThreadStart.open(engine, actor, wanted))).live
      const { capabilities, provider } = live.adapter
      if (!capabilities.compact) return yield* new CapabilityMissing({ provider, capability: "compact" })
      // The agent has begun one by itself.
      if (live.compaction !== undefined) {
        const { compactionId } = live.compaction
        return yield* new CompactionInProgress({ threadId: actor.threadId, compactionId })
      }
      const compaction = Compaction.begin(live, engine.clock, trigger, true)
      const exit = yield* cuttable(
        actor,
        Effect.andThen(ThreadStart.greet(engine, live), run(engine, live, compaction))
      )
      if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
      return exit.value
    })
  )

const run = Effect.fnUntraced(
  function*(engine: Engine, live: LiveSession.LiveSession, compaction: Compaction.Compaction) {
    const { compactionId } = compaction
    const verdict = yield* Compaction.hold(engine, live, compaction)
    if (verdict._tag === "Allow") {
      yield* live.session.compact.pipe(
        // It may be over before the agent answers, and be it at its deadline.
        Effect.raceFirst(Effect.asVoid(Deferred.await(compaction.settled))),
        Effect.tapError((error) => Compaction.fail(engine, live, compaction, error._tag))
      )
    }
    const ending = yield* Compaction.outcome(live, compaction)
    const { outcome } = ending
    if (verdict._tag === "Veto" && (outcome === "vetoed" || outcome === "cancelled")) {
      const { threadId } = live.binding
      return yield* new CompactionRefused({ threadId, compactionId, outcome, reason: verdict.reason })
    }
    return { ...ending, compactionId, snapshot: compaction.snapshot } satisfies Compacted
  },
  (effect, engine, live, compaction) =>
    effect.pipe(Effect.onInterrupt(() => Compaction.giveUp(engine, live, compaction)))
)
