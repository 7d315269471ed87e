/**
 * The worker of one observer: one fiber that calls its hook for one event after the other, in the order in which they
 * were recorded. However slow the hook is, it holds up nobody but itself.
 *
 * A durable hook's events come from the outbox. The worker looks there when it is woken, when the next event is due, and
 * once a minute, so that what was recorded without its being told (by another process, say) comes too. A best-effort
 * hook's events, and the receipts of other hooks, wait in a bounded queue; what is too much for it is dropped, oldest
 * first.
 *
 * Where the outbox cannot be used the worker waits and tries again; it never gives up.
 *
 * A wall clock that is set back delays no retry: due times are those of a {@link SteadyClock}. One that an earlier process
 * wrote, before the clock was set back, is cut down to the longest wait that this hook has between two tries.
 */
import { Clock, type Context, Duration, Effect, Latch } from "effect"
import { type LifecycleEvent, matches } from "../../domain/LifecycleEvent.ts"
import type { SteadyClock } from "../../process/SteadyClock.ts"
import type { HookOutbox } from "../../store/HookOutbox.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import type { HookRegistration, HookServices } from "../LifecycleHooks.ts"
import * as run from "./run.ts"

/** How many events are read from the outbox at a time. */
const pageSize = 64

/** How many events wait for a best-effort hook. */
const queueCapacity = 256

/** Of how many events that it was told of last a worker knows whether it has handled them. */
const remembered = 1024

const lookEvery = Duration.toMillis(Duration.minutes(1))
const longestBackoff = Duration.toMillis(Duration.hours(1))
const longestRetry = Duration.toMillis(Duration.seconds(30))

export type Observe = Extract<HookRegistration, { readonly phase: "observe" }>

export interface Observer {
  readonly hook: run.Hook<Observe>
  readonly durable: boolean
  /** The event was recorded now, or happened. */
  readonly tell: (event: LifecycleEvent) => void
  /** Waits for what is left to be handled of these events; an empty list if nothing is. */
  readonly handling: (eventIds: ReadonlyArray<string>) => ReadonlyArray<Effect.Effect<void>>
  readonly run: Effect.Effect<never>
}

const errorOf = (outcome: run.Outcome<unknown>) => outcome._tag === "Failed" ? { error: outcome.tag } : {}

/** Writes until it has worked. */
const persisted = <A>(write: Effect.Effect<A, StoreFailed>, delay = 1000): Effect.Effect<A> =>
  Effect.catch(write, (error) =>
    Effect.logWarning("The outbox of hooks cannot be used; trying again", error).pipe(
      Effect.andThen(Effect.sleep(delay)),
      Effect.andThen(Effect.suspend(() => persisted(write, Math.min(delay * 2, longestRetry))))
    ))

