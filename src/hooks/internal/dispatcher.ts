/**
 * Runs the hooks: asks setups, guards and transforms, notifies observers.
 *
 * Setups, guards and transforms are called one after another, by priority and then in the order of registration, in the fiber
 * of the caller. Each observer has its own worker ({@link HookObserver}). Failures of a hook are caught where it is
 * called ({@link run}). Each call has a receipt, `hook:completed`, which observers get best-effort and which has no
 * receipt of its own.
 *
 * Hooks can be added and removed while it runs. When its scope closes, running handlers are interrupted; the unfinished
 * deliveries of a durable hook stay in the outbox for the next run.
 */
import { Clock, type Context, Duration, Effect, Fiber, FiberSet, Schedule, type Scope } from "effect"
import { Instrumentation } from "../../domain/Instrumentation.ts"
import { type LifecycleEvent, matches } from "../../domain/LifecycleEvent.ts"
import * as SteadyClock from "../../process/SteadyClock.ts"
import type { SessionSetup } from "../../provider/SessionSetup.ts"
import type { SetupFailed } from "../../service/ServiceError.ts"
import type { HookOutbox } from "../../store/HookOutbox.ts"
import type { HookRegistration, HookServices } from "../HookRegistration.ts"
import type { GuardedEvent, GuardedKind } from "../HookVerdict.ts"
import type { LifecycleHooks } from "../LifecycleHooks.ts"
import type { SessionOpening } from "../SessionOpening.ts"
import * as asking from "./asking.ts"
import * as HookObserver from "./observer.ts"
import * as reentrancy from "./reentrancy.ts"
import * as run from "./run.ts"
import * as setups from "./setups.ts"

/** How long an absent hook is remembered, with what it is still to be given, and how long what was given up is kept. */
const keptFor = Duration.days(7)

const purgeEvery = Duration.days(1)

export interface HookDispatcher {
  /** Whether there are observers. */
  readonly listens: () => boolean
  /** To be called with the events of a commit, after it. Almost free without hooks. */
  readonly emit: (events: ReadonlyArray<LifecycleEvent>) => void
  /**
   * Waits, within the budget, until each observer of these emitted events was called for them, whatever the outcome. An
   * observer that itself waits here is left out.
   */
  readonly settled: (eventIds: ReadonlyArray<string>, budget: Duration.Duration) => Effect.Effect<void>
  /** Its deliveries may be due earlier than they were. */
  readonly wake: (hook: string) => void
  /**
   * When a delivery with this due time is tried next, in wall time: not while the hook is suspended, and never in the past.
   * `undefined` where no such hook is registered to be told of events durably.
   */
  readonly nextTry: (hook: string, dueAt: number) => Effect.Effect<number | undefined>
  /** Whether a guard or transform is registered for the event. */
  readonly asks: (kind: GuardedKind) => boolean
  /** Whether a setup is registered. */
  readonly setsUp: () => boolean
  /** What all setups together give; `undefined` if there are none. What they acquire is the scope's. */
  readonly setUp: (
    opening: SessionOpening,
    scope: Scope.Scope
  ) => Effect.Effect<SessionSetup | undefined, SetupFailed>
  /** The first veto, else the first decision, or whether one has the user asked. */
  readonly guard: (
    event: GuardedEvent
  ) => Effect.Effect<{ readonly _tag: "Allow" } | asking.Vetoed | asking.Decided | asking.ToAsk>
  /** The additions of all transforms, in order. */
  readonly transform: (event: GuardedEvent) => Effect.Effect<asking.Transformed | asking.Vetoed>
}

type Asked = run.Hook<asking.Guard | asking.Transform>

const byPriority = (a: run.Hook, b: run.Hook): number => b.registration.priority - a.registration.priority

/** Registers the hook with the outbox; `false` if that fails. */
const subscribed = (outbox: HookOutbox["Service"], { events, name }: HookObserver.Observe): Effect.Effect<boolean> =>
  outbox.register({ name, patterns: events }).pipe(
    Effect.retry({ times: 3, schedule: Schedule.exponential("100 millis") }),
    Effect.as(true),
    Effect.catch((error) =>
      Effect.logError("A durable hook could not be registered; its delivery is best-effort until the next start", error)
        .pipe(
          Effect.annotateLogs({ hook: name }),
          Effect.as(false)
        )
    )
  )

