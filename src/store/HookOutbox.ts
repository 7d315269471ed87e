/**
 * Recorded events that are still to be delivered to hooks. A delivery is written in the same transaction as its event,
 * for each durable hook that is registered now or was in an earlier run of the app.
 *
 * The layers of `SessionStore` provide it: events that are recorded there are delivered from here.
 *
 * **Gotchas**
 *
 * - A delivery is counted before it is tried, so that a hook that kills the process is not called forever. A delivery
 *   that the end of the process interrupted is due at once in the next one.
 * - The content of an event is dropped with its last acknowledgement. Its id stays until it is purged, so that the
 *   event cannot be recorded again.
 * - Due times are the caller's: a caller in a later process can find its wall clock set back, see `limitDue`.
 *
 * @since 0.1.0
 */
import { Context, type Effect } from "effect"
import type { HookBacklog } from "../domain/Instrumentation.ts"
import type { HookPattern, LifecycleEvent, LifecycleTag } from "../domain/LifecycleEvent.ts"
import type { PageInvalid, StoreFailed } from "./StoreError.ts"

/**
 * An event that its hook has failed at every try.
 *
 * @since 0.1.0
 * @category models
 */
export interface GivenUpDelivery {
  readonly hook: string
  readonly event: LifecycleEvent
  readonly attempts: number
  /** In milliseconds since 1970. */
  readonly givenUpAt: number
  /** The kind of the last error, without any of its content. */
  readonly error: string
}

/**
 * An event that its hook is still to be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitingDelivery {
  readonly hook: string
  readonly event: LifecycleEvent
  /** How many tries were begun; one may run now. */
  readonly attempts: number
  /** When the next try is due, in milliseconds since 1970; 0 means at once. */
  readonly dueAt: number
  /** The kind of the last error, without any of its content. */
  readonly error: string | undefined
}

/**
 * Which deliveries are listed: those of one hook or of all, and those after the `next` of the page before.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeliveriesQuery {
  readonly hook?: string | undefined
  readonly limit: number
  readonly after?: string | undefined
}

/**
 * Answers one page. `next` is `undefined` of the last one. Fails with `PageInvalid` where `after` is none of ours.
 *
 * @since 0.1.0
 * @category models
 */
export type ListDeliveries<A> = (query: DeliveriesQuery) => Effect.Effect<
  { readonly deliveries: ReadonlyArray<A>; readonly next: string | undefined },
  StoreFailed | PageInvalid
>

/**
 * The outbox of durable hooks. Each operation fails with `StoreFailed` if the database does.
 *
 * @since 0.1.0
 * @category services
 */
export class HookOutbox extends Context.Service<HookOutbox, {
  /** Whether events of this tag are recorded, for a hook that is registered now or was in an earlier run. */
  readonly records: (tag: LifecycleTag) => boolean
  /** Records matching events for the hook from now on. A registered hook gets these patterns in place of its own. */
  readonly register: (hook: {
    readonly name: string
    readonly patterns: ReadonlyArray<HookPattern>
  }) => Effect.Effect<void, StoreFailed>
  /**
   * Undelivered events of the hook that are due at `now`, in the order of recording, with those that failed before at
   * the end. `delivery.attempt` is the number of the next try.
   */
  readonly pending: (query: {
    readonly hook: string
    readonly now: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<LifecycleEvent>, StoreFailed>
  /** Limits the due times of the hook's deliveries: later ones were written before the wall clock was set back. */
  readonly limitDue: (limit: { readonly hook: string; readonly dueAt: number }) => Effect.Effect<void, StoreFailed>
  /** When the next undelivered event of the hook is due, in milliseconds since 1970; 0 means at once. */
  readonly nextDue: (hook: string) => Effect.Effect<number | undefined, StoreFailed>
  /** Counts a try. Called before it, so that a try that kills the process counts, too. */
  readonly attempt: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /** Sets when the next try is due, after a failed one, and keeps the kind of its error. */
  readonly postpone: (delivery: {
    readonly hook: string
    readonly eventId: string
    readonly dueAt: number
    readonly error: string
  }) => Effect.Effect<void, StoreFailed>
  /** Keeps a delivery that is not tried any more, until it is sent again or purged. */
  readonly giveUp: (delivery: {
    readonly hook: string
    readonly eventId: string
    readonly at: number
    readonly error: string
  }) => Effect.Effect<void, StoreFailed>
  /** One page of the deliveries that are still to be made, of one hook or of all, in the order of recording. */
  readonly waiting: ListDeliveries<WaitingDelivery>
  /**
   * One page of the deliveries that were given up, of one hook or of all, in the order of recording. One whose event this
   * release cannot read is left out; `backlog` counts it.
   */
  readonly givenUp: ListDeliveries<GivenUpDelivery>
  /** Makes deliveries of the hook that were given up due at once, as if they had never been tried; answers how many. */
  readonly resend: (deliveries: {
    readonly hook: string
    readonly eventId?: string | undefined
  }) => Effect.Effect<number, StoreFailed>
  /** How many deliveries of each hook are still to be made, or were given up. */
  readonly backlog: Effect.Effect<ReadonlyArray<HookBacklog>, StoreFailed>
  /** Ends a delivery: the hook has the event, or does not want it any more. */
  readonly acknowledge: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /**
   * Removes hooks that were not registered since this time, with what they were still to be given, and events that were
   * recorded before it and are delivered to all others, or were given up. What a hook is still to be given stays with it.
   */
  readonly purge: (before: number) => Effect.Effect<void, StoreFailed>
}>()("effect-coding-agents/HookOutbox") {}
