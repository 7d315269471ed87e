/**
 * One thread, as the only one who starts, sends to, stops and reaps its session.
 *
 * Every transition takes the thread's one lock. A stop does not wait for a slow start: it cuts it. What an actor knows
 * it can read again from the store; an actor that nobody uses is forgotten.
 */
import { Effect, Exit, Fiber, Option, Semaphore } from "effect"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { Epoch, ThreadId } from "../domain/Ids.ts"
import type { SessionEndReason } from "../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import { CompactionInProgress, ThreadStopping } from "../service/ServiceError.ts"
import type { EpochFenced } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as LiveEnd from "./LiveEnd.ts"
import type * as LiveSession from "./LiveSession.ts"
import * as SessionReaper from "./SessionReaper.ts"
import * as ThreadLog from "./ThreadLog.ts"
import type * as TurnDeadlines from "./TurnDeadlines.ts"

/** What all actors of a service share. */
export interface Engine extends LiveSession.Engine {
  readonly deadlines: TurnDeadlines.Deadlines
  readonly reaper: SessionReaper.ReaperSettings
  readonly rehydrateTokens: number
  readonly archive: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TranscriptTurn>, StoreFailed>
  /** The archive since the last reset. */
  readonly conversation: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TranscriptTurn>, StoreFailed>
  readonly policy: Required<CompactionPolicy>
  /** Compacts a thread that has become too long for its model, beside whoever asks for it. */
  readonly mend: (threadId: ThreadId) => Effect.Effect<void>
  /** Epochs whose end could not be stored; the reaper settles them. */
  readonly unsettled: Map<ThreadId, Epoch>
}

export interface ThreadActor {
  readonly threadId: ThreadId
  readonly lock: Semaphore.Semaphore
  readonly log: ThreadLog.ThreadLog
  live: LiveSession.LiveSession | undefined
  /** What a stop interrupts instead of waiting for it: a start, or whatever the provider has not answered. */
  cuttable: Fiber.Fiber<unknown, unknown> | undefined
  /** Stops that wait for the lock; whoever comes to start before them gives up. */
  stops: number
  /** Calls that hold this actor. */
  users: number
}

export const make = (threadId: ThreadId, recorded: ThreadLog.Recorded, stops = 0): ThreadActor => ({
  threadId,
  lock: Semaphore.makeUnsafe(1),
  log: ThreadLog.make(threadId, recorded),
  live: undefined,
  cuttable: undefined,
  stops,
  users: 0
})

export const cut = (actor: ThreadActor) => new ThreadStopping({ threadId: actor.threadId })

export const notCut = (actor: ThreadActor) => Effect.suspend(() => actor.stops > 0 ? cut(actor) : Effect.void)

/** Fails while a compaction holds the thread, so that nobody waits for it who could be waited for by it. */
const notCompacting = (actor: ThreadActor) =>
  Effect.suspend(() => {
    const compaction = actor.live?.compaction
    return compaction?.ours === true
      ? new CompactionInProgress({ threadId: actor.threadId, compactionId: compaction.compactionId })
      : Effect.void
  })

/** Takes the thread for a call that starts or asks something, unless a compaction holds it or a stop waits for it. */
export const taking = <A, E, R>(actor: ThreadActor, effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(notCompacting(actor), Semaphore.withPermit(actor.lock)(Effect.andThen(notCut(actor), effect)))

/** Runs `effect` so that a stop can interrupt it; answers how it ended. */
export const cuttable = <A, E>(actor: ThreadActor, effect: Effect.Effect<A, E>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.interruptible(effect), { startImmediately: true })
      actor.cuttable = fiber
      // A stop may have come while the fiber was being started.
      if (actor.stops > 0) fiber.interruptUnsafe()
      return yield* restore(Fiber.await(fiber)).pipe(
        Effect.onInterrupt(() => Fiber.interrupt(fiber)),
        Effect.ensuring(Effect.sync(() => {
          actor.cuttable = undefined
        }))
      )
    })
  )

/** The session is gone or was given up: ends its epoch. */
export const lost = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession) =>
  close(engine, actor, live, "lost").pipe(Semaphore.withPermit(actor.lock), Effect.ignore({ log: "Error" }))

