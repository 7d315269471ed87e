/**
 * A TestClock whose host can sleep: the wall time jumps, and no timer has run meanwhile. A timer that had 10 seconds
 * left before the sleep has 10 seconds left after it, as on a laptop that was closed and opened.
 */
import { Clock, Context, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

interface Host {
  /** The host sleeps and wakes: nothing runs, only the wall time is another. */
  readonly sleep: (duration: Duration.Input) => Effect.Effect<void>
  /** Time for which the host slept up to this moment of the wall clock, in milliseconds. */
  readonly sleptBefore: (at: number) => number
}

export class HostClock extends Context.Service<HostClock, Host>()("test/HostClock") {}

/** Runs on a host of its own. Everything in it that asks for the time asks this host, layers included. */
export const provide = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(TestClock.testClockWith((clock) => Effect.succeed(clock)), (awake) => {
    const sleeps: Array<{ readonly at: number; readonly millis: number }> = []
    let slept = 0
    const millis = () => awake.currentTimeMillisUnsafe() + slept
    const nanos = () => awake.currentTimeNanosUnsafe() + BigInt(slept) * 1_000_000n
    const clock: TestClock.TestClock = {
      ...awake,
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos)
    }
    return effect.pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.provideService(HostClock, {
        sleep: (duration) =>
          Effect.sync(() => {
            sleeps.push({ at: millis(), millis: Duration.toMillis(duration) })
            slept += Duration.toMillis(duration)
          }),
        sleptBefore: (at) => sleeps.reduce((sum, sleep) => at > sleep.at ? sum + sleep.millis : sum, 0)
      })
    )
  })
