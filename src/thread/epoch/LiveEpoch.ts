/**
 * The shell of one epoch: the only writer of its state.
 *
 * Every input goes through {@link advance}: under the log's lock the machine takes a step, its events are numbered and
 * committed, then the state moves, then readers and hooks see the events, then the step's wants are fulfilled.
 *
 * A commit that fails for good is the last one of its epoch: the log ends there without a hole, the session is given up,
 * and what was open is settled from what the store has.
 */
import {
  type Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  type Fiber,
  Option,
  Schedule,
  type Scope,
  Semaphore
} from "effect"
import type { CompactionPolicy } from "../../domain/CompactionPolicy.ts"
import type { Continuity } from "../../domain/Continuity.ts"
import type { RequestId, TurnId } from "../../domain/Ids.ts"
import type { EventBody, NumberedEvent } from "../../domain/ThreadEvent.ts"
import type { BoundThread } from "../../domain/ThreadRecord.ts"
import type { ProviderAdapter, ProviderSession } from "../../provider/ProviderAdapter.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import type { SessionSetup } from "../../provider/SessionSetup.ts"
import type { Blob } from "../../store/Blobs.ts"
import type { EpochFenced, StoreFailed } from "../../store/StoreError.ts"
import type { ThreadDeps } from "../ThreadDeps.ts"
import * as ThreadLog from "../ThreadLog.ts"
import * as CommitFacts from "./CommitFacts.ts"
import * as CommitRetry from "./CommitRetry.ts"
import * as Epoch from "./Epoch.ts"
import type { Input, State, Want } from "./EpochState.ts"
import * as EpochWaiters from "./EpochWaiters.ts"

/** A request that was stored. */
export type Asked = Extract<
  NumberedEvent,
  { readonly _tag: "ApprovalRequested" | "QuestionAsked" | "ElicitationRequested" }
>

/** What hooks gave for a session, and the Scope of what they acquired for it. */
export interface GivenSetup {
  readonly setup: SessionSetup
  readonly scope: Scope.Closeable
}

export interface LiveEpoch extends EpochWaiters.Waiters {
  /** The thread's record, as the epoch was opened or configured last. */
  binding: BoundThread
  readonly adapter: ProviderAdapter
  readonly session: ProviderSession
  readonly scope: Scope.Closeable
  /** What the app gave the session; absent where no hook sets sessions up. */
  readonly setup: GivenSetup | undefined
  readonly log: ThreadLog.ThreadLog
  readonly policy: Required<CompactionPolicy>
  /** What the start of this epoch did with the past. */
  readonly continuity: Continuity
  state: State
  /** Something is being stored that `state` does not tell yet, for as long as the store is locked or fails. */
  writing: boolean
  /** The model was changed after the start, so it goes with each prompt. */
  modelChanged: boolean
  /** It was configured in a way that its session cannot take: another one is started for the next turn. */
  restart: boolean
  /** When the agent gave its last sign of life, in milliseconds of the host's steady clock. */
  progressAt: number
  /** Nothing waits for it any more: it is over, or its end could not be stored. */
  abandoned: boolean
  /** The commit that failed for good. */
  broken: StoreFailed | EpochFenced | undefined
  /** The outcome of earlier turns was read from the agent's history and could not be stored. */
  unreconciled: boolean
  /** A fiber watches the deadlines of its turns; while it sleeps, it is `watch`. */
  watched: boolean
  watch: Fiber.Fiber<unknown, unknown> | undefined
  /** The turn that was stopped last because it met a limit or a deadline. */
  braked: TurnId | undefined
  /** Bytes of a turn that hooks are asked about, and that is not recorded yet. */
  offered: ReadonlyArray<Blob>
  /** Done once the session's events need not be read any more. */
  readonly halted: Deferred.Deferred<void>
  /** Whether a turn that did not fit into the model's context is followed by a compaction of ours. */
  readonly compactsOverflow: boolean
  /** What serves an open request beside the user; ended with it. */
  readonly requestWatches: Map<RequestId, Fiber.Fiber<unknown, unknown>>
  /** Serves a request beside the user. No closure: every live session has this field, and the next. */
  readonly serve: (deps: ThreadDeps, live: LiveEpoch, asked: Asked) => Effect.Effect<void>
  /** Saves a compaction that is under way unasked. */
  readonly observe: (deps: ThreadDeps, live: LiveEpoch, compactionId: string) => Effect.Effect<void>
}

