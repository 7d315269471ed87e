/**
 * One isolated call of one hook: whatever the hook does (fail, throw, interrupt itself, hang, modify its event) comes
 * out as an {@link Outcome}.
 *
 * A handler that exceeds its timeout is interrupted. One that does not end within its grace after that is
 * abandoned: it keeps running, but its caller goes on. Its hook is suspended for {@link suspension}, and while {@link
 * mostAbandoned} abandoned calls of it are still running.
 */
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Option, Result } from "effect"
import * as ErrorTag from "../../domain/ErrorTag.ts"
import * as Instrumentation from "../../domain/Instrumentation.ts"
import * as Lifecycle from "../../domain/LifecycleEvent.ts"
import * as LifecycleRecord from "../../store/LifecycleRecord.ts"
import type { HookRegistration, HookServices } from "../HookRegistration.ts"
import * as reentrancy from "./reentrancy.ts"

/** How long a hook is not called after a call of it was abandoned. */
const suspension = Duration.seconds(60)

const mostAbandoned = 3

/** A registered hook with the state of its calls. */
export interface Hook<R extends HookRegistration = HookRegistration> {
  readonly registration: R
  readonly instrumentation: Instrumentation.Instrumentation | undefined
  readonly running: Set<Fiber.Fiber<unknown, unknown>>
  /** Number of abandoned calls that are still running. */
  abandoned: number
  /** In milliseconds of the monotonic clock ({@link monotonicMillis}). */
  suppressedUntil: number
  /** Called when an abandoned call ends. */
  onEnded: () => void
}

export const make = <R extends HookRegistration>(
  registration: R,
  instrumentation: Instrumentation.Instrumentation | undefined
): Hook<R> => ({
  registration,
  instrumentation,
  running: new Set(),
  abandoned: 0,
  suppressedUntil: Number.NEGATIVE_INFINITY,
  onEnded: () => {}
})

/** Outcome of a call. `Suppressed`: it was not made, since the hook is suspended. `Interrupted`: its caller was. */
export type Outcome<A> =
  | { readonly _tag: "Ok"; readonly value: A }
  /** `tag` is the error's kind, without any of its content. `final`: the error says that a retry cannot succeed. */
  | { readonly _tag: "Failed"; readonly tag: string; readonly error: string; readonly final: boolean }
  | { readonly _tag: "Timeout" }
  | { readonly _tag: "Suppressed" }
  | { readonly _tag: "Interrupted" }

/** A call that has ended. */
export interface Ended<A> {
  readonly outcome: Outcome<A>
  readonly durationMillis: number
  /** When it ended, in milliseconds since 1970. */
  readonly at: number
}

/** For durations and waits: unlike the wall clock, it is never set back. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Clock.monotonicTimeNanos,
  (nanos) => Number(nanos / 1_000_000n)
)

/** `now` in milliseconds of the monotonic clock. */
export const isSuppressed = (hook: Hook, now: number): boolean =>
  now < hook.suppressedUntil || hook.abandoned >= mostAbandoned

/** Text of any error, even of one whose properties throw. */
const described = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "It was interrupted"
  const show = Result.try(() => {
    const error = Cause.squash(cause)
    return error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error) ?? String(error)
  })
  return Result.getOrElse(show, () => "An error that cannot be shown")
}

/** Any error with `retryable: false` is final, ours or the app's. */
const isFinal = (cause: Cause.Cause<unknown>): boolean =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => false,
    onSome: (error) =>
      typeof error === "object" && error !== null &&
      Result.getOrElse(Result.try(() => Reflect.get(error, "retryable") === false), () => false)
  })

const outcomeOf = <A>(exit: Exit.Exit<A, unknown>): Outcome<A> =>
  Exit.isSuccess(exit)
    ? { _tag: "Ok", value: exit.value }
    : { _tag: "Failed", tag: ErrorTag.ofCause(exit.cause), error: described(exit.cause), final: isFinal(exit.cause) }

/** What an interrupted handler has not done within its grace, its caller does not wait for. */
const interrupted = <A, E>({ registration: { grace } }: Hook, fiber: Fiber.Fiber<A, E>) =>
  Effect.suspend(() => {
    fiber.interruptUnsafe()
    return Effect.timeoutOption(Fiber.await(fiber), grace)
  })

