/**
 * Which recorded events still have to be delivered to which hooks. Written in the same transaction as the event itself,
 * for each durable hook that is known, here now or registered in an earlier run of the app.
 *
 * It comes with the `SessionStore`, whose layers give both: what is recorded there is what is delivered from here.
 *
 * A delivery is counted before it is tried, so that a hook that takes the process with it is not called for ever; one
 * that was cut off by the end of the process is due at once in the next. What a delivered event said is forgotten with
 * its last acknowledgement, and only its id is kept, against a second recording, until it is purged.
 */
import { Context, type Effect } from "effect"
import type { HookPattern, LifecycleEvent, LifecycleTag } from "../domain/LifecycleEvent.ts"
import type { StoreFailed } from "./StoreError.ts"

export class HookOutbox extends Context.Service<HookOutbox, {
  /** Whether events of this tag are recorded for a hook, here now or registered in an earlier run. */
  readonly records: (tag: LifecycleTag) => boolean
  /** From now on the hook gets what matches. Harmless where it is known; its patterns are then these. */
  readonly register: (hook: {
    readonly name: string
    readonly patterns: ReadonlyArray<HookPattern>
  }) => Effect.Effect<void, StoreFailed>
  /**
   * Undelivered events of a hook whose time has come: in the order of their recording, those that have failed before at
   * the end. `delivery.attempt` is the next try's.
   */
  readonly pending: (query: {
    readonly hook: string
    readonly now: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<LifecycleEvent>, StoreFailed>
  /** When the next undelivered event of the hook is due, in milliseconds since the epoch; 0 is at once. */
  readonly nextDue: (hook: string) => Effect.Effect<number | undefined, StoreFailed>
  /** Before a try: a try that takes the process with it has counted. */
  readonly attempt: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /** After a try that has failed: when the next one comes. */
  readonly postpone: (delivery: {
    readonly hook: string
    readonly eventId: string
    readonly dueAt: number
  }) => Effect.Effect<void, StoreFailed>
  /** No delivery of the hook is due later than that: later due times were written by a clock that was set back since. */
  readonly limitDue: (limit: { readonly hook: string; readonly dueAt: number }) => Effect.Effect<void, StoreFailed>
  /** Delivered, or given up: it does not come again. */
  readonly acknowledge: (delivery: {
    readonly hook: string
    readonly eventId: string
  }) => Effect.Effect<void, StoreFailed>
  /** Forgets what was recorded before this time, and hooks that were not registered since. */
  readonly purge: (before: number) => Effect.Effect<void, StoreFailed>
}>()("effect-coding-agents/HookOutbox") {}
