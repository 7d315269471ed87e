/**
 * How a session's state is stepped: one input after the other, under a lock. The state moves first, then the events of the
 * step are let out, then what it wants is done, and only then is the next input taken; so events come in the order in which
 * they became true. A slow reader holds back the agent's frames and not the memory.
 *
 * Text comes in thousands of frames. One that finds the lock free, and room for its events, is taken at once (`takeNow`): it
 * costs no step of the runtime.
 *
 * **Example**
 *
 * ```ts
 * const steps = StepLock.steps<LiveSession, State, Input, Want>({
 *   reduce: (live, input) => Turn.reduce(live.state, input),
 *   fulfil: (live, want) => reply(live, want.id, want.answer)
 * })
 * const onNotification = (live: LiveSession, frame: Frame) => steps.takeNow(live, frame)
 * ```
 *
 * @since 0.1.0
 */
import { type Cause, Effect, Queue, Semaphore } from "effect"
import type { Step } from "../domain/Step.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { SecretFilter } from "./SecretFilter.ts"

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
 * What a live session has of this.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stepped<State> {
  state: State
  readonly lock: StepLock
  /** Bounded. */
  readonly events: Queue.Queue<ProviderEvent, Cause.Done>
  /** Takes secrets out of them. */
  readonly filter: SecretFilter
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Steps<Session, Input> {
  /** Takes an input, to its end. */
  readonly take: (session: Session, input: Input) => Effect.Effect<void>
  /**
   * As `take`, but at once where the lock is free: then the state has moved when this returns. The answer is `Effect.void`
   * where nothing is left to do.
   */
  readonly takeNow: (session: Session, input: Input) => Effect.Effect<void>
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

/**
 * How sessions of an adapter take inputs. `reduce` must be pure but for the clock; `fulfil` runs with the lock held, so it
 * forks what takes another input.
 *
 * @category constructors
 * @since 0.1.0
 */
export const steps = <Session extends Stepped<State>, State, Input, Want>({ fulfil, reduce }: {
  readonly reduce: (session: Session, input: Input) => Step<State, ProviderEvent, Want>
  readonly fulfil: (session: Session, want: Want) => Effect.Effect<unknown>
}): Steps<Session, Input> => {
  /** Moves the state and lets out what events there is room for. Answers what is left to do. */
  const step = (session: Session, input: Input): Effect.Effect<void> => {
    const { events, state, wants } = reduce(session, input)
    session.state = state
    const left = events.length === 0 ? events : Queue.offerAllUnsafe(session.events, session.filter(events))
    if (left.length === 0 && wants.length === 0) return Effect.void
    return Effect.andThen(
      left.length === 0 ? Effect.void : Queue.offerAll(session.events, left),
      Effect.forEach(wants, (want) => fulfil(session, want), { discard: true })
    )
  }
  const take = (session: Session, input: Input) => locked(session.lock, Effect.suspend(() => step(session, input)))
  return {
    take,
    takeNow: (session, input) => {
      const { lock } = session
      if (lock.held || lock.rest !== Effect.void) return take(session, input)
      lock.rest = step(session, input)
      return lock.rest === Effect.void ? Effect.void : locked(lock, Effect.void)
    }
  }
}

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