/** Interrupts all calls of the hook; their callers go on with the outcomes. */
export const interruptAll = (hook: Hook): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.forEach(Array.from(hook.running), (fiber) => interrupted(hook, fiber), {
      concurrency: "unbounded",
      discard: true
    })
  )

const workOf = ({ name, phase }: HookRegistration, event: reentrancy.HookInput): Instrumentation.Work => ({
  _tag: "HookCall",
  threadId: event.threadId,
  turnId: event.turnId,
  hook: name,
  phase,
  event: event._tag,
  recordedAt: event.at
})

/**
 * Calls the hook with a copy of the event. `conclude` handles the outcome and cannot be interrupted, so every finished
 * call is concluded.
 */
export const call = Effect.fnUntraced(function*<E extends reentrancy.HookInput, A, B>(
  hook: Hook,
  event: E,
  options: {
    readonly services: Effect.Effect<Context.Context<HookServices>>
    readonly use: (event: E) => Effect.Effect<A, unknown, HookServices>
    readonly conclude: (ended: Ended<A>) => Effect.Effect<B>
  }
) {
  const { registration } = hook
  const services = yield* options.services
  const startedAt = yield* monotonicMillis
  if (isSuppressed(hook, startedAt)) {
    const at = yield* Clock.currentTimeMillis
    return yield* options.conclude({ outcome: { _tag: "Suppressed" }, durationMillis: 0, at })
  }
  const scope: reentrancy.HookScope = {
    threadId: event.threadId,
    tag: event._tag,
    phase: registration.phase,
    hook: registration.name,
    over: false,
    outer: yield* reentrancy.Current
  }
  const handler = Effect.provideContext(
    Instrumentation.around(
      hook.instrumentation,
      workOf(registration, event),
      Effect.suspend(() => options.use(structuredClone(event)))
    ),
    Context.add(services, reentrancy.Current, scope)
  )
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkDetach(handler, { startImmediately: true })
      hook.running.add(fiber)
      const waited = yield* Effect.exit(restore(Effect.timeoutOption(Fiber.await(fiber), registration.timeout)))
      const inTime = Exit.isSuccess(waited) ? waited.value : Option.none()
      const ended = Option.isSome(inTime) ? inTime : yield* interrupted(hook, fiber)
      scope.over = true
      hook.running.delete(fiber)
      const at = yield* Clock.currentTimeMillis
      const endedAt = yield* monotonicMillis
      if (Option.isNone(ended)) {
        hook.abandoned++
        hook.suppressedUntil = endedAt + Duration.toMillis(suspension)
        fiber.addObserver(() => {
          hook.abandoned--
          hook.onEnded()
        })
      }
      const outcome = (): Outcome<A> => {
        if (Option.isSome(inTime)) return outcomeOf(inTime.value)
        if (Exit.isSuccess(waited)) return { _tag: "Timeout" }
        return Option.isSome(ended) && Exit.isSuccess(ended.value) ? outcomeOf(ended.value) : { _tag: "Interrupted" }
      }
      return yield* options.conclude({ outcome: outcome(), durationMillis: endedAt - startedAt, at })
    })
  )
})

const outcomes = {
  Ok: "ok",
  Failed: "failed",
  Timeout: "timeout",
  Suppressed: "skipped",
  Interrupted: "failed"
} as const

/** The receipt of a call. */
export const receipt = (
  { registration }: Hook,
  event: Lifecycle.LifecycleEvent,
  { at, durationMillis, outcome }: Ended<unknown>,
  vetoed = false
): Lifecycle.LifecycleEvent => {
  const { _tag, delivery: { attempt }, eventId } = event
  return LifecycleRecord.make<"hook:completed">({ ...event, at }, event, `${registration.name} ${eventId} ${attempt}`, {
    _tag: "hook:completed",
    hook: registration.name,
    of: { eventId, _tag },
    outcome: vetoed ? "vetoed" : outcomes[outcome._tag],
    durationMillis,
    attempt,
    ...(outcome._tag === "Failed" ? { error: outcome.error } : {}),
    ...(outcome._tag === "Interrupted" ? { error: "It was interrupted" } : {})
  })
}
