/**
 * Processes live in real time, whatever clock the app has, and have to be ended also where the caller is interrupted.
 *
 * @since 0.1.0
 */
import { Clock, Context, Effect, Fiber } from "effect"

const systemClock = Context.get(Context.empty(), Clock.Clock)

/**
 * Runs the effect in real time, and to its end also where the caller is interrupted.
 *
 * @category combinators
 * @since 0.1.0
 */
export const toTheEnd = <A>(effect: Effect.Effect<A>): Effect.Effect<void> =>
  effect.pipe(
    Effect.provideService(Clock.Clock, systemClock),
    // In a fiber of its own: an interrupted one could give up no wait.
    Effect.interruptible,
    Effect.forkDetach,
    Effect.flatMap(Fiber.await),
    Effect.asVoid
  )
