/**
 * Runs the hooks: asks guards and transforms, tells observers.
 *
 * Guards and transforms are called one after the other, by priority and then in the order of their registration, in the
 * fiber of whoever asks. Each observer has a worker of its own ({@link HookObserver}). What one hook does to itself is
 * caught where it is called ({@link run}); each call has its receipt, `hook:completed`, which observers are told of at
 * best effort, and which has no receipt itself.
 *
 * Hooks come and go while it runs. When its scope closes the handlers that still run are interrupted; what a durable hook
 * has not finished stays in the outbox for the next run.
 */
import { Clock, type Context, Duration, Effect, Fiber, FiberSet, Schedule, type Scope } from "effect"
import { type EventOf, type LifecycleEvent, matches } from "../../domain/LifecycleEvent.ts"
import * as SteadyClock from "../../process/SteadyClock.ts"
import type { HookOutbox } from "../../store/HookOutbox.ts"
import type { GuardedKind, HookRegistration, HookServices, LifecycleHooks } from "../LifecycleHooks.ts"
import * as HookObserver from "./observer.ts"
import * as reentrancy from "./reentrancy.ts"
import * as run from "./run.ts"

/** How long what nobody has fetched is kept. */
const kept = Duration.days(7)

const purgeEvery = Duration.days(1)

/** Somebody said no: the guard or transform of this name. */
export interface Vetoed {
  readonly _tag: "Veto"
  readonly hook: string
  readonly reason: string
}

export interface Transformed {
  readonly _tag: "Transformed"
  readonly context: ReadonlyArray<string>
}

export interface HookDispatcher {
  /** Whether anybody observes at all. */
  readonly listens: () => boolean
  /** To be called with what was just recorded, after its commit. Costs next to nothing where no hook is there. */
  readonly emit: (events: ReadonlyArray<LifecycleEvent>) => void
  /**
   * Waits until each observer that wants these events, which were emitted before, has been called for them, whatever
   * came of it: for so long, and no longer. An observer that waits for it itself is not waited for.
   */
  readonly settled: (eventIds: ReadonlyArray<string>, budget: Duration.Duration) => Effect.Effect<void>
  /** Whether a guard or a transform wants to be asked. */
  readonly asks: (kind: GuardedKind) => boolean
  readonly guard: (event: EventOf<GuardedKind>) => Effect.Effect<{ readonly _tag: "Allow" } | Vetoed>
  /** The additions of all transforms, in their order. */
  readonly transform: (event: EventOf<GuardedKind>) => Effect.Effect<Transformed | Vetoed>
}

type Guard = Extract<HookRegistration, { readonly phase: "guard" }>
type Transform = Extract<HookRegistration, { readonly phase: "transform" }>
type Asked = run.Hook<Guard | Transform>
type Answer = Transformed | Vetoed

const nothing: Transformed = { _tag: "Transformed", context: [] }

const veto = (hook: Guard | Transform, reason: string): Vetoed => ({ _tag: "Veto", hook: hook.name, reason })

/** What the hook makes of the event. Inside of the call, since what a hook answers may be anything. */
const answer = (hook: Guard | Transform, event: EventOf<GuardedKind>): Effect.Effect<Answer, unknown, HookServices> =>
  hook.phase === "guard"
    ? Effect.map(hook.run(event), (verdict) => verdict._tag === "Veto" ? veto(hook, verdict.reason) : nothing)
    : Effect.map(hook.run(event), (patch) => ({ _tag: "Transformed", context: [...patch.context ?? []] }))

/** Why a call that came to nothing is a veto, where it is one. */
const reasonOf = ({ name, timeout }: HookRegistration, outcome: run.Outcome<unknown>): string => {
  switch (outcome._tag) {
    case "Failed":
      // Without its error, which may hold what is nobody's business: the receipt has it.
      return `The hook "${name}" failed`
    case "Timeout":
      return `The hook "${name}" did not answer within ${Duration.format(timeout)}`
    case "Suppressed":
      return `The hook "${name}" is not asked for now, because it did not come back`
    default:
      return `The hook "${name}" was cut off`
  }
}

/** From now on the outbox records for the hook; `false` if that could not be had. */
const subscribed = (outbox: HookOutbox["Service"], { events, name }: HookObserver.Observe): Effect.Effect<boolean> =>
  outbox.register({ name, patterns: events }).pipe(
    Effect.retry({ times: 3, schedule: Schedule.exponential("100 millis") }),
    Effect.as(true),
    Effect.catch((error) =>
      Effect.logError("A durable hook could not be registered; it is told at best effort", error).pipe(
        Effect.annotateLogs({ hook: name }),
        Effect.as(false)
      )
    )
  )

