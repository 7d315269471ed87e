/**
 * What the reaper sees of one thread, and does with it.
 */
import { Effect, Result } from "effect"
import type { Epoch as EpochNumber } from "../domain/Ids.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as SessionReaper from "./SessionReaper.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** A function of the app: of a thread that it cannot say, the session is kept. */
export const isExempt = ({ settings: { reaper } }: ThreadDeps, binding: Binding): boolean =>
  Result.getOrElse(Result.try(() => reaper.exempt(binding)), () => true)

/** What the reaper sees of a live session. */
export const observation = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  { overCap, sleeps }: SessionReaper.Look
): SessionReaper.Observation => ({
  now: deps.steady.now(),
  activeAt: live.state.activeAt,
  busy: LiveEpoch.isBusy(live),
  backgroundWork: Epoch.beside(live.state).length > 0,
  exempt: isExempt(deps, live.binding),
  overCap,
  sleeps: sleeps()
})

/** Looks at a thread that is due, and stops it if the rule says so. Lock held. */
export const reap = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  epoch: EpochNumber,
  look: SessionReaper.Look
) {
  const live = yield* ThreadCell.usable(deps, cell)
  if (live === undefined) {
    // The end of the epoch could not be stored; without this the thread would look live, and be due, for ever.
    yield* ThreadCell.loadRecord(deps, cell, epoch)
    return
  }
  if (live.binding.epoch !== epoch) return
  const decision = SessionReaper.decide(observation(deps, live, look), deps.settings.reaper)
  if (decision._tag === "Keep" && decision.because === "background-work") {
    yield* Effect.logDebug("An idle session is kept for its background work").pipe(
      Effect.annotateLogs({ threadId: cell.threadId, waitsFor: Epoch.beside(live.state) })
    )
  }
  return decision._tag === "Stop"
    ? yield* ThreadCell.end(deps, cell, live, "reaped")
    : yield* deps.store.setDue({ threadId: cell.threadId, epoch, dueAt: decision.until })
})
