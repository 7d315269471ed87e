/**
 * A turn cannot run for ever. Its limits are the brake's ({@link ./epoch/EpochBrake.ts}); a turn that has met one is
 * stopped here. It has two deadlines, both in time that the agent had for itself: waiting for a human's
 * answer does not count, nor does the host's sleep. When one passes the turn is interrupted and ends as `TurnFailed` with
 * `DeadlineExceeded`; an agent that does not even stop is given up, its session is lost, and the thread can go on.
 */
import { Deferred, Duration, Effect } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { InterruptedBy } from "../domain/ThreadEvent.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import * as EpochWaiters from "./epoch/EpochWaiters.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** What the watch knows of the turn that it watches. Times are in milliseconds. */
export interface Watched {
  readonly turnId: TurnId
  /** Time that the agent had for itself. */
  readonly worked: number
  readonly checkedAt: number
  /** When the timer was set to ring. */
  readonly ringsAt: number
}

/** What is seen of the turn at one look. */
export interface Look {
  readonly now: number
  /** When the agent gave its last sign of life. */
  readonly progressAt: number
  /** A request of the agent is open, so it waits for a human. */
  readonly waiting: boolean
}

export interface Limits {
  readonly turnMillis: number
  readonly noProgressMillis: number
}

export interface Next {
  readonly watched: Watched
  /** The last sign of life, moved past the time that does not count. */
  readonly progressAt: number
  readonly passed: { readonly deadline: "turn" | "no-progress"; readonly millis: number } | undefined
}

/** The rule. Pure. `ringsAt` of the answer is when to look again; it is infinite where no deadline can pass. */
export const next = (watched: Watched, { now, progressAt, waiting }: Look, limits: Limits): Next => {
  // A timer that comes late was held up by a sleep of the host, in which the agent did nothing either. A turn that began
  // after that sleep is credited with it once: rather too patient than too hasty.
  const late = Math.max(0, now - Math.max(watched.checkedAt, watched.ringsAt))
  const worked = waiting ? watched.worked : watched.worked + now - watched.checkedAt - late
  const seenAt = Math.min(now, (waiting ? now : progressAt) + late)
  const silent = now - seenAt
  const { noProgressMillis, turnMillis } = limits
  const passed = worked >= turnMillis
    ? { deadline: "turn", millis: turnMillis } as const
    : silent >= noProgressMillis
    ? { deadline: "no-progress", millis: noProgressMillis } as const
    : undefined
  const left = passed === undefined
    ? Math.min(turnMillis - worked, noProgressMillis - silent)
    : Number.POSITIVE_INFINITY
  return {
    watched: { turnId: watched.turnId, worked, checkedAt: now, ringsAt: now + left },
    progressAt: seenAt,
    passed
  }
}

/**
 * Watches the turns of a session, from its running one on. `onUnresponsive` ends a session whose agent does not stop.
 *
 * One fiber and one timer serve turn after turn: a timer set for an earlier turn rings too early for a later one and is
 * set again, which costs a session something every few minutes and a turn nothing.
 */
export const start = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  onUnresponsive: Effect.Effect<void>
): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    if (live.watched) {
      const { running } = live.state
      // The watch sleeps until a deadline of an earlier turn; a limit may have been met while this one was on its way.
      return running?.deadline !== undefined && live.braked !== running.turnId
        ? brake(deps, live, onUnresponsive)
        : Effect.void
    }
    live.watched = true
    return watch(deps, live, onUnresponsive).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          live.watched = false
        })
      ),
      LiveEpoch.beside(deps)
    )
  })

/** Watches until a timer rings and no turn is there. */
const watch = Effect.fnUntraced(
  function*(deps: ThreadDeps, live: LiveEpoch.LiveEpoch, onUnresponsive: Effect.Effect<void>) {
    const limits: Limits = {
      turnMillis: Duration.toMillis(deps.settings.turnDeadline),
      noProgressMillis: Duration.toMillis(deps.settings.noProgressDeadline)
    }
    let watched: Watched | undefined
    for (let turn = live.state.running; turn !== undefined && !LiveEpoch.isOver(live); turn = live.state.running) {
      const { startedAt, turnId } = turn
      if (turn.deadline !== undefined && live.braked !== turnId) {
        // A limit that was met while the turn was on its way.
        live.braked = turnId
        yield* interrupt(deps, live, turnId, onUnresponsive)
        continue
      }
      const last: Watched = watched?.turnId === turnId ? watched : {
        turnId,
        worked: 0,
        checkedAt: startedAt,
        ringsAt: watched?.ringsAt ?? Number.POSITIVE_INFINITY
      }
      const now = deps.steady.now()
      const seen = next(
        last,
        { now, progressAt: live.progressAt, waiting: Epoch.isWaiting(live.state, turnId) },
        limits
      )
      watched = seen.watched
      live.progressAt = seen.progressAt
      if (seen.passed !== undefined) {
        const failure = { _tag: "DeadlineExceeded", ...seen.passed } as const
        live.braked = turnId
        yield* LiveEpoch.advance(deps, live, { _tag: "DeadlinePassed", turnId, failure })
        yield* interrupt(deps, live, turnId, onUnresponsive)
        continue
      }
      if (!Number.isFinite(watched.ringsAt)) break
      yield* asleep(live, watched.ringsAt - now)
    }
    // In one step with the last look at the turn, so that none begins unwatched.
    live.watched = false
  }
)

/** Stops the turn that the agent works on, which has met a limit. The agent's events are read meanwhile. */
export const brake = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  onUnresponsive: Effect.Effect<void>
): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const turnId = live.state.running?.turnId
    live.braked = turnId
    return turnId === undefined
      ? Effect.void
      : LiveEpoch.beside(deps)(interrupt(deps, live, turnId, onUnresponsive))
  })

/** Sleeps; the end of the epoch ends the watch with it. */
const asleep = (live: LiveEpoch.LiveEpoch, millis: number) =>
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
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  turnId: TurnId,
  onUnresponsive: Effect.Effect<void>
) {
  if (!Epoch.hasTurn(live.state, turnId)) return
  const stopped = yield* live.session.interruptTurn(turnId).pipe(
    Effect.andThen(EpochEnd.over(live, turnId)),
    Effect.timeoutOption(deps.settings.interruptGrace),
    Effect.option
  )
  if (!Epoch.hasTurn(live.state, turnId) || LiveEpoch.isOver(live)) return
  yield* Effect.logWarning("A turn did not stop when it was told to; its session is given up").pipe(
    Effect.annotateLogs({ threadId: live.binding.threadId, turnId, answered: stopped._tag })
  )
  yield* LiveEpoch.advance(deps, live, { _tag: "Abandoned", turnId }).pipe(Effect.ignore({ log: "Error" }))
  yield* onUnresponsive
})

/** Interrupts a turn for this reason, also one that is still on its way: once it has arrived. */
export const interruptFor = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  turnId: TurnId,
  by: InterruptedBy,
  onUnresponsive: Effect.Effect<void>
) {
  yield* LiveEpoch.advance(deps, live, { _tag: "Interrupting", turnId, by })
  if (live.state.sending?.turnId === turnId) yield* arrived(live, turnId)
  yield* interrupt(deps, live, turnId, onUnresponsive)
})

const arrived = (live: LiveEpoch.LiveEpoch, turnId: TurnId) => Deferred.await(EpochWaiters.turn(live, turnId).accepted)
