/**
 * How a thread gets its live session: what the store knows of its past, the start itself, which a stop can cut, and the
 * record of the new epoch.
 */
import { Deferred, Effect, Exit, Option, Scope, Semaphore } from "effect"
import type { Continuity, MissingPolicy } from "./Continuity.ts"
import { Epoch } from "./Ids.ts"
import * as LiveEnd from "./LiveEnd.ts"
import * as LiveEvents from "./LiveEvents.ts"
import type * as LiveSession from "./LiveSession.ts"
import type { ProviderAdapter } from "./ProviderAdapter.ts"
import * as Reconciliation from "./Reconciliation.ts"
import type { RuntimeMode } from "./RuntimeMode.ts"
import { TurnInProgress } from "./ServiceError.ts"
import * as SessionStart from "./SessionStart.ts"
import type { Binding } from "./SessionStore.ts"
import {
  close,
  cut,
  cuttable,
  type Engine,
  loadBinding,
  lost,
  notCut,
  type ThreadActor,
  turnRunning,
  usable
} from "./ThreadActor.ts"
import type { EventBody } from "./ThreadEvent.ts"
import * as ThreadLog from "./ThreadLog.ts"
import type { ModelSelection } from "./TurnInput.ts"

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

/** How long the provider may take to say what became of a turn. What it does not say in time stays unknown. */
const reconcilePatience = "30 seconds"

/** Starts the session and its epoch. Lock held, no live session. */
export const open = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, wanted: Wanted) {
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
          : LiveEnd.closeScope(engine, scope, { threadId: actor.threadId, instanceId: wanted.adapter.instanceId })
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
    watched: false,
    watch: undefined,
    halted: Deferred.makeUnsafe()
  }
  actor.live = live
  yield* LiveEvents.pump(engine, live, lost(engine, actor, live))
  return { live, continuity }
})

/** What the store does not take now is tried again before the next turn. */
export const tryReconcile = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession) => {
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

export const resumedLive = (live: LiveSession.LiveSession): Opened => ({ live, continuity: { _tag: "Resumed" } })

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