/** A full disk or a lock held by a backup may pass; what the agent said in the meantime must not be lost. */
const storeRetry = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.upTo({ times: 8 }),
  Schedule.setInputType<StoreFailed | EpochFenced>(),
  Schedule.while(({ input }) => input._tag === "StoreFailed" && input.retryable)
)

/** Whether the session has something to do that has an end of its own, or may have: it is not known before it is stored. */
export const isBusy = (live: LiveEpoch): boolean => live.writing || Epoch.isBusy(live.state)

export const isOver = (live: LiveEpoch): boolean => live.abandoned || live.state.phase === "over"

/**
 * Nothing is written under this epoch any more; the pump gives it up. A caller that waits for a compaction has the
 * thread's lock, which the end of the epoch needs, so it is let go.
 */
export const breakOff = (live: LiveEpoch, error: StoreFailed | EpochFenced): void => {
  live.broken ??= error
  for (const compactionId of Array.from(live.compactions.keys())) {
    EpochWaiters.endCompaction(live, compactionId, { outcome: "unknown", reason: error._tag, snapshot: undefined })
  }
  Deferred.doneUnsafe(live.halted, Exit.void)
}

/** A write under the epoch: retried for a while, and the last one if it fails for good. */
export const enduring = <A>(
  live: LiveEpoch,
  write: Effect.Effect<A, StoreFailed | EpochFenced>
): Effect.Effect<A, StoreFailed | EpochFenced> =>
  Effect.suspend((): Effect.Effect<A, StoreFailed | EpochFenced> => {
    if (live.broken !== undefined) return Effect.fail(live.broken)
    live.writing = true
    return write.pipe(
      Effect.retry(storeRetry),
      Effect.tapError((error) => Effect.sync(() => breakOff(live, error))),
      Effect.ensuring(Effect.sync(() => {
        live.writing = false
      }))
    )
  })

/** Runs with the log's lock, to the end. */
export const locked = <A, E, R>(live: LiveEpoch, effect: Effect.Effect<A, E, R>) =>
  Effect.uninterruptible(Semaphore.withPermit(live.log.lock)(effect))

/** Takes one input. Fails only where it has events to store that cannot be stored. */
export const advance = (deps: ThreadDeps, live: LiveEpoch, input: Input) => locked(live, take(deps, live, input))

/** As {@link advance}, for what can as well be recorded later: tried once, and a failure leaves the epoch as it was. */
export const advanceOnce = (deps: ThreadDeps, live: LiveEpoch, input: Input) =>
  locked(live, take(deps, live, input, (_, write) => write))

/** As {@link advance}, with the log's lock held. The step is taken when this runs: one from before the lock would be stale. */
export const take = (
  deps: ThreadDeps,
  live: LiveEpoch,
  input: Input,
  persist: typeof enduring = enduring
): Effect.Effect<void, StoreFailed | EpochFenced> => Effect.suspend(() => step(deps, live, input, persist))

const step = (
  deps: ThreadDeps,
  live: LiveEpoch,
  input: Input,
  persist: typeof enduring
): Effect.Effect<void, StoreFailed | EpochFenced> => {
  const at = deps.clock.currentTimeMillisUnsafe()
  const next = Epoch.step(live.state, input, deps.steady.now())
  const numbered = ThreadLog.number(live.log, live.log.lastSeq ?? 0, at, live.binding.epoch, next.events)
  if (numbered.durable.length === 0) {
    const before = Epoch.statusOf(live.state)
    live.state = next.state
    if (Epoch.statusOf(next.state) !== before) deps.changed(live.binding.threadId)
    if (numbered.events.length > 0) ThreadLog.publish(live.log, numbered, live.log.position)
    return fulfil(deps, live, next.wants)
  }
  const facts = CommitFacts.of(next.events)
  const lifecycle = deps.hooks.derive(numbered.durable, live.binding)
  const write = (cursor: StoredCursor | undefined) =>
    persist(
      live,
      CommitRetry.make(deps.store, {
        name: facts.name,
        threadId: live.binding.threadId,
        parts: [{ epoch: live.binding.epoch, expect: "live", events: numbered.durable, lifecycle }],
        blobs: numbered.blobs,
        cursor,
        dueAt: dueAt(deps, facts, next.state),
        activeAt: facts.boundary ? at : undefined,
        status: Epoch.statusOf(next.state),
        flush: facts.flush
      })
    )
  const written = facts.terminal
    ? Effect.flatMap(live.session.cursor, (cursor) => write(Option.getOrUndefined(cursor)))
    : write(undefined)
  return Effect.flatMap(written, (position) => {
    live.state = next.state
    ThreadLog.publish(live.log, numbered, position)
    deps.hooks.emit(lifecycle)
    endRequestWatches(live)
    const fulfilled = fulfil(deps, live, next.wants)
    return next.events.some(asks) ? Effect.andThen(fulfilled, serveAll(deps, live, numbered.durable)) : fulfilled
  })
}

