/**
 * A turn cannot run for ever: two deadlines, both in time that the agent had for itself (waiting for a human's answer
 * does not count, nor does the host's sleep). When one passes the turn is interrupted and ends as `TurnFailed` with
 * `DeadlineExceeded`; an agent that does not even stop is given up, its session is lost, and the thread can go on.
 */
import { Deferred, Duration, Effect } from "effect"
import type * as LiveSession from "./LiveSession.ts"
import * as LiveTurn from "./LiveTurn.ts"
import * as Usage from "./Usage.ts"

export interface Deadlines {
  /** The whole turn. */
  readonly turn: Duration.Duration
  /** Since the agent's last sign of life. */
  readonly noProgress: Duration.Duration
}

/** Watches one turn until it is over. `onWedged` ends a session whose agent does not stop. */
export const run = Effect.fnUntraced(function*(
  engine: LiveSession.Engine,
  live: LiveSession.LiveSession,
  turn: LiveSession.Turn,
  deadlines: Deadlines,
  onWedged: Effect.Effect<void>
) {
  const turnMillis = Duration.toMillis(deadlines.turn)
  const noProgressMillis = Duration.toMillis(deadlines.noProgress)
  let worked = 0
  let checkedAt = turn.startedAt
  let waited = Number.POSITIVE_INFINITY
  while (turn.phase !== "ended") {
    const now = engine.clock.currentTimeMillisUnsafe()
    // A timer that comes late was held up by a sleep of the host, in which the agent did nothing either.
    const late = Math.max(0, now - checkedAt - waited)
    if (live.requests.size > 0) turn.progressAt = now
    else worked += now - checkedAt - late
    turn.progressAt = Math.min(now, turn.progressAt + late)
    checkedAt = now
    const silent = now - turn.progressAt
    const deadline = worked >= turnMillis ? "turn" : silent >= noProgressMillis ? "no-progress" : undefined
    if (deadline !== undefined) {
      const millis = deadline === "turn" ? turnMillis : noProgressMillis
      turn.deadline = { _tag: "DeadlineExceeded", deadline, millis }
      return yield* interrupt(engine, live, turn, onWedged)
    }
    const left = Math.min(turnMillis - worked, noProgressMillis - silent)
    if (!Number.isFinite(left)) return
    waited = left
    yield* asleep(turn, left)
  }
})

/**
 * Sleeps; the end of the turn ends the watch with it. One fiber and one timer: to race a sleep with the turn's end would
 * make three fibers in every turn, a fifth of what a turn costs.
 */
const asleep = (turn: LiveSession.Turn, millis: number) =>
  Effect.withFiber((fiber) => {
    turn.watch = fiber
    return Effect.ensuring(
      Effect.sleep(millis),
      Effect.sync(() => {
        turn.watch = undefined
      })
    )
  })

/** Asks the agent to stop the turn; ends it from our side, and the session with it, if the agent does not. */
export const interrupt = Effect.fnUntraced(function*(
  engine: LiveSession.Engine,
  live: LiveSession.LiveSession,
  turn: LiveSession.Turn,
  onWedged: Effect.Effect<void>
) {
  const stopped = yield* live.session.interruptTurn(turn.turnId).pipe(
    Effect.andThen(Effect.exit(Deferred.await(turn.ended))),
    Effect.timeoutOption(engine.settings.interruptGrace),
    Effect.option
  )
  if (turn.phase === "ended") return
  yield* Effect.logWarning("A turn did not stop when it was told to; its session is given up").pipe(
    Effect.annotateLogs({ threadId: live.binding.threadId, turnId: turn.turnId, answered: stopped._tag })
  )
  yield* LiveTurn.forceEnd(engine, live, turn, {
    _tag: "TurnInterrupted",
    turnId: turn.turnId,
    by: turn.interruptedBy ?? "agent",
    usage: Usage.zero
  }).pipe(Effect.ignore({ log: "Error" }))
  yield* onWedged
})
