/**
 * One thread, as the only one who starts, sends to, stops and reaps its session.
 *
 * Every transition takes the thread's one lock. A stop does not wait for a slow start: it cuts it. What an actor knows
 * it can read again from the store; an actor that nobody uses is forgotten.
 */
import { Deferred, Effect, Exit, Fiber, Option, Scope, Semaphore } from "effect"
import { DeliveryUncertain } from "./AdapterError.ts"
import type { Continuity, MissingPolicy } from "./Continuity.ts"
import { Epoch, type ThreadId, type TurnId } from "./Ids.ts"
import * as LiveSession from "./LiveSession.ts"
import type { ProviderAdapter } from "./ProviderAdapter.ts"
import * as Reconciliation from "./Reconciliation.ts"
import type { RuntimeMode } from "./RuntimeMode.ts"
import { StartCut, TurnInProgress } from "./ServiceError.ts"
import * as SessionReaper from "./SessionReaper.ts"
import * as SessionStart from "./SessionStart.ts"
import type { Binding, EpochFenced } from "./SessionStore.ts"
import type { StoreFailed } from "./StoreError.ts"
import type { EventBody, SessionEndReason } from "./ThreadEvent.ts"
import * as ThreadLog from "./ThreadLog.ts"
import type { TranscriptTurn } from "./Transcript.ts"
import type { ModelSelection, TurnInput } from "./TurnInput.ts"
import * as TurnWatch from "./TurnWatch.ts"

/** What all actors of a service share. */
export interface Engine extends LiveSession.Engine {
  readonly deadlines: TurnWatch.Deadlines
  readonly reaper: SessionReaper.ReaperSettings
  readonly rehydrateTokens: number
  readonly archive: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<TranscriptTurn>, StoreFailed>
  /** Epochs whose end could not be stored; the reaper settles them. */
  readonly unsettled: Map<ThreadId, Epoch>
}

export interface ThreadActor {
  readonly threadId: ThreadId
  readonly lock: Semaphore.Semaphore
  readonly log: ThreadLog.ThreadLog
  live: LiveSession.LiveSession | undefined
  /** What a stop interrupts instead of waiting for it: a start, or whatever the provider has not answered. */
  cuttable: Fiber.Fiber<unknown, unknown> | undefined
  /** Stops that wait for the lock; whoever comes to start before them gives up. */
  stops: number
  /** Calls that hold this actor. */
  users: number
}

export const make = (threadId: ThreadId): ThreadActor => ({
  threadId,
  lock: Semaphore.makeUnsafe(1),
  log: ThreadLog.make(threadId),
  live: undefined,
  cuttable: undefined,
  stops: 0,
  users: 0
})

/** How a session shall be. */
export interface Wanted {
  readonly adapter: ProviderAdapter
  /** Real path of an existing directory. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly model: ModelSelection | undefined
  readonly title: string | undefined
  readonly onMissing: MissingPolicy
  /** Overrides what the store knows of the past. */
  readonly past?: SessionStart.Past | undefined
}

export interface Opened {
  readonly live: LiveSession.LiveSession
  readonly continuity: Continuity
}

const cut = (actor: ThreadActor) => new StartCut({ threadId: actor.threadId })

const notCut = (actor: ThreadActor) => Effect.suspend(() => actor.stops > 0 ? cut(actor) : Effect.void)

/** Runs `effect` so that a stop can interrupt it; answers how it ended. */
const cuttable = <A, E>(actor: ThreadActor, effect: Effect.Effect<A, E>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.interruptible(effect), { startImmediately: true })
      actor.cuttable = fiber
      // A stop may have come while the fiber was being started.
      if (actor.stops > 0) fiber.interruptUnsafe()
      return yield* restore(Fiber.await(fiber)).pipe(
        Effect.onInterrupt(() => Fiber.interrupt(fiber)),
        Effect.ensuring(Effect.sync(() => {
          actor.cuttable = undefined
        }))
      )
    })
  )

/** The session is gone or was given up: ends its epoch. */
export const lost = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession) =>
  close(engine, actor, live, "lost").pipe(Semaphore.withPermit(actor.lock), Effect.ignore({ log: "Error" }))

/** Ends this epoch if it is the actor's: bounded, and to the end whoever gives up waiting. Lock held. */
const close = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession, reason: SessionEndReason) =>
  Effect.suspend(() => {
    if (actor.live !== live) return Effect.void
    return LiveSession.end(engine, live, reason).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) {
            engine.unsettled.set(actor.threadId, live.binding.epoch)
            ThreadLog.forget(actor.log)
          }
          if (actor.live === live) actor.live = undefined
        })
      )
    )
  }).pipe(Effect.uninterruptible)