/** Follows the registered hooks until the scope closes. Handlers wait for `services`. */
export const make = Effect.fnUntraced(function*(options: {
  readonly hooks: LifecycleHooks["Service"]
  readonly outbox: HookOutbox["Service"]
  readonly services: Effect.Effect<Context.Context<HookServices>>
}): Effect.fn.Return<HookDispatcher, never, Scope.Scope> {
  const { outbox, services } = options
  const clock = yield* SteadyClock.make
  const instrumentation = yield* Instrumentation
  /** Guards and transforms, in the order of asking. */
  let asked: ReadonlyArray<Asked> = []
  /** In the order of asking, as well. */
  let setsUp: ReadonlyArray<setups.Setup> = []
  const observers = new Map<HookRegistration, HookObserver.Observer>()
  const fibers = new Map<HookRegistration, Fiber.Fiber<never>>()
  const registered = new Set<HookRegistration>()
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<never>())()

  const notify = (event: LifecycleEvent) => {
    for (const observer of observers.values()) observer.notify(event)
  }

  const ask = (hook: Asked, event: GuardedEvent): Effect.Effect<asking.Answer> =>
    run.call(hook, event, {
      services,
      use: (event) => asking.answer(hook.registration, event),
      conclude: (ended: run.Ended<asking.Answer>) => {
        const { outcome } = ended
        const { failure, name } = hook.registration
        notify(run.receipt(hook, event, ended, outcome._tag === "Ok" && outcome.value._tag === "Veto"))
        if (outcome._tag === "Ok") return Effect.succeed(outcome.value)
        const message = failure === "closed"
          ? "A hook did not answer, which counts as a veto"
          : "A hook did not answer and is ignored"
        return Effect.logWarning(message).pipe(
          Effect.annotateLogs({
            hook: name,
            event: event._tag,
            eventId: event.eventId,
            outcome: outcome._tag,
            // The error's text may hold secrets: only the receipt has it.
            ...(outcome._tag === "Failed" ? { error: outcome.tag } : {})
          }),
          Effect.as(
            failure === "closed"
              ? asking.veto(hook.registration, asking.reasonOf(hook.registration, outcome))
              : asking.nothing
          )
        )
      }
    })

  const registeredFor = (phase: Asked["registration"]["phase"], kind: GuardedKind) =>
    asked.filter(({ registration }) => registration.phase === phase && matches(registration.events, kind))

  /** Asks one after another, up to the first veto. The first decision counts. */
  const askAll = Effect.fnUntraced(function*(phase: Asked["registration"]["phase"], event: GuardedEvent) {
    const context: Array<string> = []
    let decided: asking.Decided | asking.ToAsk | undefined
    for (const hook of registeredFor(phase, event._tag)) {
      if (!registered.has(hook.registration)) continue
      const answer = yield* ask(hook, event)
      if (answer._tag === "Veto") return answer
      if (answer._tag === "Decided" || answer._tag === "Ask") decided ??= answer
      else context.push(...answer.context)
    }
    return decided ?? { _tag: "Transformed", context } as const
  })

  const purge = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    yield* outbox.purge(now - Duration.toMillis(keptFor))
  })

  /** Renews the registration of present hooks, so that a purge spares them however old it is. */
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
      // They read the feed and are told nothing.
      if (hook.phase === "project") return
      registered.add(hook)
      if (hook.phase === "setup") {
        setsUp = [...setsUp, run.make(hook, instrumentation)].toSorted(byPriority)
        return
      }
      if (hook.phase !== "observe") {
        asked = [...asked, run.make<asking.Guard | asking.Transform>(hook, instrumentation)].toSorted(byPriority)
        return
      }
      const durable = hook.delivery === "durable" && (yield* subscribed(outbox, hook))
      if (!registered.has(hook)) return
      const observer = HookObserver.make({
        hook: run.make(hook, instrumentation),
        outbox,
        durable,
        clock,
        services,
        onReceipt: notify
      })
      observers.set(hook, observer)
      fibers.set(hook, fork(observer.run))
    }),
    removed: Effect.fnUntraced(function*(hook) {
      registered.delete(hook)
      const removed = [...asked, ...setsUp].filter(({ registration }) => registration === hook)
      asked = asked.filter(({ registration }) => registration !== hook)
      setsUp = setsUp.filter(({ registration }) => registration !== hook)
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
      if (observers.size > 0) { for (const event of events) notify(event) }
    },

    settled: Effect.fn("dispatcher.settled")(function*(eventIds, budget) {
      const inside = yield* reentrancy.running
      const waits = Array.from(observers.values()).flatMap((observer) =>
        inside.has(observer.hook.registration.name) ? [] : observer.handling(eventIds)
      )
      if (waits.length === 0) return
      yield* Effect.timeoutOption(Effect.all(waits, { concurrency: "unbounded", discard: true }), budget)
    }),

    wake: (hook) => {
      for (const observer of observers.values()) if (observer.hook.registration.name === hook) observer.wake()
    },

    nextTry: Effect.fnUntraced(function*(name, dueAt) {
      const found = Array.from(observers.values()).find(({ durable, hook }) =>
        durable && hook.registration.name === name
      )
      if (found === undefined) return undefined
      const suspended = Math.max(0, found.hook.suppressedUntil - (yield* run.monotonicMillis))
      return clock.wallOf(Math.max(clock.now() + suspended, dueAt))
    }),

    asks: (kind) => registeredFor("guard", kind).length > 0 || registeredFor("transform", kind).length > 0,

    setsUp: () => setsUp.length > 0,

    setUp: (opening, scope) => setups.ask(setsUp, opening, { scope, services }),

    guard: Effect.fn("dispatcher.guard")(function*(event) {
      const answer = yield* askAll("guard", event)
      return answer._tag === "Transformed" ? { _tag: "Allow" } : answer
    }),

    transform: Effect.fn("dispatcher.transform")(function*(event) {
      const answer = yield* askAll("transform", event)
      return answer._tag === "Decided" || answer._tag === "Ask" ? asking.nothing : answer
    })
  }
})