/** Ends this epoch if it is the actor's: bounded, and to the end whoever gives up waiting. Lock held. */
export const close = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession, reason: SessionEndReason) =>
  Effect.suspend(() => {
    if (actor.live !== live) return Effect.void
    return LiveEnd.end(engine, live, reason).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) {
            engine.unsettled.set(actor.threadId, live.binding.epoch)
            ThreadLog.forget(actor.log)
          }
          if (actor.live === live) actor.live = undefined
        })
      )
    )
  }).pipe(Effect.uninterruptible)

/** The live session, unless nothing can be written under its epoch any more; then it is given up. Lock held. */
export const usable = (engine: Engine, actor: ThreadActor) =>
  Effect.suspend(() => {
    const { live } = actor
    if (live === undefined || (live.broken === undefined && !live.over)) return Effect.succeed(live)
    return close(engine, actor, live, "lost").pipe(Effect.ignore({ log: "Warn" }), Effect.as(undefined))
  })

/**
 * Reads the thread's record; an epoch (if given, this one only) that was left open without a session, because its end
 * could not be stored, is settled. Lock held, no live session.
 */
export const loadBinding = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, epoch?: Epoch) {
  const found = Option.getOrUndefined(yield* engine.store.getThread(actor.threadId))
  if (found?.status === "live" && (epoch === undefined || found.epoch === epoch)) {
    yield* engine.store.settleThread(actor.threadId)
    ThreadLog.forget(actor.log)
  }
  engine.unsettled.delete(actor.threadId)
  yield* ThreadLog.load(actor.log, engine.store)
  return found
})

export const turnRunning = (live: LiveSession.LiveSession | undefined): LiveSession.Turn | undefined =>
  live?.turn !== undefined && live.turn.phase !== "ended" ? live.turn : undefined

/** Cuts what can be cut, then has the lock; whoever comes to start or send meanwhile gives up. */
const cutting = <A, E>(actor: ThreadActor, effect: Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      actor.stops++
    }),
    () =>
      Effect.suspend(() => actor.cuttable === undefined ? Effect.void : Fiber.interrupt(actor.cuttable)).pipe(
        Effect.andThen(Semaphore.withPermit(actor.lock)(effect))
      ),
    () =>
      Effect.sync(() => {
        actor.stops--
      })
  )

/** Stops the session, cutting a start that is under way. Succeeds when there is nothing to stop. */
export const stop = (engine: Engine, actor: ThreadActor, reason: SessionEndReason) =>
  cutting(
    actor,
    Effect.suspend((): Effect.Effect<unknown, StoreFailed | EpochFenced> =>
      actor.live === undefined ? loadBinding(engine, actor) : close(engine, actor, actor.live, reason)
    )
  )

/** Stops the session, cutting a start that is under way, and deletes the thread from the store. */
export const remove = (engine: Engine, actor: ThreadActor) =>
  cutting(
    actor,
    Effect.gen(function*() {
      // An end that could not be stored is told before its thread is gone.
      yield* actor.live === undefined ? loadBinding(engine, actor) : close(engine, actor, actor.live, "deleted")
      yield* engine.store.deleteThread(actor.threadId)
      engine.unsettled.delete(actor.threadId)
      ThreadLog.forget(actor.log)
    })
  )

/**
 * Looks at a thread that is due and stops it if the rule says so, under the thread's lock. A thread whose lock is taken
 * is in use.
 */
export const reap = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  epoch: Epoch,
  sleeps: () => ReadonlyArray<SessionReaper.Sleep>
) {
  const live = yield* usable(engine, actor)
  if (live === undefined) {
    // The end of the epoch could not be stored; without this the thread would look live, and be due, for ever.
    yield* loadBinding(engine, actor, epoch)
    return
  }
  if (live.binding.epoch !== epoch) return
  const backgroundWork = yield* live.session.backgroundWork.pipe(Effect.timeoutOption("5 seconds"))
  const decision = SessionReaper.decide({
    now: engine.steady.now(),
    activeAt: live.activeAt,
    turnRunning: turnRunning(live) !== undefined,
    openRequests: live.requests.size + (live.compaction === undefined ? 0 : 1),
    backgroundWork: Option.getOrElse(backgroundWork, () => true),
    exempt: engine.reaper.exempt(live.binding),
    sleeps: sleeps()
  }, engine.reaper)
  return decision._tag === "Stop"
    ? yield* close(engine, actor, live, "reaped")
    : yield* engine.store.setDue({ threadId: actor.threadId, epoch, dueAt: decision.until })
}, (effect, _engine, actor) => Effect.asVoid(Semaphore.withPermitsIfAvailable(actor.lock, 1)(effect)))
