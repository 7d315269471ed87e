/**
 * Which recorded events still have to be delivered to which hooks. Written in the same transaction as the event itself,
 * for each durable hook that the store knows: those registered now, and those of earlier runs of the app.
 *
 * The layers of the `SessionStore` provide it: what is recorded there is delivered from here.
 *
 * A delivery is counted before it is tried, so that a hook that crashes the process is not called for ever. A delivery
 * that the end of the process interrupted is due at once in the next one. The content of an event is removed with its
 * last acknowledgement; its id is kept until it is purged, so that the event is not recorded again.
 */
import { Context, type Effect } from "effect"
import type { HookPattern, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import type { StoreFailed } from "./StoreError.ts"

export class HookOutbox extends Context.Service<HookOutbox, {
  /** From now on the hook gets the events that match. Registering it again replaces its patterns. */
  readonly register: (hook: {
    readonly name: string
    readonly patterns: ReadonlyArray<HookPattern>
  }) => Effect.Effect<void, StoreFailed>
  /**
   * Undelivered events of a hook that are due: in the order in which they were recorded, those that have failed before at
   * the end. `delivery.attempt` is the number of the next try.
   */
  readonly pending: (query: {
    readonly hook: string
    readonly now: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<LifecycleEvent>, StoreFailed>
  /** When the next undelivered event of the hook is due, in milliseconds since the epoch; 0 is at once. */
  readonly nextDue: (hook: string) => Effect.Effect<number | undefined, StoreFailed>
  /** Counts a try, before it is made: one that crashes the process has counted. */
  readonly attempt: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /** Says when the next try is due, after one that has failed. */
  readonly postpone: (delivery: {
    readonly hook: string
    readonly eventId: string
    readonly dueAt: number
  }) => Effect.Effect<void, StoreFailed>
  /** The event was delivered, or given up: it is not due again. */
  readonly acknowledge: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /** Removes what was recorded before this time, and hooks that were not registered since. */
  readonly purge: (before: number) => Effect.Effect<void, StoreFailed>
}>()("effect-coding-agents/HookOutbox") {}
