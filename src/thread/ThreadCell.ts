/**
 * What an actor keeps of its thread: the lock, the log and the live epoch, with the primitives that every operation is
 * built of.
 *
 * Every transition takes the lock. A stop does not wait for a slow start: it interrupts it.
 */
import { Effect, Exit, Fiber, Option, Semaphore } from "effect"
import type { Epoch as EpochNumber, ThreadId } from "../domain/Ids.ts"
import type { SessionEndReason } from "../domain/ThreadEvent.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import type { ThreadInfo } from "../service/Results.ts"
import { CompactionInProgress, ThreadStopping, TurnInProgress } from "../service/ServiceError.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"

export interface ThreadCell {
  readonly threadId: ThreadId
  readonly lock: Semaphore.Semaphore
  readonly log: ThreadLog.ThreadLog
  live: LiveEpoch.LiveEpoch | undefined
  /** A session is being started and not yet bound to the thread. */
  starting: boolean
  /** What a stop interrupts instead of waiting for it: a start, or a call that the agent has not answered. */
  interruptible: Fiber.Fiber<unknown, unknown> | undefined
  /** Stops that wait for the lock: calls that have the lock before them give up. */
  stops: number
}

export const make = (threadId: ThreadId, shown: ThreadLog.ThreadLog["shown"]): ThreadCell => ({
  threadId,
  lock: Semaphore.makeUnsafe(1),
  log: ThreadLog.make(threadId, shown),
  live: undefined,
  starting: false,
  interruptible: undefined,
  stops: 0
})

/** What the thread is doing now, where that is known here: else what is stored holds. */
export const status = ({ live, starting }: ThreadCell): ThreadInfo["status"] | undefined =>
  starting ? "starting" : live === undefined || live.broken !== undefined ? undefined : Epoch.statusOf(live.state)

const stopping = (cell: ThreadCell) => new ThreadStopping({ threadId: cell.threadId })

const isStopping = (deps: ThreadDeps, cell: ThreadCell): boolean => cell.stops > 0 || deps.retired()

/** Fails while a stop waits for the lock, and once the host shuts down. */
export const notStopping = (deps: ThreadDeps, cell: ThreadCell) =>
  Effect.suspend(() => isStopping(deps, cell) ? stopping(cell) : Effect.void)

/** Fails while a compaction of ours holds the thread: a caller inside its own hook would deadlock. */
const notCompacting = (cell: ThreadCell) =>
  Effect.suspend(() => {
    const compaction = cell.live?.state.compaction
    return compaction?.by === "us"
      ? new CompactionInProgress({ threadId: cell.threadId, compactionId: compaction.compactionId })
      : Effect.void
  })

/** Takes the thread for a call that starts or asks something, unless a compaction holds it or a stop waits for it. */
export const withThread = <A, E, R>(deps: ThreadDeps, cell: ThreadCell, effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(
    notCompacting(cell),
    Semaphore.withPermit(cell.lock)(Effect.andThen(notStopping(deps, cell), effect))
  )

/** Takes the thread's lock, for what leaves its sessions alone. A setup has it while it is asked. */
export const withLog = <A, E, R>(cell: ThreadCell, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    reentrancy.insideSetup(cell.threadId),
    (inside) => inside ? effect : Semaphore.withPermit(cell.lock)(effect)
  )

/** Runs `effect` so that a stop can interrupt it; answers how it ended. */
export const interruptible = <A, E>(deps: ThreadDeps, cell: ThreadCell, effect: Effect.Effect<A, E>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.interruptible(effect), { startImmediately: true })
      cell.interruptible = fiber
      // A stop may have come while the fiber was being started.
      if (isStopping(deps, cell)) fiber.interruptUnsafe()
      return yield* restore(Fiber.await(fiber)).pipe(
        Effect.onInterrupt(() => Fiber.interrupt(fiber)),
        Effect.ensuring(Effect.sync(() => {
          cell.interruptible = undefined
        }))
      )
    })
  )

/** The value of such an effect; one that a stop has interrupted fails with `ThreadStopping`. */
export const valueOf = <A, E>(cell: ThreadCell, exit: Exit.Exit<A, E>): Effect.Effect<A, E | ThreadStopping> =>
  Exit.isSuccess(exit)
    ? Effect.succeed(exit.value)
    : Exit.hasInterrupts(exit)
    ? stopping(cell)
    : Effect.failCause(exit.cause)

/** Interrupts what can be interrupted, then takes the lock. Calls queued behind it fail with `ThreadStopping`. */
export const preempt = <A, E>(cell: ThreadCell, effect: Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      cell.stops++
    }),
    () =>
      Effect.suspend(() => cell.interruptible === undefined ? Effect.void : Fiber.interrupt(cell.interruptible)).pipe(
        Effect.andThen(Semaphore.withPermit(cell.lock)(effect))
      ),
    () =>
      Effect.sync(() => {
        cell.stops--
      })
  )

/** Ends this epoch if it is the thread's: bounded, and to the end even if the caller is interrupted. Lock held. */
export const end = (
  deps: ThreadDeps,
  cell: ThreadCell,
  live: LiveEpoch.LiveEpoch,
  reason: SessionEndReason
) =>
  Effect.suspend(() => {
    if (cell.live !== live) return Effect.void
    return EpochEnd.end(deps, live, reason).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) {
            deps.unsettled.set(cell.threadId, live.binding.epoch)
            ThreadLog.forget(cell.log)
          }
          if (cell.live !== live) return
          cell.live = undefined
          ThreadLog.closeItems(cell.log)
          deps.changed(cell.threadId)
        })
      )
    )
  }).pipe(Effect.uninterruptible)

/** The session was lost or given up: ends its epoch, and the thread may be forgotten. */
export const lost = (deps: ThreadDeps, cell: ThreadCell, live: LiveEpoch.LiveEpoch) =>
  end(deps, cell, live, "lost").pipe(
    Semaphore.withPermit(cell.lock),
    Effect.ignore({ log: "Error" }),
    Effect.ensuring(Effect.sync(() => deps.idle(cell.threadId)))
  )

/** The live epoch, unless nothing can be written under it any more; then it is given up. Lock held. */
export const usable = (deps: ThreadDeps, cell: ThreadCell) =>
  Effect.suspend(() => {
    const { live } = cell
    if (live === undefined || (live.broken === undefined && !LiveEpoch.isOver(live))) return Effect.succeed(live)
    return end(deps, cell, live, "lost").pipe(Effect.ignore({ log: "Warn" }), Effect.as(undefined))
  })

/** As {@link usable}, for a call that needs the thread without a running turn. */
export const withoutTurn = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell) {
  const live = yield* usable(deps, cell)
  const turnId = live === undefined ? undefined : Epoch.turnOf(live.state)
  if (turnId !== undefined) return yield* new TurnInProgress({ threadId: cell.threadId, turnId })
  return live
})

/**
 * Reads the thread's record. An epoch (this one, if given) that was left open without a session, because its end could not
 * be stored, is settled. Lock held, no live epoch.
 */
export const loadRecord = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell, epoch?: EpochNumber) {
  const found = Option.getOrUndefined(yield* deps.store.getThread(cell.threadId))
  if (found !== undefined && found.status !== "stopped" && (epoch === undefined || found.epoch === epoch)) {
    // Also where the caller gives up meanwhile: it may be settled by then.
    yield* Effect.ensuring(
      deps.store.settleThread(cell.threadId),
      Effect.sync(() => ThreadLog.forget(cell.log))
    )
  }
  deps.unsettled.delete(cell.threadId)
  yield* ThreadLog.load(cell.log, deps.store)
  return found
})
