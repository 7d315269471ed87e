/**
 * The worker of one observer: one fiber that calls its hook for one event after another, in the order of recording. A
 * slow hook delays only itself.
 *
 * A durable hook's events come from the outbox. The worker reads it when it is woken, when the next event is due, and
 * once a minute, so that it also finds events that were recorded without a notification. A best-effort hook's events,
 * and the receipts of other hooks, wait in a bounded queue that drops the oldest.
 *
 * If the outbox fails the worker waits and retries, without limit.
 *
 * A wall clock that is set back delays no retry: due times are those of a {@link SteadyClock}. A due time that an
 * earlier process wrote before the clock was set back is limited to the hook's longest wait between two tries.
 */
import { Clock, type Context, Duration, Effect, Latch } from "effect"
import { type LifecycleEvent, matches } from "../../domain/LifecycleEvent.ts"
import type { SteadyClock } from "../../process/SteadyClock.ts"
import type { HookOutbox } from "../../store/HookOutbox.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import type { HookRegistration, HookServices } from "../HookRegistration.ts"
import * as run from "./run.ts"

/** Number of events read from the outbox at a time. */
const pageSize = 64

/** Number of events that can wait for a best-effort hook. */
const queueCapacity = 256

/** Number of recently announced events that a worker tracks. */
const remembered = 1024

const lookEvery = Duration.toMillis(Duration.minutes(1))
const longestBackoff = Duration.toMillis(Duration.hours(1))
const longestRetry = Duration.toMillis(Duration.seconds(30))

export type Observe = Extract<HookRegistration, { readonly phase: "observe" }>

export interface Observer {
  readonly hook: run.Hook<Observe>
  readonly durable: boolean
  /** Announces a recorded event or a receipt. */
  readonly notify: (event: LifecycleEvent) => void
  /** One wait for each of these events that is announced and not handled yet. */
  readonly handling: (eventIds: ReadonlyArray<string>) => ReadonlyArray<Effect.Effect<void>>
  /** Looks at the outbox now. */
  readonly wake: () => void
  readonly run: Effect.Effect<never>
}

const errorOf = (outcome: run.Outcome<unknown>) => outcome._tag === "Failed" ? { error: outcome.tag } : {}

const kindOf = (outcome: run.Outcome<unknown>): string => outcome._tag === "Failed" ? outcome.tag : outcome._tag

/** Retries the write until it succeeds. */
const persisted = <A>(write: Effect.Effect<A, StoreFailed>, delay = 1000): Effect.Effect<A> =>
  Effect.catch(write, (error) =>
    Effect.logWarning("The outbox of hooks failed; trying again", error).pipe(
      Effect.andThen(Effect.sleep(delay)),
      Effect.andThen(Effect.suspend(() => persisted(write, Math.min(delay * 2, longestRetry))))
    ))

/** `durable`: the outbox records for the hook. */
export const make = (options: {
  readonly hook: run.Hook<Observe>
  readonly outbox: HookOutbox["Service"]
  readonly durable: boolean
  readonly clock: SteadyClock
  readonly services: Effect.Effect<Context.Context<HookServices>>
  readonly onReceipt: (receipt: LifecycleEvent) => void
}): Observer => {
  const { clock, durable, hook, onReceipt, outbox, services } = options
  const { registration } = hook
  const { attempts, name } = registration
  /** Wait after a failed try with this number. */
  const waitAfter = (attempt: number) =>
    // Doubled no further than any wait is: no wait at all, doubled for ever, would be no number.
    Math.min(Duration.toMillis(registration.backoff) * 2 ** Math.min(attempt - 1, 30), longestBackoff)
  const awake = Latch.makeUnsafe(false)
  const queue: Array<LifecycleEvent> = []
  /** Announced events that are not handled yet, in the order of announcement. */
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

  /** Receipts have no receipts. */
  const receipt = (event: LifecycleEvent, ended: run.Ended<unknown>) => {
    if (event._tag !== "hook:completed") onReceipt(run.receipt(hook, event, ended))
  }

  const report = (event: LifecycleEvent, ended: run.Ended<unknown>) =>
    Effect.suspend(() => {
      receipt(event, ended)
      const { _tag: outcome } = ended.outcome
      if (outcome !== "Failed" && outcome !== "Timeout") return Effect.void
      // The error's text may hold secrets: only the receipt has it.
      return Effect.logWarning("A hook did not succeed; the event hook:completed has its error").pipe(
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

  const notify = (event: LifecycleEvent) => {
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

  /** Says so, and answers the write that keeps the delivery to be looked at. */
  const giveUp = Effect.fnUntraced(function*(event: LifecycleEvent, outcome: run.Outcome<unknown>) {
    const { eventId } = event
    yield* Effect.logError("A hook failed at every try; this event is not delivered to it").pipe(
      Effect.annotateLogs({ event: event._tag, eventId, ...errorOf(outcome) })
    )
    return outbox.giveUp({ hook: name, eventId, at: yield* Clock.currentTimeMillis, error: kindOf(outcome) })
  })

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
      return yield* persisted(yield* giveUp(event, outcome))
    }
    yield* persisted(outbox.attempt(delivery))
    let written: Effect.Effect<void, StoreFailed> = Effect.void
    const concluded = yield* call(event, (ended) =>
      Effect.gen(function*() {
        yield* report(event, ended)
        const { _tag } = ended.outcome
        // Counted and due at once: this worker's successor calls it again.
        if (_tag === "Interrupted") return true
        if (_tag === "Ok") written = outbox.acknowledge(delivery)
        else if (attempt < attempts && !(ended.outcome._tag === "Failed" && ended.outcome.final)) {
          const dueAt = clock.now() + waitAfter(attempt)
          written = outbox.postpone({ ...delivery, dueAt, error: kindOf(ended.outcome) })
        } else written = yield* giveUp(event, ended.outcome)
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
        // An announced event that is no longer pending was handled before its announcement.
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

  /** Time until there is something to do, unless the worker is woken. */
  const pause = Effect.gen(function*() {
    const monotonic = yield* run.monotonicMillis
    if (run.isSuppressed(hook, monotonic)) {
      // A suspended hook is not called, so waiting for it would last for its whole suspension.
      handledAll()
      return monotonic < hook.suppressedUntil ? hook.suppressedUntil - monotonic : lookEvery
    }
    const dueAt = durable ? yield* persisted(outbox.nextDue(name)) : undefined
    if (dueAt === undefined) return lookEvery
    const wait = dueAt - clock.now()
    const longest = waitAfter(attempts - 1)
    if (wait <= longest) return Math.max(0, Math.min(wait, lookEvery))
    // Written by an earlier process, before the clock was set back.
    yield* persisted(outbox.limitDue({ hook: name, dueAt: clock.now() + longest }))
    return Math.min(longest, lookEvery)
  })

  const turn = Effect.gen(function*() {
    awake.closeUnsafe()
    yield* drainQueue
    if (durable) yield* drainOutbox
    yield* Effect.timeoutOption(awake.await, yield* pause)
    // Lets the fiber that woke the worker go on first.
    yield* Effect.yieldNow
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("The worker of a hook died; it starts again", defect), Effect.sleep(1000))
    ),
    Effect.annotateLogs({ hook: name })
  )

  return {
    hook,
    durable,
    notify,
    wake: () => void awake.openUnsafe(),
    handling: (eventIds) =>
      eventIds.flatMap((eventId) => {
        const latch = expected.get(eventId)
        return latch === undefined ? [] : [latch.await]
      }),
    run: Effect.ensuring(Effect.forever(turn), Effect.sync(handledAll))
  }
}