/** The live session, unless nothing can be written under its epoch any more; then it is given up. Lock held. */
const usable = (engine: Engine, actor: ThreadActor) =>
  Effect.suspend(() => {
    const { live } = actor
    if (live === undefined || (live.broken === undefined && !live.over)) return Effect.succeed(live)
    return close(engine, actor, live, "lost").pipe(Effect.ignore({ log: "Warn" }), Effect.as(undefined))
  })

/** What the store knows of the past, for a start on this provider instance. */
const pastOf = Effect.fnUntraced(function*(engine: Engine, binding: Binding | undefined, adapter: ProviderAdapter) {
  if (binding === undefined) return { _tag: "None" } as const
  if (binding.instanceId !== adapter.instanceId) return { _tag: "Lost", reason: "provider-changed" } as const
  const cursor = yield* engine.store.getCursor(binding.threadId, binding.instanceId)
  return Option.match(cursor, {
    onNone: () => ({ _tag: "Lost", reason: "never-resumable" }) as const,
    onSome: (cursor) => ({ _tag: "Cursor", cursor }) as const
  })
})

/**
 * Reads the thread's record; an epoch (if given, this one only) that was left open without a session, because its end
 * could not be stored, is settled. Lock held, no live session.
 */
const loadBinding = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, epoch?: Epoch) {
  const found = Option.getOrUndefined(yield* engine.store.getThread(actor.threadId))
  if (found?.status === "live" && (epoch === undefined || found.epoch === epoch)) {
    yield* engine.store.settleThread(actor.threadId)
    ThreadLog.forget(actor.log)
  }
  engine.unsettled.delete(actor.threadId)
  yield* ThreadLog.load(actor.log, engine.store)
  return found
})

/** How long the provider may take to say what became of a turn. What it does not say in time stays unknown. */
const reconcilePatience = "30 seconds"

/** Starts the session and its epoch. Lock held, no live session. */
const open = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, wanted: Wanted) {
  const binding = yield* loadBinding(engine, actor)
  const past = wanted.past ?? (yield* pastOf(engine, binding, wanted.adapter))
  const scope = Scope.makeUnsafe()
  const start = Effect.uninterruptibleMask((restore) =>
    restore(SessionStart.run({
      scope,
      adapter: wanted.adapter,
      input: {
        threadId: actor.threadId,
        directory: wanted.directory,
        runtimeMode: wanted.runtimeMode,
        model: wanted.model,
        title: wanted.title
      },
      past,
      onMissing: wanted.onMissing,
      rehydrateTokens: engine.rehydrateTokens,
      archive: engine.archive(actor.threadId)
    })).pipe(
      Effect.flatMap((started) => enter(engine, actor, wanted, binding, scope, started)),
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : LiveSession.closeScope(engine, scope, { threadId: actor.threadId, instanceId: wanted.adapter.instanceId })
      )
    )
  )
  const exit = yield* cuttable(actor, start)
  if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
  const { continuity, live } = exit.value
  if (continuity._tag === "Resumed" || continuity._tag === "Moved") yield* tryReconcile(engine, actor, live)
  return exit.value
})

/** Makes a started session the thread's live one. */
const enter = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  wanted: Wanted,
  before: Binding | undefined,
  scope: Scope.Closeable,
  { continuity, session }: SessionStart.Started
) {
  const at = engine.clock.currentTimeMillisUnsafe()
  const epoch = Epoch.make((before?.epoch ?? 0) + 1)
  const event: EventBody = {
    _tag: "SessionStarted",
    instanceId: wanted.adapter.instanceId,
    provider: wanted.adapter.provider,
    sessionId: session.sessionId,
    directory: session.directory,
    runtimeMode: wanted.runtimeMode,
    continuity
  }
  const binding: Binding = {
    threadId: actor.threadId,
    instanceId: wanted.adapter.instanceId,
    provider: wanted.adapter.provider,
    sessionId: session.sessionId,
    directory: session.directory,
    runtimeMode: wanted.runtimeMode,
    ...(wanted.model === undefined ? {} : { model: wanted.model }),
    ...(wanted.title === undefined ? {} : { title: wanted.title }),
    status: "live",
    epoch,
    lastSeq: (actor.log.lastSeq ?? 0) + 1,
    createdAt: before?.createdAt ?? at,
    activeAt: at
  }
  const cursor = yield* session.cursor
  yield* ThreadLog.append(
    actor.log,
    engine.clock,
    epoch,
    [event],
    (events) => engine.store.openEpoch({ binding, cursor, dueAt: at + engine.settings.idleAfterMillis, events })
  ).pipe(
    Semaphore.withPermit(actor.log.lock)
  )
  const live: LiveSession.LiveSession = {
    binding,
    adapter: wanted.adapter,
    session,
    scope,
    log: actor.log,
    turn: undefined,
    requests: new Map(),
    activeAt: at,
    over: false,
    broken: undefined,
    unreconciled: false,
    halted: Deferred.makeUnsafe()
  }
  actor.live = live
  yield* LiveSession.pump(engine, live, lost(engine, actor, live))
  return { live, continuity }
})

