/**
 * A TestClock whose host can sleep, and whose wall clock can be set back. In both the wall time jumps and no timer runs:
 * one that had 10 seconds left has 10 seconds left afterwards. The monotonic clock stands still while the host sleeps, as
 * on Linux.
 */
import { Clock, Context, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

interface Host {
  /** The host sleeps and wakes: nothing runs, only the wall time is another. */
  readonly sleep: (duration: Duration.Input) => Effect.Effect<void>
  /** The wall clock is corrected by this much. */
  readonly setBack: (duration: Duration.Input) => Effect.Effect<void>
  /** For how long the host has been awake, in milliseconds. */
  readonly awakeMillis: Effect.Effect<number>
}

export class HostClock extends Context.Service<HostClock, Host>()("test/HostClock") {}

/** Runs on a host of its own. Everything in it that asks for the time asks this host, layers included. */
export const provide = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(TestClock.testClockWith((clock) => Effect.succeed(clock)), (awake) => {
    let ahead = 0
    const millis = () => awake.currentTimeMillisUnsafe() + ahead
    const nanos = () => awake.currentTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n
    const jump = (millis: number) =>
      Effect.sync(() => {
        ahead += millis
      })
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
        sleep: (duration) => jump(Duration.toMillis(duration)),
        setBack: (duration) => jump(-Duration.toMillis(duration)),
        awakeMillis: awake.currentTimeMillis
      })
    )
  })
