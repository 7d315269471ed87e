/**
 * The {@link HookOutbox} in memory, beside the SessionStore in memory: nothing survives the layer, so nothing that it
 * delivers was ever recorded by an earlier run.
 */
import { Clock, Effect } from "effect"
import * as Lifecycle from "../../domain/LifecycleEvent.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { HookOutbox } from "../HookOutbox.ts"
import * as LifecycleRecord from "../LifecycleRecord.ts"

interface Delivery {
  readonly event: Lifecycle.LifecycleEvent
  attempt: number
  dueAt: number
}

interface Hook {
  patterns: ReadonlyArray<string>
  seenAt: number
  /** By event id, in the order of their recording. */
  readonly deliveries: Map<string, Delivery>
}

const nextTry = ({ attempt, event }: Delivery): Lifecycle.LifecycleEvent => ({
  ...event,
  delivery: { attempt: attempt + 1, recovered: false }
})

/** Records what hooks want of these events, which are stored now. */
export type Record = (events: ReadonlyArray<ThreadEvent>, identity: Lifecycle.Identity) => void

/** Empty, and gone with the layer. */
export const make = (): { readonly record: Record; readonly service: HookOutbox["Service"] } => {
  const hooks = new Map<string, Hook>()
  /** When each event was recorded. */
  const recorded = new Map<string, number>()

  const change = (
    { eventId, hook }: { readonly eventId: string; readonly hook: string },
    apply: (delivery: Delivery) => void
  ) =>
    Effect.sync(() => {
      const delivery = hooks.get(hook)?.deliveries.get(eventId)
      if (delivery !== undefined) apply(delivery)
    })

  return {
    record: (events, identity) => {
      if (hooks.size === 0) return
      for (const event of events) {
        const told = LifecycleRecord.of(event, identity)
        if (told === undefined || recorded.has(told.eventId)) continue
        const wanted = Array.from(hooks.values()).filter(({ patterns }) => Lifecycle.matches(patterns, told._tag))
        if (wanted.length > 0) recorded.set(told.eventId, told.at)
        for (const hook of wanted) hook.deliveries.set(told.eventId, { event: told, attempt: 0, dueAt: 0 })
      }
    },

    service: {
      register: ({ name, patterns }) =>
        Effect.map(Clock.currentTimeMillis, (seenAt) => {
          const known = hooks.get(name)
          if (known === undefined) hooks.set(name, { patterns, seenAt, deliveries: new Map() })
          else Object.assign(known, { patterns, seenAt })
        }),

      pending: ({ hook, limit, now }) =>
        Effect.sync(() =>
          Array.from(hooks.get(hook)?.deliveries.values() ?? [])
            .filter(({ dueAt }) => dueAt <= now)
            .toSorted((a, b) => a.dueAt - b.dueAt)
            .slice(0, limit)
            .map(nextTry)
        ),

      nextDue: (hook) =>
        Effect.sync(() => {
          let first: number | undefined
          for (const { dueAt } of hooks.get(hook)?.deliveries.values() ?? []) {
            if (first === undefined || dueAt < first) first = dueAt
          }
          return first
        }),

      attempt: (delivery) =>
        change(delivery, (found) => {
          found.attempt++
          found.dueAt = 0
        }),

      postpone: ({ dueAt, ...delivery }) =>
        change(delivery, (found) => {
          found.dueAt = dueAt
        }),

      limitDue: ({ dueAt, hook }) =>
        Effect.sync(() => {
          for (const delivery of hooks.get(hook)?.deliveries.values() ?? []) {
            delivery.dueAt = Math.min(delivery.dueAt, dueAt)
          }
        }),

      acknowledge: ({ eventId, hook }) => Effect.sync(() => hooks.get(hook)?.deliveries.delete(eventId)),

      purge: (before) =>
        Effect.sync(() => {
          for (const [name, hook] of hooks) {
            if (hook.seenAt < before) hooks.delete(name)
            for (const [eventId, { event }] of hook.deliveries) if (event.at < before) hook.deliveries.delete(eventId)
          }
          for (const [eventId, at] of recorded) if (at < before) recorded.delete(eventId)
        })
    }
  }
}
