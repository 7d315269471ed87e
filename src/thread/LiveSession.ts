/**
 * One epoch of a thread: a running provider session, its current turn, its open requests.
 *
 * Everything that changes here changes under the log's lock, so "is the turn over?" and "append its end" are one step:
 * a turn has exactly one terminal event whoever ends it (the agent, a deadline, a stop, a lost connection), and a
 * request is settled exactly once.
 *
 * A write that fails for good is the last one of its epoch: the log ends there without a hole, the session is given up,
 * and the rest (the turn's end, open requests, `SessionEnded`) is settled from what the store has.
 */
import {
  type Clock,
  Deferred,
  type Duration,
  Effect,
  Exit,
  type Fiber,
  type Result,
  Schedule,
  type Scope,
  Semaphore
} from "effect"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { RequestId, TurnId } from "../domain/Ids.ts"
import type { SnapshotFailure, SnapshotInfo, SnapshotTiming } from "../domain/Snapshot.ts"
import type { EventBody, InterruptedBy, ProviderEvent, TerminalEvent } from "../domain/ThreadEvent.ts"
import type { TurnFailure } from "../domain/TurnFailure.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import type { SettledBy } from "../domain/UserRequest.ts"
import type { SteadyClock } from "../process/SteadyClock.ts"
import type { ProviderAdapter, ProviderSession } from "../provider/ProviderAdapter.ts"
import type { Binding, EpochFenced, SessionStore } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type { Compaction } from "./Compaction.ts"
import type { ThreadHooks } from "./ThreadHooks.ts"
import * as ThreadLog from "./ThreadLog.ts"

/** What all live sessions of a service share. */
export interface Engine {
  readonly store: SessionStore["Service"]
  readonly clock: Clock.Clock
  /** What idleness is measured with. */
  readonly steady: SteadyClock
  /** Fibers that outlive the call that started them: pumps and watches. */
  readonly scope: Scope.Scope
  readonly settings: {
    readonly idleAfterMillis: number
    readonly interruptGrace: Duration.Duration
    readonly stopTimeout: Duration.Duration
    /** How long the boundaries of a session wait for hooks. */
    readonly hookBudget: Duration.Duration
  }
  readonly hooks: ThreadHooks
  readonly compaction: {
    /** How long an agent may be held before a compaction. */
    readonly gateDeadline: Duration.Duration
    /** How long a compaction may take once it was let go. */
    readonly deadline: Duration.Duration
  }
  /** Saves the whole transcript. `timing` is asked once the agent's history was read. */
  readonly snapshot: (of: {
    readonly live: LiveSession
    readonly compactionId?: string | undefined
    readonly timing: () => SnapshotTiming
  }) => Effect.Effect<Result.Result<SnapshotInfo, SnapshotFailure>>
}

export interface Turn {
  readonly turnId: TurnId
  readonly input: TurnInput
  /** `sending` until the provider has it; its events are held back meanwhile, so that `TurnStarted` comes first. */
  phase: "sending" | "running" | "ended"
  held: Array<ProviderEvent>
  readonly startedAt: number
  progressAt: number
  /** Text of the last answer of the agent itself. */
  text: string
  interruptedBy: InterruptedBy | undefined
  deadline: TurnFailure | undefined
  readonly running: Deferred.Deferred<void>
  readonly ended: Deferred.Deferred<TerminalEvent, StoreFailed | EpochFenced>
}

interface OpenRequest {
  readonly kind: "approval" | "question"
  readonly turnId: TurnId | undefined
  /** How many questions it asks; of an approval absent. */
  readonly questions?: number | undefined
  /** An answer is on its way to the provider; whatever the provider says of it meanwhile is not news. */
  answering: boolean
}

