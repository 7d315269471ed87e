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
  Fiber,
  Option,
  Schedule,
  Scope,
  Semaphore,
  Stream
} from "effect"
import type { RequestId, TurnId } from "./Ids.ts"
import type { ProviderAdapter, ProviderSession } from "./ProviderAdapter.ts"
import type { Binding, EpochFenced, SessionStore } from "./SessionStore.ts"
import type { StoreFailed } from "./StoreError.ts"
import {
  type EventBody,
  type InterruptedBy,
  type ProviderEvent,
  type SessionEndReason,
  type TerminalEvent
} from "./ThreadEvent.ts"
import * as ThreadLog from "./ThreadLog.ts"
import type { TurnFailure } from "./TurnFailure.ts"
import type { TurnInput } from "./TurnInput.ts"
import * as Usage from "./Usage.ts"
import type { SettledBy } from "./UserRequest.ts"

/** What all live sessions of a service share. */
export interface Engine {
  readonly store: SessionStore["Service"]
  readonly clock: Clock.Clock
  /** Fibers that outlive the call that started them: pumps and watches. */
  readonly scope: Scope.Scope
  readonly settings: {
    readonly idleAfterMillis: number
    readonly interruptGrace: Duration.Duration
    readonly stopTimeout: Duration.Duration
  }
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
  /** Sleeps until the next deadline; it has nothing to do once the turn is over. */
  watch: Fiber.Fiber<unknown, unknown> | undefined
  readonly running: Deferred.Deferred<void>
  readonly ended: Deferred.Deferred<TerminalEvent, StoreFailed | EpochFenced>
}

interface OpenRequest {
  readonly kind: "approval" | "question"
  readonly turnId: TurnId | undefined
  /** An answer is on its way to the provider; whatever the provider says of it meanwhile is not news. */
  answering: boolean
}

export interface LiveSession {
  readonly binding: Binding
  readonly adapter: ProviderAdapter
  readonly session: ProviderSession
  readonly scope: Scope.Closeable
  readonly log: ThreadLog.ThreadLog
  turn: Turn | undefined
  readonly requests: Map<RequestId, OpenRequest>
  /** End of the last turn, or the start of the epoch. */
  activeAt: number
  over: boolean
  /** The write that failed for good. */
  broken: StoreFailed | EpochFenced | undefined
  /** What became of earlier turns is known, but could not be stored. */
  unreconciled: boolean
  /** Done once the session's events need not be read any more. */
  readonly halted: Deferred.Deferred<void>
}

const locked = (live: LiveSession) => Semaphore.withPermit(live.log.lock)

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
const enduring = <A, E extends StoreFailed | EpochFenced>(live: LiveSession, write: Effect.Effect<A, E>) =>
  Effect.suspend((): Effect.Effect<A, StoreFailed | EpochFenced> =>
    live.broken !== undefined
      ? Effect.fail(live.broken)
      : write.pipe(Effect.retry(storeRetry), Effect.tapError((error) => Effect.sync(() => breakOff(live, error))))
  )

const append = (engine: Engine, live: LiveSession, bodies: ReadonlyArray<EventBody>) =>
  bodies.length === 0
    ? Effect.void
    : enduring(
      live,
      ThreadLog.append(live.log, engine.clock, live.binding.epoch, bodies, engine.store.appendEvents)
    )

/** Settles, as events, the open requests of one turn, or all of them. */
const settleRequests = (live: LiveSession, by: SettledBy, turnId?: TurnId): ReadonlyArray<EventBody> => {
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

const statusOf = {
  TurnCompleted: "completed",
  TurnFailed: "failed",
  TurnInterrupted: "interrupted",
  TurnUnknown: "unknown"
} as const

/** What we know better than the agent: a deadline of ours is a failure, and an interrupt has somebody who asked for it. */
const ending = (turn: Turn, event: TerminalEvent): TerminalEvent => {
  if (event._tag === "TurnUnknown" || event._tag === "TurnCompleted") return event
  if (turn.deadline !== undefined) {
    return { _tag: "TurnFailed", turnId: turn.turnId, failure: turn.deadline, usage: event.usage }
  }
  return event._tag === "TurnInterrupted" && turn.interruptedBy !== undefined
    ? { ...event, by: turn.interruptedBy }
    : event
}

/** Ends the turn with what came before in the same step. Lock held. Does nothing if the turn is over. */
const endTurn = (
  engine: Engine,
  live: LiveSession,
  turn: Turn,
  before: ReadonlyArray<EventBody>,
  event: TerminalEvent
) =>
  Effect.suspend(() => {
    if (turn.phase === "ended") return append(engine, live, before)
    const terminal = ending(turn, event)
    turn.phase = "ended"
    const bodies = [...before, ...settleRequests(live, "turn-ended", turn.turnId), terminal]
    const at = engine.clock.currentTimeMillisUnsafe()
    return Effect.flatMap(live.session.cursor, (cursor) =>
      enduring(
        live,
        ThreadLog.append(live.log, engine.clock, live.binding.epoch, bodies, (events) =>
          engine.store.endTurn({
            turnId: turn.turnId,
            threadId: live.binding.threadId,
            epoch: live.binding.epoch,
            status: statusOf[terminal._tag],
            at,
            dueAt: at + engine.settings.idleAfterMillis,
            cursor,
            events
          }))
      )).pipe(
        Effect.as(terminal),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            // Who saw the end published may have begun the next turn by now.
            if (live.turn === turn) live.turn = undefined
            live.activeAt = at
            turn.watch?.interruptUnsafe()
            Deferred.doneUnsafe(turn.ended, exit)
          })
        )
      )
  })