/** Follows the registered hooks until the scope closes. `services` is what handlers may use; it may come later. */
export const make = Effect.fnUntraced(function*(options: {
  readonly hooks: LifecycleHooks["Service"]
  readonly outbox: HookOutbox["Service"]
  readonly services: Effect.Effect<Context.Context<HookServices>>
}): Effect.fn.Return<HookDispatcher, never, Scope.Scope> {
  const { outbox, services } = options
  const clock = yield* SteadyClock.make
  /** Guards and transforms, in the order in which they are asked. */
  let asked: ReadonlyArray<Asked> = []
  const observers = new Map<HookRegistration, HookObserver.Observer>()
  const fibers = new Map<HookRegistration, Fiber.Fiber<never>>()
  const registered = new Set<HookRegistration>()
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<never>())()

  const tell = (event: LifecycleEvent) => {
    for (const observer of observers.values()) observer.tell(event)
  }

  const ask = (hook: Asked, event: EventOf<GuardedKind>): Effect.Effect<Answer> =>
    run.call(hook, event, {
      services,
      use: (event) => answer(hook.registration, event),
      conclude: (ended: run.Ended<Answer>) => {
        const { outcome } = ended
        const { failure, name } = hook.registration
        tell(run.receipt(hook, event, ended, outcome._tag === "Ok" && outcome.value._tag === "Veto"))
        if (outcome._tag === "Ok") return Effect.succeed(outcome.value)
        const message = failure === "closed"
          ? "A hook was asked and did not answer, which counts as a veto"
          : "A hook was asked and did not answer; it counts as if it were not there"
        return Effect.logWarning(message).pipe(
          Effect.annotateLogs({
            hook: name,
            event: event._tag,
            eventId: event.eventId,
            outcome: outcome._tag,
            // Not its text, which may hold what must not be logged: the receipt has it.
            ...(outcome._tag === "Failed" ? { error: outcome.tag } : {})
          }),
          Effect.as(failure === "closed" ? veto(hook.registration, reasonOf(hook.registration, outcome)) : nothing)
        )
      }
    })

  const wanted = (phase: Asked["registration"]["phase"], kind: GuardedKind) =>
    asked.filter(({ registration }) => registration.phase === phase && matches(registration.events, kind))

  /** Asks one after the other, up to the first veto. */
  const askAll = Effect.fnUntraced(function*(phase: Asked["registration"]["phase"], event: EventOf<GuardedKind>) {
    const context: Array<string> = []
    for (const hook of wanted(phase, event._tag)) {
      if (!registered.has(hook.registration)) continue
      const answer = yield* ask(hook, event)
      if (answer._tag === "Veto") return answer
      context.push(...answer.context)
    }
    return { _tag: "Transformed", context } as const
  })

  const purge = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    yield* outbox.purge(now - Duration.toMillis(kept))
  })

  /** A hook that is here is seen, however long ago it was registered. */
  const refresh = Effect.suspend(() =>
    Effect.forEach(
      Array.from(observers.values()),
      ({ durable, hook: { registration: { events, name } } }) =>
        durable ? outbox.register({ name, patterns: events }) : Effect.void,
      { discard: true }
    )
  )

  const logged = Effect.ignore({ log: "Warn", message: "The outbox of hooks could not be purged" })

  yield* options.hooks.follow({
    added: Effect.fnUntraced(function*(hook) {
      registered.add(hook)
      if (hook.phase !== "observe") {
        asked = [...asked, run.make<Guard | Transform>(hook)]
          .toSorted((a, b) => b.registration.priority - a.registration.priority)
        return
      }
      const durable = hook.delivery === "durable" && (yield* subscribed(outbox, hook))
      if (!registered.has(hook)) return
      const observer = HookObserver.make({ registration: hook, outbox, durable, clock, services, told: tell })
      observers.set(hook, observer)
      fibers.set(hook, fork(observer.run))
    }),
    removed: Effect.fnUntraced(function*(hook) {
      registered.delete(hook)
      const removed = asked.filter(({ registration }) => registration === hook)
      asked = asked.filter(({ registration }) => registration !== hook)
      yield* Effect.forEach(removed, run.interruptAll, { discard: true })
      const fiber = fibers.get(hook)
      observers.delete(hook)
      fibers.delete(hook)
      if (fiber !== undefined) yield* Fiber.interrupt(fiber)
    })
  })

  yield* Effect.forkScoped(
    Effect.andThen(
      logged(purge),
      Effect.forever(Effect.delay(logged(Effect.andThen(refresh, purge)), purgeEvery))
    )
  )

  return {
    listens: () => observers.size > 0,

    emit: (events) => {
      if (observers.size > 0) { for (const event of events) tell(event) }
    },

    settled: Effect.fn("dispatcher.settled")(function*(eventIds, budget) {
      const inside = yield* reentrancy.running
      const waits = Array.from(observers.values()).flatMap((observer) =>
        inside.has(observer.hook.registration.name) ? [] : observer.handling(eventIds)
      )
      if (waits.length === 0) return
      yield* Effect.timeoutOption(Effect.all(waits, { concurrency: "unbounded", discard: true }), budget)
    }),

    asks: (kind) => wanted("guard", kind).length > 0 || wanted("transform", kind).length > 0,

    guard: Effect.fn("dispatcher.guard")(function*(event) {
      const answer = yield* askAll("guard", event)
      return answer._tag === "Veto" ? answer : { _tag: "Allow" }
    }),

    transform: Effect.fn("dispatcher.transform")(function*(event) {
      return yield* askAll("transform", event)
    })
  }
})