/** `durable`: the outbox records for it. `told` gets the receipts. */
export const make = (options: {
  readonly registration: Observe
  readonly outbox: HookOutbox["Service"]
  readonly durable: boolean
  readonly clock: SteadyClock
  readonly services: Effect.Effect<Context.Context<HookServices>>
  readonly told: (receipt: LifecycleEvent) => void
}): Observer => {
  const { clock, durable, outbox, registration, services, told } = options
  const { attempts, name } = registration
  /** How long the hook is left alone after it has failed so often. */
  const waitAfter = (attempt: number) =>
    Math.min(Duration.toMillis(registration.backoff) * 2 ** (attempt - 1), longestBackoff)
  const hook = run.make(registration)
  const awake = Latch.makeUnsafe(false)
  const queue: Array<LifecycleEvent> = []
  /** Events that are on their way to the hook, in the order in which the worker was told of them. */
  const expected = new Map<string, Latch.Latch>()
  hook.onEnded = () => void awake.openUnsafe()

  const handled = (eventId: string) => {
    expected.get(eventId)?.openUnsafe()
    expected.delete(eventId)
  }

  const handledAll = () => {
    for (const eventId of Array.from(expected.keys())) handled(eventId)
  }

  const expect = (eventId: string) => {
    const [oldest] = expected.keys()
    if (oldest !== undefined && expected.size >= remembered) handled(oldest)
    expected.set(eventId, Latch.makeUnsafe(false))
  }

  /** What became of a receipt has none. */
  const receipt = (event: LifecycleEvent, ended: run.Ended<unknown>) => {
    if (event._tag !== "hook:completed") told(run.receipt(hook, event, ended))
  }

  const report = (event: LifecycleEvent, ended: run.Ended<unknown>) =>
    Effect.suspend(() => {
      receipt(event, ended)
      const { _tag: outcome } = ended.outcome
      if (outcome !== "Failed" && outcome !== "Timeout") return Effect.void
      // Of its error only the tag: the text may hold what must not be logged. The receipt has it.
      return Effect.logWarning("A hook did not succeed; hook:completed says why").pipe(
        Effect.annotateLogs({
          event: event._tag,
          eventId: event.eventId,
          outcome,
          attempt: event.delivery.attempt,
          ...errorOf(ended.outcome)
        })
      )
    })

  const skip = (event: LifecycleEvent, at: number) => {
    receipt(event, { outcome: { _tag: "Suppressed" }, durationMillis: 0, at })
    handled(event.eventId)
  }

  const tell = (event: LifecycleEvent) => {
    if (!matches(registration.events, event._tag)) return
    if (event._tag !== "hook:completed") expect(event.eventId)
    if (!durable || event._tag === "hook:completed") {
      const dropped = queue.length < queueCapacity ? undefined : queue.shift()
      queue.push(event)
      if (dropped !== undefined) skip(dropped, event.at)
    }
    awake.openUnsafe()
  }

  const call = (event: LifecycleEvent, conclude: (ended: run.Ended<unknown>) => Effect.Effect<boolean>) =>
    run.call(hook, event, { services, use: registration.run, conclude })

  const callOnce = (event: LifecycleEvent) =>
    call(event, (ended) =>
      Effect.map(report(event, ended), () => {
        handled(event.eventId)
        return true
      }))

  const drainQueue = Effect.gen(function*() {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield* callOnce(event)
  })

  const givenUp = (event: LifecycleEvent, outcome: run.Outcome<unknown>) =>
    Effect.logError("A hook has failed too often; this event is not delivered to it").pipe(
      Effect.annotateLogs({ event: event._tag, eventId: event.eventId, ...errorOf(outcome) })
    )

  const deliver = Effect.fnUntraced(function*(event: LifecycleEvent) {
    const { eventId } = event
    const { attempt } = event.delivery
    const delivery = { hook: name, eventId }
    if (!matches(registration.events, event._tag)) return yield* persisted(outbox.acknowledge(delivery))
    if (attempt > attempts) {
      const at = yield* Clock.currentTimeMillis
      const error = "The process ended during its last try"
      const outcome = { _tag: "Failed", tag: "ProcessEnded", error, final: true } as const
      receipt(event, { outcome, durationMillis: 0, at })
      yield* givenUp(event, outcome)
      return yield* persisted(outbox.acknowledge(delivery))
    }
    yield* persisted(outbox.attempt(delivery))
    let written: Effect.Effect<void, StoreFailed> = Effect.void
    const concluded = yield* call(event, (ended) =>
      Effect.gen(function*() {
        yield* report(event, ended)
        const { _tag } = ended.outcome
        // It is due at once where it is called next: by this worker's successor.
        if (_tag === "Cut") return true
        if (_tag === "Ok") written = outbox.acknowledge(delivery)
        else if (attempt < attempts && !(ended.outcome._tag === "Failed" && ended.outcome.final)) {
          written = outbox.postpone({ ...delivery, dueAt: clock.now() + waitAfter(attempt) })
        } else {
          yield* givenUp(event, ended.outcome)
          written = outbox.acknowledge(delivery)
        }
        return yield* Effect.isSuccess(written)
      }))
    handled(eventId)
    if (!concluded) yield* persisted(written)
  })

  const drainOutbox = Effect.gen(function*() {
    for (;;) {
      const known = Array.from(expected.keys())
      if (run.isSuppressed(hook, yield* run.monotonicMillis)) return
      const page = yield* persisted(outbox.pending({ hook: name, now: clock.now(), limit: pageSize }))
      if (page.length < pageSize) {
        // What the worker was told of and does not come was handled before it was told.
        const coming = new Set(page.map((event) => event.eventId))
        for (const eventId of known) if (!coming.has(eventId)) handled(eventId)
      }
      for (const event of page) {
        yield* deliver(event)
        yield* drainQueue
        if (run.isSuppressed(hook, yield* run.monotonicMillis)) return
      }
      if (page.length < pageSize) return
    }
  })

  /** How long there is nothing to do, unless the worker is woken. */
  const pause = Effect.gen(function*() {
    const monotonic = yield* run.monotonicMillis
    if (run.isSuppressed(hook, monotonic)) {
      // Nothing may wait for a hook that is not called.
      handledAll()
      return monotonic < hook.suppressedUntil ? hook.suppressedUntil - monotonic : lookEvery
    }
    const dueAt = durable ? yield* persisted(outbox.nextDue(name)) : undefined
    if (dueAt === undefined) return lookEvery
    const wait = dueAt - clock.now()
    const longest = waitAfter(attempts - 1)
    if (wait <= longest) return Math.max(0, Math.min(wait, lookEvery))
    // An earlier process has written it, and the clock was set back since.
    yield* persisted(outbox.limitDue({ hook: name, dueAt: clock.now() + longest }))
    return Math.min(longest, lookEvery)
  })

  const turn = Effect.gen(function*() {
    awake.closeUnsafe()
    yield* drainQueue
    if (durable) yield* drainOutbox
    yield* Effect.timeoutOption(awake.await, yield* pause)
    // Whoever woke it goes on first.
    yield* Effect.yieldNow
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("The worker of a hook failed; it begins again", defect), Effect.sleep(1000))
    ),
    Effect.annotateLogs({ hook: name })
  )

  return {
    hook,
    durable,
    tell,
    handling: (eventIds) =>
      eventIds.flatMap((eventId) => {
        const latch = expected.get(eventId)
        return latch === undefined ? [] : [latch.await]
      }),
    run: Effect.ensuring(Effect.forever(turn), Effect.sync(handledAll))
  }
}
