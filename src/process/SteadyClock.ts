/**
 * Wall time that is never set back: what waits and idle times are measured with.
 *
 * A host's wall clock can be corrected by any amount. {@link SteadyClock.now} follows it forwards, so that a time which
 * the host slept through counts, as it does for due times in a database. When the wall clock falls behind the monotonic
 * clock by more than a second between two readings it was set back, and `now` goes on from where it was: it is ahead of
 * the wall clock by as much from then on.
 *
 * Its values may be compared with each other and with due times that were computed from them. They are not for display
 * and not for events: those carry the wall time, see {@link SteadyClock.wallOf}. Another process has a clock of its own, so a due time that outlives
 * its process must be bounded by the longest wait that it can stand for.
 *
 * @since 0.1.0
 */
import { Clock, Effect } from "effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface SteadyClock {
  /** Milliseconds: the wall time, plus all that it was set back by since this clock was made. */
  readonly now: () => number
  /** What the wall clock says at this time of `now`, unless it is set again before. */
  readonly wallOf: (at: number) => number
}

/** Smaller steps back are the usual corrections of a running clock; following them keeps `now` close to wall time. */
const toleratedMillis = 1000

/**
 * Starts at the wall time of now. It notices that the wall clock was set back when it is read, so an owner that waits
 * for long reads it now and then: what happened between two readings is one step.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<SteadyClock> = Effect.map(Clock.Clock, (clock): SteadyClock => {
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  let wallAt = clock.currentTimeMillisUnsafe()
  let monotonicAt = monotonic()
  let ahead = 0
  const now = () => {
    const wall = clock.currentTimeMillisUnsafe()
    const elapsed = monotonic() - monotonicAt
    const setBack = elapsed - (wall - wallAt)
    if (setBack > toleratedMillis) ahead += setBack
    wallAt = wall
    monotonicAt += elapsed
    return wall + ahead
  }
  return {
    now,
    wallOf: (at) => {
      now()
      return at - ahead
    }
  }
})