export interface LiveSession {
  readonly binding: Binding
  readonly adapter: ProviderAdapter
  readonly session: ProviderSession
  readonly scope: Scope.Closeable
  readonly log: ThreadLog.ThreadLog
  readonly policy: Required<CompactionPolicy>
  /** The agent was given a gate to ask at. */
  readonly gated: boolean
  turn: Turn | undefined
  compaction: Compaction | undefined
  /** The end of an earlier compaction, that nobody waits for any more, may still be told. */
  overdue: boolean
  /** Compactions that guards have stopped, in a row. */
  vetoes: number
  /** Hooks have been told of the epoch's start. */
  greeted: boolean
  /** What the model shall read before the next prompt. */
  notes: ReadonlyArray<string>
  readonly requests: Map<RequestId, OpenRequest>
  /** End of the last turn, or the start of the epoch, in milliseconds of the engine's steady clock. */
  activeAt: number
  over: boolean
  /** The write that failed for good. */
  broken: StoreFailed | EpochFenced | undefined
  /** What became of earlier turns is known, but could not be stored. */
  unreconciled: boolean
  /** Whether somebody looks after the deadlines of its turns. */
  watched: boolean
  /** Who does, while asleep until the next of them; there is nothing to do once the session is over. */
  watch: Fiber.Fiber<unknown, unknown> | undefined
  /** Called when a turn did not fit into the model's context; it does not wait. */
  readonly overflowed: Effect.Effect<void>
  /** Done once the session's events need not be read any more. */
  readonly halted: Deferred.Deferred<void>
}

export const locked = (live: LiveSession) => Semaphore.withPermit(live.log.lock)

/** A full disk or a lock held by a backup may pass; what the agent said in the meantime must not be lost. */
const storeRetry = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.upTo({ times: 8 }),
  Schedule.setInputType<StoreFailed | EpochFenced>(),
  Schedule.while(({ input }) => input._tag === "StoreFailed")
)

/** Nothing is written under this epoch any more; whoever reads its events gives it up. */
export const breakOff = (live: LiveSession, error: StoreFailed | EpochFenced): void => {
  live.broken ??= error
  Deferred.doneUnsafe(live.halted, Exit.void)
}

/** A write under the epoch: tried again for a while, and the last one if it fails for good. */
export const enduring = <A, E extends StoreFailed | EpochFenced>(live: LiveSession, write: Effect.Effect<A, E>) =>
  Effect.suspend((): Effect.Effect<A, StoreFailed | EpochFenced> =>
    live.broken !== undefined
      ? Effect.fail(live.broken)
      : write.pipe(Effect.retry(storeRetry), Effect.tapError((error) => Effect.sync(() => breakOff(live, error))))
  )

export const append = (engine: Engine, live: LiveSession, bodies: ReadonlyArray<EventBody>) =>
  bodies.length === 0
    ? Effect.void
    : enduring(
      live,
      ThreadLog.append(live.log, engine.clock, live.binding, bodies, engine.store.appendEvents)
    )

/** Settles, as events, the open requests of one turn, or all of them. */
export const settleRequests = (live: LiveSession, by: SettledBy, turnId?: TurnId): ReadonlyArray<EventBody> => {
  const events: Array<EventBody> = []
  for (const [requestId, request] of live.requests) {
    if (turnId !== undefined && request.turnId !== turnId) continue
    live.requests.delete(requestId)
    events.push({
      _tag: request.kind === "approval" ? "ApprovalSettled" : "QuestionSettled",
      requestId,
      by,
      ...(request.turnId === undefined ? {} : { turnId: request.turnId })
    })
  }
  return events
}

/** Appends events of the service's own to the epoch. */
export const announce = (engine: Engine, live: LiveSession, bodies: ReadonlyArray<EventBody>) =>
  append(engine, live, bodies).pipe(locked(live), Effect.uninterruptible)

/** Takes a request for answering; `false` if it is not open or somebody else is at it. */
export const claimRequest = (live: LiveSession, requestId: RequestId, kind: OpenRequest["kind"]): boolean => {
  const request = live.requests.get(requestId)
  if (request === undefined || request.kind !== kind || request.answering) return false
  request.answering = true
  return true
}

/** The answer did not get through: the request is open again. */
export const unclaimRequest = (live: LiveSession, requestId: RequestId): void => {
  const request = live.requests.get(requestId)
  if (request !== undefined) request.answering = false
}

/** How a request ended. */
export type Settled = Extract<EventBody, { readonly _tag: "ApprovalSettled" | "QuestionSettled" }>

/** Records how a claimed request was settled. Does nothing if its turn or session has ended meanwhile. */
export const settleRequest = (engine: Engine, live: LiveSession, requestId: RequestId, event: Settled) =>
  Effect.suspend(() => {
    const request = live.requests.get(requestId)
    if (request === undefined) return Effect.void
    live.requests.delete(requestId)
    // Somebody has just used the session.
    live.activeAt = engine.steady.now()
    return append(engine, live, [request.turnId === undefined ? event : { ...event, turnId: request.turnId }])
  }).pipe(locked(live), Effect.uninterruptible)
