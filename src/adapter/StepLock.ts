/**
 * The lock under which a session's state is stepped, one input after the other, and its events are let out in the order in
 * which they became true. A slow reader holds back the agent's frames and not the memory.
 *
 * Text comes in thousands of frames. One that finds the lock free, and room for its events, is taken at once
 * ({@link runNow}): it costs no step of the runtime.
 *
 * @since 0.1.0
 */
import { type Cause, Effect, Queue, Semaphore } from "effect"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface StepLock {
  readonly semaphore: Semaphore.Semaphore
  held: boolean
  /** What a step that was taken at once has left to do. It is done before the next step is taken. */
  rest: Effect.Effect<void>
}

/**
 * A lock that is free.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): StepLock => ({
  semaphore: Semaphore.makeUnsafe(1),
  held: false,
  rest: Effect.void
})

const locked = (lock: StepLock, effect: Effect.Effect<void>): Effect.Effect<void> => {
  const hold = (held: boolean) =>
    Effect.sync(() => {
      lock.held = held
    })
  const rest = Effect.suspend(() => {
    const { rest } = lock
    lock.rest = Effect.void
    return rest
  })
  return Effect.andThen(hold(true), Effect.ensuring(rest, effect)).pipe(
    Effect.ensuring(hold(false)),
    lock.semaphore.withPermits(1),
    Effect.uninterruptible
  )
}

/**
 * Takes one step, to its end. `step` moves the state when it is called, and answers what is left to do with the lock held.
 *
 * @category combinators
 * @since 0.1.0
 */
export const run = (lock: StepLock, step: () => Effect.Effect<void>): Effect.Effect<void> =>
  locked(lock, Effect.suspend(step))

/**
 * As {@link run}, but at once where the lock is free: then the state has moved when this returns. The answer is
 * `Effect.void` where nothing is left to do; else it ends once what was left is done, which no later step overtakes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const runNow = (lock: StepLock, step: () => Effect.Effect<void>): Effect.Effect<void> => {
  if (lock.held || lock.rest !== Effect.void) return run(lock, step)
  lock.rest = step()
  return lock.rest === Effect.void ? Effect.void : locked(lock, Effect.void)
}

/**
 * Lets the events of a step out, then does what the step wants. `Effect.void` where there was room for the events and
 * nothing is wanted.
 *
 * @category combinators
 * @since 0.1.0
 */
export const letOut = <Want>(
  queue: Queue.Queue<ProviderEvent, Cause.Done>,
  events: ReadonlyArray<ProviderEvent>,
  wants: ReadonlyArray<Want>,
  fulfil: (want: Want) => Effect.Effect<unknown>
): Effect.Effect<void> => {
  const left = events.length === 0 ? [] : Queue.offerAllUnsafe(queue, events)
  if (left.length === 0 && wants.length === 0) return Effect.void
  return Effect.andThen(
    left.length === 0 ? Effect.void : Queue.offerAll(queue, left),
    Effect.forEach(wants, fulfil, { discard: true })
  )
}
