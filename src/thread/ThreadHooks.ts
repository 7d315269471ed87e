/**
 * What a thread tells hooks, and asks them: the one door between a thread and the dispatcher that runs the hooks.
 *
 * Lifecycle events are derived once, here. The commit that stores the durable events records them; after it the same
 * values are emitted.
 */
import { type Duration, Effect, type Scope } from "effect"
import type { EventOf, Identity, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { BoundThread } from "../domain/ThreadRecord.ts"
import type { GuardedEvent, GuardedKind, TransformedKind } from "../hooks/HookVerdict.ts"
import type { Decided, Vetoed } from "../hooks/internal/asking.ts"
import type { HookDispatcher } from "../hooks/internal/dispatcher.ts"
import type { SessionOpening } from "../hooks/SessionOpening.ts"
import type { SessionSetup } from "../provider/SessionSetup.ts"
import type { SetupFailed } from "../service/ServiceError.ts"
import type { HookOutbox } from "../store/HookOutbox.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"

export type Decision =
  | { readonly _tag: "Allow"; readonly context: ReadonlyArray<string> }
  | { readonly _tag: "Veto"; readonly hook: string; readonly reason: string }

export interface ThreadHooks {
  /** What these durable events tell hooks. Costs next to nothing where there is no hook. */
  readonly derive: (events: ReadonlyArray<ThreadEvent>, identity: Identity) => ReadonlyArray<LifecycleEvent>
  /** Wakes the observers: these events are stored now. */
  readonly emit: (events: ReadonlyArray<LifecycleEvent>) => void
  /** Waits until the hooks have been told of the epoch's start or end, for at most `budget`. */
  readonly delivered: (
    tag: "session:start" | "session:end",
    binding: BoundThread,
    budget: Duration.Duration
  ) => Effect.Effect<void>
  /** Asks the guards, then the transforms. */
  readonly decide: (event: GuardedEvent<TransformedKind>) => Effect.Effect<Decision>
  /** Asks the guards what becomes of an approval; `Allow` leaves it to the user. */
  readonly approve: (
    event: EventOf<"approval:requested">
  ) => Effect.Effect<{ readonly _tag: "Allow" } | Vetoed | Decided>
  /** Whether a setup is to be asked before a session is started. */
  readonly setsUp: () => boolean
  /** What the app gives the session; `undefined` where it has no say. What hooks acquire for it is the scope's. */
  readonly setUp: (opening: SessionOpening, scope: Scope.Scope) => Effect.Effect<SessionSetup | undefined, SetupFailed>
  /** Asks the guards whether a tool may run. */
  readonly guardTool: (
    event: EventOf<"tool:before">
  ) => Effect.Effect<{ readonly _tag: "Allow" | "Ask" } | Vetoed>
  /** Whether a guard or a transform is to be asked. */
  readonly asks: (tag: GuardedKind) => boolean
}

const nothing: ReadonlyArray<LifecycleEvent> = []

/** The hooks that this dispatcher runs and this outbox records for. */
export const make = (dispatcher: HookDispatcher, outbox: HookOutbox["Service"]): ThreadHooks => ({
  derive: (events, identity) => {
    const heard = dispatcher.listens()
    const derived: Array<LifecycleEvent> = []
    for (const event of events) {
      const tag = LifecycleRecord.tagOf(event)
      if (tag === undefined || !(heard || outbox.records(tag))) continue
      const lifecycle = LifecycleRecord.of(event, identity)
      if (lifecycle !== undefined) derived.push(lifecycle)
    }
    return derived.length === 0 ? nothing : derived
  },
  emit: (events) => {
    if (events.length > 0) dispatcher.emit(events)
  },
  delivered: (tag, binding, budget) =>
    Effect.suspend(() =>
      dispatcher.listens()
        ? dispatcher.settled([LifecycleRecord.eventId(binding, binding, tag, "")], budget)
        : Effect.void
    ),
  decide: Effect.fnUntraced(function*(event) {
    // A guard that cannot stop it any more is not asked whether it may go on.
    if (event._tag === "turn:start" || event.vetoable) {
      const verdict = yield* dispatcher.guard(event)
      if (verdict._tag === "Veto") return verdict
    }
    const added = yield* dispatcher.transform(event)
    return added._tag === "Veto" ? added : { _tag: "Allow", context: added.context }
  }),
  approve: (event) =>
    Effect.map(dispatcher.guard(event), (answer) => answer._tag === "Ask" ? { _tag: "Allow" } : answer),
  guardTool: (event) =>
    Effect.map(dispatcher.guard(event), (answer) => answer._tag === "Decided" ? { _tag: "Allow" } : answer),
  setsUp: dispatcher.setsUp,
  setUp: dispatcher.setUp,
  asks: dispatcher.asks
})