/** Takes in what the agent emitted. Lock held. */
const receive = Effect.fnUntraced(function*(engine: Engine, live: LiveSession, events: ReadonlyArray<ProviderEvent>) {
  let out: Array<EventBody> = []
  for (const event of events) {
    if (live.over) return
    const turn = live.turn
    if (turn !== undefined) turn.progressAt = engine.clock.currentTimeMillisUnsafe()
    if (turn?.phase === "sending" && event.turnId === turn.turnId) {
      turn.held.push(event)
      continue
    }
    switch (event._tag) {
      case "TurnCompleted":
      case "TurnFailed":
      case "TurnInterrupted": {
        // The end of a turn that is not running any more comes too late to be news.
        if (turn?.turnId !== event.turnId) continue
        const before = out
        out = []
        yield* endTurn(engine, live, turn, before, event)
        continue
      }
      case "ApprovalRequested":
        live.requests.set(event.request.requestId, { kind: "approval", turnId: event.turnId, answering: false })
        break
      case "QuestionAsked":
        live.requests.set(event.request.requestId, { kind: "question", turnId: event.turnId, answering: false })
        break
      case "ApprovalSettled":
      case "QuestionSettled": {
        const request = live.requests.get(event.requestId)
        if (request === undefined || request.answering) continue
        live.requests.delete(event.requestId)
        break
      }
      case "ItemCompleted":
        if (turn !== undefined && event.item._tag === "AssistantMessage" && event.item.subagent === undefined) {
          turn.text = event.item.text
        }
        break
    }
    out.push(event)
  }
  yield* append(engine, live, out)
})

export const makeTurn = (clock: Clock.Clock, turnId: TurnId, input: TurnInput): Turn => {
  const now = clock.currentTimeMillisUnsafe()
  return {
    turnId,
    input,
    phase: "sending",
    held: [],
    startedAt: now,
    progressAt: now,
    text: "",
    interruptedBy: undefined,
    deadline: undefined,
    watch: undefined,
    running: Deferred.makeUnsafe(),
    ended: Deferred.makeUnsafe()
  }
}

/** The provider has the turn: `TurnStarted`, then what it emitted while the turn was on its way. */
export const acceptTurn = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.gen(function*() {
    yield* enduring(
      live,
      ThreadLog.append(
        live.log,
        engine.clock,
        live.binding.epoch,
        [{ _tag: "TurnStarted", turnId: turn.turnId, input: turn.input }],
        (events) =>
          engine.store.acceptTurn({
            turnId: turn.turnId,
            threadId: live.binding.threadId,
            epoch: live.binding.epoch,
            at: engine.clock.currentTimeMillisUnsafe(),
            events
          })
      )
    )
    turn.phase = "running"
    yield* Deferred.succeed(turn.running, undefined)
    const held = turn.held
    turn.held = []
    yield* receive(engine, live, held)
  }).pipe(locked(live), Effect.uninterruptible)

/** The turn started and nobody can say how it ended, all in one step. */
export const turnUnknown = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.suspend(() =>
    endTurn(engine, live, turn, [{ _tag: "TurnStarted", turnId: turn.turnId, input: turn.input }], {
      _tag: "TurnUnknown",
      turnId: turn.turnId,
      reason: "delivery-uncertain"
    })
  ).pipe(locked(live), Effect.uninterruptible)

/** The provider proved not to have the turn. */
export const refuseTurn = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.suspend(() => {
    turn.phase = "ended"
    live.turn = undefined
    live.activeAt = engine.clock.currentTimeMillisUnsafe()
    // Whoever waits for it to arrive waits no longer.
    Deferred.doneUnsafe(turn.running, Exit.void)
    return enduring(live, engine.store.refuseTurn(turn.turnId, live.activeAt))
  }).pipe(locked(live), Effect.uninterruptible)