/** What the store does not take now is tried again before the next turn. */
const tryReconcile = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession) => {
  live.unreconciled = false
  return cuttable(
    actor,
    Reconciliation.run(engine, live).pipe(
      Effect.tapErrorTag("StoreFailed", () =>
        Effect.sync(() => {
          live.unreconciled = true
        })),
      Effect.timeout(reconcilePatience),
      Effect.ignore({ log: "Warn" })
    )
  )
}

const fits = (live: LiveSession.LiveSession, wanted: Wanted): boolean =>
  live.binding.instanceId === wanted.adapter.instanceId &&
  live.binding.directory === wanted.directory &&
  live.binding.runtimeMode === wanted.runtimeMode &&
  wanted.past === undefined

const turnRunning = (live: LiveSession.LiveSession | undefined): LiveSession.Turn | undefined =>
  live?.turn !== undefined && live.turn.phase !== "ended" ? live.turn : undefined

/** Makes the thread live as wanted. A live session that is otherwise is replaced, unless a turn runs. */
export const start = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  Effect.gen(function*() {
    yield* notCut(actor)
    const live = yield* usable(engine, actor)
    if (live !== undefined) {
      if (fits(live, wanted)) return resumedLive(live)
      const turn = turnRunning(live)
      if (turn !== undefined) return yield* new TurnInProgress({ threadId: actor.threadId, turnId: turn.turnId })
      yield* close(engine, actor, live, "replaced")
    }
    return yield* open(engine, actor, wanted)
  }).pipe(Semaphore.withPermit(actor.lock))

const resumedLive = (live: LiveSession.LiveSession): Opened => ({ live, continuity: { _tag: "Resumed" } })

export interface Sent extends Opened {
  readonly turn: LiveSession.Turn
  readonly steered: boolean
}

/**
 * Sends one turn and answers once the provider has it. `wanted` is how the session shall be if it must be started
 * first; `onSending` is told of the turn before it is sent. Intent is stored before anything is sent; an uncertain delivery ends the turn as unknown and the session with
 * it, and is settled against the provider's history by the next start.
 */
export const send = <E>(
  engine: Engine,
  actor: ThreadActor,
  request: { readonly turnId: TurnId; readonly input: TurnInput; readonly steer: boolean },
  wanted: Effect.Effect<Wanted, E>,
  onSending?: (sending: Pick<Sent, "live" | "turn">) => void
) =>
  Effect.gen(function*() {
    yield* notCut(actor)
    const found = yield* usable(engine, actor)
    const running = turnRunning(found)
    if (running !== undefined && found !== undefined) {
      if (!request.steer) {
        return yield* new TurnInProgress({ threadId: actor.threadId, turnId: running.turnId })
      }
      return yield* steer(engine, actor, found, running, request.input)
    }
    const { continuity, live } = found === undefined
      ? yield* Effect.flatMap(wanted, (wanted) => open(engine, actor, wanted))
      : resumedLive(found)
    if (found?.unreconciled === true) yield* tryReconcile(engine, actor, found)
    yield* notCut(actor)
    const turn = yield* deliver(engine, actor, live, request, onSending)
    return { live, continuity, turn, steered: false }
  }).pipe(Semaphore.withPermit(actor.lock))

const steer = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  live: LiveSession.LiveSession,
  turn: LiveSession.Turn,
  input: TurnInput
) {
  const exit = yield* cuttable(actor, live.session.steerTurn({ turnId: turn.turnId, ref: undefined, input }))
  if (Exit.isFailure(exit)) {
    return yield* Exit.hasInterrupts(exit)
      ? new DeliveryUncertain({ turnId: turn.turnId, code: "cut" })
      : Effect.failCause(exit.cause)
  }
  yield* LiveSession.announce(engine, live, [{ _tag: "TurnSteered", turnId: turn.turnId, input }])
  return { ...resumedLive(live), turn, steered: true }
})

