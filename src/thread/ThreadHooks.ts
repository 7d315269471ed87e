/**
 * What a thread tells hooks, and asks them: the one door between the session state machine and whoever runs the hooks.
 *
 * There is one emitter: {@link ThreadHooks.recorded} is called by the thread's log with what was just stored, and by
 * nobody else.
 */
import { type Duration, Effect } from "effect"
import type { EventOf, Identity } from "../domain/LifecycleEvent.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { BoundThread } from "../domain/ThreadRecord.ts"
import type { HookDispatcher } from "../hooks/internal/dispatcher.ts"
import type { GuardedKind } from "../hooks/LifecycleHooks.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"

export type Decision =
  | { readonly _tag: "Allow"; readonly context: ReadonlyArray<string> }
  | { readonly _tag: "Veto"; readonly hook: string; readonly reason: string }

export interface ThreadHooks {
  /** These events are stored now. Never fails, and costs next to nothing where nobody listens. */
  readonly recorded: (events: ReadonlyArray<ThreadEvent>, identity: Identity) => void
  /** Waits until the hooks have been told of the epoch's start or end: for so long, and no longer. */
  readonly delivered: (
    _tag: "session:start" | "session:end",
    binding: BoundThread,
    budget: Duration.Duration
  ) => Effect.Effect<void>
  /** Asks the guards, then the transforms. */
  readonly decide: (event: EventOf<GuardedKind>) => Effect.Effect<Decision>
  /** Whether somebody wants to be asked. */
  readonly asks: (kind: GuardedKind) => boolean
}

/** The hooks that this dispatcher runs. */
export const make = (dispatcher: HookDispatcher): ThreadHooks => ({
  recorded: (events, identity) => {
    if (!dispatcher.listens()) return
    const told = events.flatMap((event) => LifecycleRecord.of(event, identity) ?? [])
    if (told.length > 0) dispatcher.emit(told)
  },
  delivered: (kind, binding, budget) =>
    Effect.suspend(() =>
      dispatcher.listens()
        ? dispatcher.settled([LifecycleRecord.eventId(binding, binding, kind, "")], budget)
        : Effect.void
    ),
  decide: Effect.fnUntraced(function*(event) {
    // Who cannot stop it any more is not asked whether it may go on.
    if (event._tag === "turn:start" || event.vetoable) {
      const verdict = yield* dispatcher.guard(event)
      if (verdict._tag === "Veto") return verdict
    }
    const added = yield* dispatcher.transform(event)
    return added._tag === "Veto" ? added : { _tag: "Allow", context: added.context }
  }),
  asks: dispatcher.asks
})
