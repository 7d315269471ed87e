/**
 * The end of an epoch. Every step is bounded, so a session that hangs cannot hold its thread.
 */
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import type { EventBody, SessionEndReason } from "../domain/ThreadEvent.ts"
import * as Usage from "../domain/Usage.ts"
import type { Binding, EpochFenced } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as Compaction from "./Compaction.ts"
import { enduring, type Engine, type LiveSession, locked, settleRequests } from "./LiveSession.ts"
import * as LiveTurn from "./LiveTurn.ts"
import * as ThreadLog from "./ThreadLog.ts"

/**
 * Ends the epoch: the turn gets its terminal event, open requests are settled, `SessionEnded` is stored, hooks are told,
 * and the session's scope is closed. Every step is bounded, so a session that hangs cannot hold the thread. Whatever fails, the
 * session is stopped. Ending twice is harmless.
 */
export const end = (engine: Engine, live: LiveSession, reason: SessionEndReason) =>
  Effect.suspend((): Effect.Effect<void, StoreFailed | EpochFenced> => {
    if (live.over) return Effect.void
    return Effect.andThen(endRunning(engine, live, reason), closeEpoch(engine, live, reason)).pipe(
      Effect.onExit((exit) => Effect.sync(() => abandon(live, exit))),
      Effect.andThen(Effect.suspend(() => told(engine, live))),
      Effect.ensuring(closeScope(engine, live.scope, live.binding))
    )
  }).pipe(Effect.uninterruptible)

/** The turn is interrupted if there is somebody who listens, and ends in any case. */
export const endRunning = Effect.fnUntraced(function*(engine: Engine, live: LiveSession, reason: SessionEndReason) {
  const turn = live.turn
  if (live.broken !== undefined || turn === undefined || turn.phase === "ended") return
  const usage = Usage.zero
  if (reason === "lost") {
    const exit = yield* Effect.timeoutOption(live.session.exit, engine.settings.interruptGrace)
    const failure = { _tag: "SessionLost", ...Option.getOrUndefined(exit) } as const
    return yield* LiveTurn.forceEnd(engine, live, turn, { _tag: "TurnFailed", turnId: turn.turnId, failure, usage })
  }
  turn.interruptedBy ??= reason === "shutdown" ? "shutdown" : "stop"
  yield* live.session.interruptTurn(turn.turnId).pipe(
    Effect.andThen(Deferred.await(turn.ended)),
    Effect.timeout(engine.settings.interruptGrace),
    Effect.ignore
  )
  yield* LiveTurn.forceEnd(engine, live, turn, {
    _tag: "TurnInterrupted",
    turnId: turn.turnId,
    by: turn.interruptedBy,
    usage
  })
})

const closeEpoch = (engine: Engine, live: LiveSession, reason: SessionEndReason) =>
  Effect.suspend(() => {
    live.over = true
    const bodies = [...closing(live), { _tag: "SessionEnded", reason } as const]
    return enduring(
      live,
      ThreadLog.append(live.log, engine.clock, live.binding, bodies, (events) =>
        engine.store.closeEpoch({
          threadId: live.binding.threadId,
          epoch: live.binding.epoch,
          at: engine.clock.currentTimeMillisUnsafe(),
          events
        }))
    )
  }).pipe(locked(live))

/** What an epoch leaves open, settled. Lock held. */
export const closing = (live: LiveSession): ReadonlyArray<EventBody> => [
  ...settleRequests(live, "session-ended"),
  ...(live.compaction === undefined ? [] : Compaction.settle(live, live.compaction, { outcome: "unknown" }))
]

/** The rest of an epoch whose end is stored by now. */
export const leave = (engine: Engine, live: LiveSession): Effect.Effect<void> =>
  Effect.suspend(() => {
    abandon(live, Exit.void)
    return Effect.ensuring(told(engine, live), closeScope(engine, live.scope, live.binding))
  })

/** Who is told of the end may still look at the session. */
const told = (engine: Engine, live: LiveSession) =>
  engine.hooks.delivered("session:end", live.binding, engine.settings.hookBudget)

/** Nobody waits for this session any more. */
const abandon = (live: LiveSession, exit: Exit.Exit<unknown, StoreFailed | EpochFenced>): void => {
  const turn = live.turn
  live.over = true
  live.turn = undefined
  live.watch?.interruptUnsafe()
  Deferred.doneUnsafe(live.halted, Exit.void)
  if (turn === undefined) return
  turn.phase = "ended"
  Deferred.doneUnsafe(turn.ended, Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.interrupt())
}

/** Stops a session. One that does not stop in time goes on stopping in the background; its thread is free. */
export const closeScope = (
  engine: Engine,
  scope: Scope.Closeable,
  of: Pick<Binding, "threadId" | "instanceId">
): Effect.Effect<void> =>
  Scope.close(scope, Exit.void).pipe(
    Effect.forkDetach({ startImmediately: true }),
    Effect.flatMap((fiber) => Effect.timeoutOption(Fiber.await(fiber), engine.settings.stopTimeout)),
    Effect.flatMap((done) =>
      Option.isSome(done) ?
        Effect.void :
        Effect.logWarning("A session does not stop; its thread goes on without it").pipe(
          Effect.annotateLogs({ threadId: of.threadId, instanceId: of.instanceId })
        )
    )
  )