const deliver = (
  engine: Engine,
  actor: ThreadActor,
  live: LiveSession.LiveSession,
  request: { readonly turnId: TurnId; readonly input: TurnInput },
  onSending: ((sending: Pick<Sent, "live" | "turn">) => void) | undefined
) =>
  Effect.gen(function*() {
    const { input, turnId } = request
    const ref = yield* live.session.turnRef(turnId)
    const turn = LiveSession.makeTurn(engine.clock, turnId, input)
    yield* engine.store.recordIntent({
      turnId,
      threadId: actor.threadId,
      epoch: live.binding.epoch,
      ref,
      input,
      at: turn.startedAt
    }).pipe(Effect.tapErrorTag("EpochFenced", (error) => Effect.sync(() => LiveSession.breakOff(live, error))))
    live.turn = turn
    onSending?.({ live, turn })
    const exit = yield* cuttable(
      actor,
      live.session.sendTurn({ turnId, ref, input }).pipe(Effect.timeoutOrElse({
        duration: engine.deadlines.noProgress,
        orElse: () => new DeliveryUncertain({ turnId, code: "timeout" })
      }))
    )
    if (Exit.isSuccess(exit)) {
      yield* LiveSession.acceptTurn(engine, live, turn)
      yield* TurnWatch.run(engine, live, turn, engine.deadlines, lost(engine, actor, live)).pipe(
        Effect.forkIn(engine.scope, { startImmediately: true })
      )
      return turn
    }
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error !== undefined && error._tag !== "DeliveryUncertain") {
      yield* LiveSession.refuseTurn(engine, live, turn)
      return yield* error
    }
    yield* LiveSession.turnUnknown(engine, live, turn)
    yield* close(engine, actor, live, "lost")
    return yield* error ?? new DeliveryUncertain({ turnId, code: "cut" })
  }).pipe(Effect.onError(() => usable(engine, actor)), Effect.uninterruptible)

/** Cuts what can be cut, then has the lock; whoever comes to start or send meanwhile gives up. */
const cutting = <A, E>(actor: ThreadActor, effect: Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      actor.stops++
    }),
    () =>
      Effect.suspend(() => actor.cuttable === undefined ? Effect.void : Fiber.interrupt(actor.cuttable)).pipe(
        Effect.andThen(Semaphore.withPermit(actor.lock)(effect))
      ),
    () =>
      Effect.sync(() => {
        actor.stops--
      })
  )

/** Stops the session, cutting a start that is under way. Succeeds when there is nothing to stop. */
export const stop = (engine: Engine, actor: ThreadActor, reason: SessionEndReason) =>
  cutting(
    actor,
    Effect.suspend((): Effect.Effect<unknown, StoreFailed | EpochFenced> =>
      actor.live === undefined ? loadBinding(engine, actor) : close(engine, actor, actor.live, reason)
    )
  )

/** Copies the conversation of the thread, which is made live for it. No turn may be running. */
export const fork = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  Effect.gen(function*() {
    yield* notCut(actor)
    const found = yield* usable(engine, actor)
    const turn = turnRunning(found)
    if (turn !== undefined) return yield* new TurnInProgress({ threadId: actor.threadId, turnId: turn.turnId })
    const live = found ?? (yield* open(engine, actor, wanted)).live
    const exit = yield* cuttable(actor, live.session.fork)
    if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
    return { cursor: exit.value, seq: actor.log.lastSeq ?? 0 }
  }).pipe(Semaphore.withPermit(actor.lock))

/** Stops the session, cutting a start that is under way, and deletes the thread from the store. */
export const remove = (engine: Engine, actor: ThreadActor) =>
  cutting(
    actor,
    Effect.gen(function*() {
      if (actor.live !== undefined) yield* close(engine, actor, actor.live, "stopped")
      yield* engine.store.deleteThread(actor.threadId)
      engine.unsettled.delete(actor.threadId)
      ThreadLog.forget(actor.log)
    })
  )

/**
 * Looks at a thread that is due and stops it if the rule says so, under the thread's lock. A thread whose lock is taken
 * is in use.
 */
export const reap = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  epoch: Epoch,
  sleeps: () => ReadonlyArray<SessionReaper.Sleep>
) {
  const live = yield* usable(engine, actor)
  if (live === undefined) {
    // The end of the epoch could not be stored; without this the thread would look live, and be due, for ever.
    yield* loadBinding(engine, actor, epoch)
    return
  }
  if (live.binding.epoch !== epoch) return
  const backgroundWork = yield* live.session.backgroundWork.pipe(Effect.timeoutOption("5 seconds"))
  const decision = SessionReaper.decide({
    now: engine.clock.currentTimeMillisUnsafe(),
    activeAt: live.activeAt,
    turnRunning: turnRunning(live) !== undefined,
    openRequests: live.requests.size,
    backgroundWork: Option.getOrElse(backgroundWork, () => true),
    exempt: engine.reaper.exempt(live.binding),
    sleeps: sleeps()
  }, engine.reaper)
  return decision._tag === "Stop"
    ? yield* close(engine, actor, live, "reaped")
    : yield* engine.store.setDue({ threadId: actor.threadId, epoch, dueAt: decision.until })
}, (effect, _engine, actor) => Effect.asVoid(Semaphore.withPermitsIfAvailable(actor.lock, 1)(effect)))
