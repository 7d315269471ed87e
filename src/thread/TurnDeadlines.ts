/**
 * A turn cannot run for ever: two deadlines, both in time that the agent had for itself (waiting for a human's answer
 * does not count, nor does the host's sleep). When one passes the turn is interrupted and ends as `TurnFailed` with
 * `DeadlineExceeded`; an agent that does not even stop is given up, its session is lost, and the thread can go on.
 */
import { Deferred, Duration, Effect } from "effect"
import * as Usage from "../domain/Usage.ts"
import type * as LiveSession from "./LiveSession.ts"
import * as LiveTurn from "./LiveTurn.ts"

export interface Deadlines {
  /** The whole turn. */
  readonly turn: Duration.Duration
  /** Since the agent's last sign of life. */
  readonly noProgress: Duration.Duration
}

/**
 * Has the turns of a session watched, from its running one on. `onWedged` ends a session whose agent does not stop.
 *
 * One fiber and one timer serve turn after turn: a timer set for an earlier turn rings too early for a later one and is
 * set again, which costs a session something every few minutes and a turn nothing.
 */
export const start = (
  engine: LiveSession.Engine,
  live: LiveSession.LiveSession,
  deadlines: Deadlines,
  onWedged: Effect.Effect<void>
): Effect.Effect<unknown> => {
  if (live.watched) return Effect.void
  live.watched = true
  return Effect.forkIn(
    Effect.onError(run(engine, live, deadlines, onWedged), () =>
      Effect.sync(() => {
        live.watched = false
      })),
    engine.scope,
    { startImmediately: true }
  )
}

/** Watches until a timer rings and no turn is there. */
const run = Effect.fnUntraced(function*(
  engine: LiveSession.Engine,
  live: LiveSession.LiveSession,
  deadlines: Deadlines,
  onWedged: Effect.Effect<void>
) {
  const turnMillis = Duration.toMillis(deadlines.turn)
  const noProgressMillis = Duration.toMillis(deadlines.noProgress)
  let watched: LiveSession.Turn | undefined
  let worked = 0
  let checkedAt = 0
  let ringsAt = Number.POSITIVE_INFINITY
  for (let turn = live.turn; turn !== undefined && turn.phase !== "ended"; turn = live.turn) {
    if (turn !== watched) {
      watched = turn
      worked = 0
      checkedAt = turn.startedAt
    }
    const now = engine.clock.currentTimeMillisUnsafe()
    // A timer that comes late was held up by a sleep of the host, in which the agent did nothing either. Of a turn that
    // began after that sleep some of its own time is taken for it, once: better too patient than too hasty.
    const late = Math.max(0, now - Math.max(checkedAt, ringsAt))
    if (live.requests.size > 0) turn.progressAt = now
    else worked += now - checkedAt - late
    turn.progressAt = Math.min(now, turn.progressAt + late)
    checkedAt = now
    const silent = now - turn.progressAt
    const deadline = worked >= turnMillis ? "turn" : silent >= noProgressMillis ? "no-progress" : undefined
    if (deadline !== undefined && turn.phase === "running") {
      const millis = deadline === "turn" ? turnMillis : noProgressMillis
      turn.deadline = { _tag: "DeadlineExceeded", deadline, millis }
      yield* interrupt(engine, live, turn, onWedged)
      ringsAt = Number.POSITIVE_INFINITY
      continue
    }
    // One that is still being sent has a deadline of its own, where it is sent.
    const left = deadline === undefined ? Math.min(turnMillis - worked, noProgressMillis - silent) : 1000
    if (!Number.isFinite(left)) break
    ringsAt = now + left
    yield* asleep(live, left)
  }
  // In one step with the last look at the turn, so that none begins unwatched.
  live.watched = false
})

/** Sleeps; the end of the session ends the watch with it. */
const asleep = (live: LiveSession.LiveSession, millis: number) =>
  Effect.withFiber((fiber) => {
    live.watch = fiber
    return Effect.ensuring(
      Effect.sleep(millis),
      Effect.sync(() => {
        live.watch = undefined
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