/** Ends the turn from our side, if it is not over. */
export const forceEnd = (engine: Engine, live: LiveSession, turn: Turn, event: TerminalEvent) =>
  endTurn(engine, live, turn, [], event).pipe(locked(live), Effect.uninterruptible)

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
    live.activeAt = engine.clock.currentTimeMillisUnsafe()
    return append(engine, live, [request.turnId === undefined ? event : { ...event, turnId: request.turnId }])
  }).pipe(locked(live), Effect.uninterruptible)

/** Reads the session's events until it is lost or over; `onLost` then closes the epoch. */
export const pump = (engine: Engine, live: LiveSession, onLost: Effect.Effect<void>) =>
  live.session.events.pipe(
    Stream.runForEachArray((events) => receive(engine, live, events).pipe(locked(live), Effect.uninterruptible)),
    Effect.raceFirst(Deferred.await(live.halted)),
    Effect.catchCause((cause) => Effect.logError("The events of a session could not be taken in", cause)),
    Effect.andThen(Effect.suspend(() => live.over ? Effect.void : onLost)),
    Effect.forkIn(engine.scope, { startImmediately: true })
  )

/**
 * Ends the epoch: the turn gets its terminal event, open requests are settled, `SessionEnded` is stored, and the
 * session's scope is closed. Every step is bounded, so a session that hangs cannot hold the thread. Whatever fails, the
 * session is stopped. Ending twice is harmless.
 */
export const end = (engine: Engine, live: LiveSession, reason: SessionEndReason) =>
  Effect.suspend((): Effect.Effect<void, StoreFailed | EpochFenced> => {
    if (live.over) return Effect.void
    return Effect.andThen(endRunning(engine, live, reason), closeEpoch(engine, live, reason)).pipe(
      Effect.onExit((exit) => Effect.sync(() => abandon(live, exit))),
      Effect.ensuring(closeScope(engine, live.scope, live.binding))
    )
  }).pipe(Effect.uninterruptible)

/** The turn is interrupted if there is somebody who listens, and ends in any case. */
const endRunning = Effect.fnUntraced(function*(engine: Engine, live: LiveSession, reason: SessionEndReason) {
  const turn = live.turn
  if (live.broken !== undefined || turn === undefined || turn.phase === "ended") return
  const usage = Usage.zero
  if (reason === "lost") {
    const failure = { _tag: "SessionLost" } as const
    return yield* forceEnd(engine, live, turn, { _tag: "TurnFailed", turnId: turn.turnId, failure, usage })
  }
  turn.interruptedBy ??= reason === "shutdown" ? "shutdown" : "stop"
  yield* live.session.interruptTurn(turn.turnId).pipe(
    Effect.andThen(Deferred.await(turn.ended)),
    Effect.timeout(engine.settings.interruptGrace),
    Effect.ignore
  )
  yield* forceEnd(engine, live, turn, {
    _tag: "TurnInterrupted",
    turnId: turn.turnId,
    by: turn.interruptedBy,
    usage
  })
})

const closeEpoch = (engine: Engine, live: LiveSession, reason: SessionEndReason) =>
  Effect.suspend(() => {
    live.over = true
    const bodies: ReadonlyArray<EventBody> = [
      ...settleRequests(live, "session-ended"),
      { _tag: "SessionEnded", reason }
    ]
    return enduring(
      live,
      ThreadLog.append(live.log, engine.clock, live.binding.epoch, bodies, (events) =>
        engine.store.closeEpoch({
          threadId: live.binding.threadId,
          epoch: live.binding.epoch,
          at: engine.clock.currentTimeMillisUnsafe(),
          events
        }))
    )
  }).pipe(locked(live))

/** Nobody waits for this session any more. */
const abandon = (live: LiveSession, exit: Exit.Exit<unknown, StoreFailed | EpochFenced>): void => {
  const turn = live.turn
  live.over = true
  live.turn = undefined
  Deferred.doneUnsafe(live.halted, Exit.void)
  if (turn === undefined) return
  turn.phase = "ended"
  turn.watch?.interruptUnsafe()
  Deferred.doneUnsafe(turn.ended, Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.interrupt())
}

/** Stops a session. One that does not stop in time goes on stopping in the background; its thread is free. */
export const closeScope = (
  engine: Engine,
  scope: Scope.Closeable,
  of: Pick<Binding, "threadId" | "instanceId">
): Effect.Effect<void> =>
  Scope.close(scope, Exit.void).pipe(
    Effect.forkDetach({ startImmediately: true }),
    Effect.flatMap((fiber) => Effect.timeoutOption(Fiber.await(fiber), engine.settings.stopTimeout)),
    Effect.flatMap((done) =>
      Option.isSome(done) ?
        Effect.void :
        Effect.logWarning("A session does not stop; its thread goes on without it").pipe(
          Effect.annotateLogs({ threadId: of.threadId, instanceId: of.instanceId })
        )
    )
  )