/** Serves the requests among these events that are still open. */
const serveAll = (deps: ThreadDeps, live: LiveEpoch, events: ReadonlyArray<NumberedEvent>) =>
  Effect.forEach(
    events,
    (event) =>
      asks(event) && live.state.requests.has(event.request.requestId) ? live.serve(deps, live, event) : Effect.void,
    { discard: true }
  )

const endRequestWatches = (live: LiveEpoch): void => {
  for (const [requestId, fiber] of live.requestWatches) {
    if (live.state.requests.has(requestId)) continue
    live.requestWatches.delete(requestId)
    fiber.interruptUnsafe()
  }
}

const asks = <Event extends EventBody>(
  event: Event
): event is Extract<Event, { readonly _tag: Asked["_tag"] }> =>
  event._tag === "ApprovalRequested" || event._tag === "QuestionAsked" || event._tag === "ElicitationRequested"

/** When the reaper is to look at the thread: not while a turn runs. */
const dueAt = (deps: ThreadDeps, { boundary }: CommitFacts.Facts, { activeAt, phase, running }: State) => {
  if (!boundary || phase === "over") return undefined
  return running === undefined ? activeAt + Duration.toMillis(deps.settings.reaper.idleAfter) : null
}

/** Fulfils what a step wants. Waiters are told first: what the rest forks may use the session. */
export const fulfil = (deps: ThreadDeps, live: LiveEpoch, wants: ReadonlyArray<Want>): Effect.Effect<void> => {
  let forks: Effect.Effect<void> = Effect.void
  for (const want of wants) {
    switch (want._tag) {
      case "TurnRunning": {
        const waiter = live.turns.get(want.turnId)
        if (waiter !== undefined) Deferred.doneUnsafe(waiter.accepted, Exit.void)
        break
      }
      case "TurnOver": {
        const waiter = live.turns.get(want.turnId)
        if (waiter !== undefined) {
          EpochWaiters.endTurn(live, waiter, Exit.succeed({ terminal: want.terminal, text: want.text }))
        }
        break
      }
      case "CompactionSettled":
        EpochWaiters.endCompaction(live, want.compactionId, { ...want.ending, snapshot: want.snapshot })
        break
      case "Overflowed":
        if (live.compactsOverflow) forks = Effect.andThen(forks, deps.compactAfterOverflow(live.binding.threadId))
        break
      case "CompactionSeen":
        forks = Effect.andThen(forks, live.observe(deps, live, want.compactionId))
        break
    }
  }
  return forks
}

/** Ends all waits and the watch: the epoch is over, or `exit` is why it cannot go on. */
export const abandon = (live: LiveEpoch, exit: Exit.Exit<unknown, StoreFailed | EpochFenced>): void => {
  live.abandoned = true
  live.watch?.interruptUnsafe()
  for (const fiber of live.requestWatches.values()) fiber.interruptUnsafe()
  Deferred.doneUnsafe(live.halted, Exit.void)
  for (const waiter of Array.from(live.turns.values())) {
    EpochWaiters.endTurn(live, waiter, Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.interrupt())
  }
}

/**
 * Runs what serves a session for its whole life. It is not part of the call that started the session, so it has the
 * host's services and is in no caller's span.
 */
export const beside = (deps: ThreadDeps) => <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.Fiber<A, E>> =>
  Effect.updateContext(
    Effect.forkIn(effect, deps.scope, { startImmediately: true }),
    (_caller: Context.Context<never>) => deps.own
  )
