/**
 * What the library tells a telemetry of its work. There is none unless the app's Layers give one
 * (`effect-coding-agents/telemetry`), and without one nothing is made or measured.
 *
 * Work that wraps an effect (a session's start, a delivery, a transaction, a hook's call) is told where the effect is. All
 * else is read from the events of threads: what they say of turns, items, requests and compactions is not told twice.
 *
 * @since 0.1.0
 */
import { Context, Effect } from "effect"
import type { Continuity } from "./Continuity.ts"
import type { InstanceId, ProviderName, ThreadId, TurnId } from "./Ids.ts"
import type { SnapshotCompleteness, SnapshotTiming } from "./Snapshot.ts"
import type { NumberedEvent, ThreadEvent } from "./ThreadEvent.ts"

/**
 * Work on a thread that is one effect.
 *
 * @since 0.1.0
 * @category models
 */
export type Work =
  | {
    readonly _tag: "SessionStart"
    readonly threadId: ThreadId
    readonly instanceId: InstanceId
    readonly provider: ProviderName
  }
  /** The intent to send a turn is recorded. */
  | { readonly _tag: "TurnIntent"; readonly threadId: ThreadId; readonly turnId: TurnId }
  /** The turn is handed to the agent. */
  | { readonly _tag: "TurnDelivery"; readonly threadId: ThreadId; readonly turnId: TurnId }
  | { readonly _tag: "Snapshot"; readonly threadId: ThreadId }
  | {
    readonly _tag: "HookCall"
    readonly threadId: ThreadId
    readonly turnId: TurnId | undefined
    readonly hook: string
    readonly phase: string
    /** The tag of the event that it is called for, and when that was recorded, in milliseconds since 1970. */
    readonly event: string
    readonly recordedAt: number | undefined
  }
  /** One transaction that writes. `operation` is one of a few, as in `StoreFailed`. */
  | {
    readonly _tag: "StoreWrite"
    readonly threadId: ThreadId | undefined
    readonly database: string
    readonly operation: string
  }

/**
 * What came of a piece of {@link Work}.
 *
 * @since 0.1.0
 * @category models
 */
export type Made =
  | { readonly _tag: "Session"; readonly continuity: Continuity }
  | {
    readonly _tag: "Snapshot"
    readonly timing: SnapshotTiming
    readonly completeness: SnapshotCompleteness
    readonly bytes: number
  }
  | { readonly _tag: "Failed"; readonly code: string }

/**
 * A turn that is about to be recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface IntendedTurn {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly instanceId: InstanceId
  readonly provider: ProviderName
  /** The model that is asked for. */
  readonly model: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * What an earlier run left open in a thread, or a failed write in this one, and the store has closed.
 *
 * @since 0.1.0
 * @category models
 */
export interface SettledThread {
  readonly threadId: ThreadId
  readonly instanceId: string
  readonly provider: string
  readonly events: ReadonlyArray<NumberedEvent>
  /** What was kept with the intents of its turns. */
  readonly traces: ReadonlyMap<TurnId, string>
}

/**
 * Deliveries of one hook that are not acknowledged.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookBacklog {
  readonly hook: string
  /** Still to be delivered. */
  readonly waiting: number
  /** Not tried any more. */
  readonly givenUp: number
}

/**
 * What the agents of one instance take of this host.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentLoad {
  readonly instanceId: InstanceId
  /** Agents that run; without the tools that they run. */
  readonly processes: number
  /** Resident bytes, with their tools; absent where the system does not tell. */
  readonly memory: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Instrumentation {
  /** Runs the effect. `made` says what came of it. */
  readonly around: <A, E, R>(
    work: Work,
    effect: Effect.Effect<A, E, R>,
    made?: (value: A) => Made | undefined
  ) => Effect.Effect<A, E, R>
  /** Answers what the store is to keep with the turn: the W3C `traceparent` of its span. */
  readonly intend: (turn: IntendedTurn) => Effect.Effect<string | undefined>
  /** The agent proved not to have the turn, or it could not be recorded. */
  readonly withdraw: (turn: Pick<IntendedTurn, "threadId" | "turnId" | "at">) => void
  /** Readers of a thread are shown these events of it. */
  readonly shown: (events: ReadonlyArray<ThreadEvent>) => void
  readonly settled: (thread: SettledThread) => void
  /** A reader of a thread was told of a hole. */
  readonly gap: (cause: string) => void
  readonly backlog: (hooks: ReadonlyArray<HookBacklog>) => void
  readonly agents: (loads: ReadonlyArray<AgentLoad>) => void
}

/**
 * Read by the Layers of the service and of the store when they are built.
 *
 * @since 0.1.0
 * @category references
 */
export const Instrumentation = Context.Reference<Instrumentation | undefined>("effect-coding-agents/Instrumentation", {
  defaultValue: () => undefined
})

/**
 * What agents that are started now get as `TRACEPARENT` (W3C Trace Context), so that spans of their own are below ours. None
 * unless the app's telemetry is asked to give it.
 *
 * @since 0.1.0
 * @category references
 */
export const AgentTraceparent = Context.Reference<string | undefined>("effect-coding-agents/AgentTraceparent", {
  defaultValue: () => undefined
})

/**
 * Tells the instrumentation of an effect, if there is one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const around = <A, E, R>(
  instrumentation: Instrumentation | undefined,
  work: Work,
  effect: Effect.Effect<A, E, R>,
  made?: (value: A) => Made | undefined
): Effect.Effect<A, E, R> => instrumentation === undefined ? effect : instrumentation.around(work, effect, made)

/**
 * The attributes by which a span tells its thread: `gen_ai.conversation.id`, and `session.id` for those who group by that.
 *
 * @since 0.1.0
 * @category getters
 */
export const ofThread = (threadId: ThreadId) => ({ "gen_ai.conversation.id": threadId, "session.id": threadId })

/**
 * The current span is of this thread.
 *
 * @since 0.1.0
 * @category combinators
 */
export const inThread = (threadId: ThreadId): Effect.Effect<void> => Effect.annotateCurrentSpan(ofThread(threadId))
