/**
 * One thread, addressed by its id: everything that can be asked of it. It is the only one that starts, sends to, stops and
 * reaps the thread's session.
 *
 * What an actor knows it can read again from the store, so one that no call uses and that has no session is forgotten.
 */
import { Effect, Option, Semaphore } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { Epoch as EpochNumber, RequestId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { InterruptedBy, SessionEndReason } from "../domain/ThreadEvent.ts"
import type { QuestionAnswer } from "../domain/UserRequest.ts"
import type { EpochFenced, StoreFailed, ThreadUnreadable } from "../store/StoreError.ts"
import * as CompactionRequest from "./CompactionRequest.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as EventReader from "./EventReader.ts"
import * as RequestAnswer from "./RequestAnswer.ts"
import * as SessionReaper from "./SessionReaper.ts"
import type * as SessionStart from "./SessionStart.ts"
import * as SnapshotRequest from "./SnapshotRequest.ts"
import type * as StartPlan from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"
import * as ThreadStart from "./ThreadStart.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"
import * as TurnDelivery from "./TurnDelivery.ts"

export type ThreadActor = ReturnType<typeof make>

export const make = (deps: ThreadDeps, threadId: ThreadId) => {
  const cell = ThreadCell.make(threadId)

  /** Interrupts the turn and waits for its end. */
  const interruptTurn = (turnId: TurnId, by: InterruptedBy) =>
    Effect.suspend(() => {
      const { live } = cell
      return live === undefined || Epoch.turnOf(live.state) !== turnId
        ? Effect.void
        : TurnDeadlines.interruptFor(deps, live, turnId, by, ThreadCell.lost(deps, cell, live))
    })

  return {
    threadId,
    /** Whether a session is there, so that the actor must be kept. */
    isLive: () => cell.live !== undefined,
    /** The turn that runs or is on its way. */
    turn: (): TurnId | undefined => cell.live === undefined ? undefined : Epoch.turnOf(cell.live.state),

    start: (asked: StartPlan.StartRequest) => ThreadStart.start(deps, cell, asked),
    create: (plan: StartPlan.StartPlan, past: SessionStart.Past) => ThreadStart.create(deps, cell, plan, past),
    reset: Effect.suspend(() => ThreadStart.reset(deps, cell)),
    fork: Effect.suspend(() => ThreadStart.fork(deps, cell)),
    send: (request: TurnDelivery.TurnRequest, onSending?: (delivery: TurnDelivery.Delivery) => void) =>
      TurnDelivery.send(deps, cell, request, onSending),
    /** Records that the turn is to be interrupted, and for whom; asks nothing of the agent yet. */
    noteInterrupt: (turnId: TurnId, by: InterruptedBy) =>
      Effect.suspend(() =>
        cell.live === undefined
          ? Effect.void
          : LiveEpoch.advance(deps, cell.live, { _tag: "Interrupting", turnId, by })
      ),
    interruptTurn,
    respond: (answer: RequestAnswer.Answer) => RequestAnswer.respond(deps, cell, answer),
    answer: (requestId: RequestId, answer: QuestionAnswer) => RequestAnswer.answer(deps, cell, requestId, answer),
    compact: (trigger: CompactionTrigger) => CompactionRequest.compact(deps, cell, trigger),
    snapshot: Effect.suspend(() => SnapshotRequest.take(deps, cell)),
    /** Stored events after `after`, then live ones. */
    events: (after: number) => EventReader.read(cell.log, deps.store, deps.clock, after),

    /** Stops the session, interrupting a start that is under way. Succeeds when there is nothing to stop. */
    stop: (reason: SessionEndReason) =>
      ThreadCell.preempt(
        cell,
        Effect.suspend((): Effect.Effect<unknown, StoreFailed | EpochFenced | ThreadUnreadable> =>
          cell.live === undefined ? ThreadCell.loadRecord(deps, cell) : ThreadCell.end(deps, cell, cell.live, reason)
        )
      ),

    /** Stops the session, interrupting a start that is under way, and deletes the thread from the store. */
    remove: ThreadCell.preempt(
      cell,
      Effect.gen(function*() {
        // An end that could not be stored is recorded before its thread is gone.
        yield* cell.live === undefined
          ? ThreadCell.loadRecord(deps, cell)
          : ThreadCell.end(deps, cell, cell.live, "deleted")
        yield* ThreadLog.load(cell.log, deps.store)
        const position = yield* deps.store.deleteThread(threadId)
        deps.unsettled.delete(threadId)
        ThreadLog.end(cell.log, deps.clock.currentTimeMillisUnsafe(), position)
      })
    ),

    /**
     * Looks at a thread that is due and stops it if the rule says so, under the thread's lock. A thread whose lock is
     * taken is in use.
     */
    reap: (epoch: EpochNumber, sleeps: () => ReadonlyArray<SessionReaper.Sleep>) =>
      Effect.asVoid(Semaphore.withPermitsIfAvailable(cell.lock, 1)(reap(deps, cell, epoch, sleeps)))
  }
}

const reap = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  epoch: EpochNumber,
  sleeps: () => ReadonlyArray<SessionReaper.Sleep>
) {
  const live = yield* ThreadCell.usable(deps, cell)
  if (live === undefined) {
    // The end of the epoch could not be stored; without this the thread would look live, and be due, for ever.
    yield* ThreadCell.loadRecord(deps, cell, epoch)
    return
  }
  if (live.binding.epoch !== epoch) return
  const { compaction, requests } = live.state
  const backgroundWork = yield* live.session.backgroundWork.pipe(Effect.timeoutOption("5 seconds"))
  const decision = SessionReaper.decide({
    now: deps.steady.now(),
    activeAt: live.state.activeAt,
    busy: Epoch.turnOf(live.state) !== undefined || requests.size > 0 || compaction !== undefined,
    backgroundWork: Option.getOrElse(backgroundWork, () => true),
    exempt: deps.settings.reaper.exempt(live.binding),
    sleeps: sleeps()
  }, deps.settings.reaper)
  return decision._tag === "Stop"
    ? yield* ThreadCell.end(deps, cell, live, "reaped")
    : yield* deps.store.setDue({ threadId: cell.threadId, epoch, dueAt: decision.until })
})
