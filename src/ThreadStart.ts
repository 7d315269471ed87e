/**
 * How a thread gets its live session: what the store knows of its past, the start itself, which a stop can cut, and the
 * record of the new epoch. A reset does the same while the old session still lives.
 */
import { Deferred, Effect, Exit, Option, Scope, Semaphore } from "effect"
import * as Compaction from "./Compaction.ts"
import * as CompactionPolicy from "./CompactionPolicy.ts"
import type { Continuity, MissingPolicy } from "./Continuity.ts"
import { Epoch } from "./Ids.ts"
import * as LiveEnd from "./LiveEnd.ts"
import * as LiveEvents from "./LiveEvents.ts"
import * as LiveSession from "./LiveSession.ts"
import type { CompactionVerdict, ProviderAdapter } from "./ProviderAdapter.ts"
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
import type { CompactionTrigger, EventBody } from "./ThreadEvent.ts"
import * as ThreadLog from "./ThreadLog.ts"
import type { TranscriptTurn } from "./Transcript.ts"
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
  /** Where the thread wants it otherwise than the service. */
  readonly compaction: CompactionPolicy.CompactionPolicy | undefined
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

/** The thread as it was before: its record, the way its last epoch ended, and the session that goes on meanwhile. */
interface Before {
  readonly binding: Binding | undefined
  readonly recovered: boolean
  readonly live: LiveSession.LiveSession | undefined
}

/** What follows the end of an epoch in the log is known only afterwards, and little. */
const lastEvents = 16

/** Whether the thread's last epoch was ended by a crash of its host. */
const crashed = Effect.fnUntraced(function*(engine: Engine, { threadId }: ThreadActor, lastSeq: number) {
  const last = yield* engine.store.readEvents({ threadId, after: Math.max(0, lastSeq - lastEvents), limit: lastEvents })
  return last.findLast((event) => event._tag === "SessionEnded")?.reason === "host-crash"
})

/** Starts the session and its epoch. Lock held, no live session. */
export const open = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, wanted: Wanted) {
  const binding = yield* loadBinding(engine, actor)
  const past = wanted.past ?? (yield* pastOf(engine, binding, wanted.adapter))
  const recovered = binding !== undefined && (yield* crashed(engine, actor, actor.log.lastSeq ?? 0))
  const opened = yield* begin(engine, actor, wanted, past, { binding, recovered, live: undefined })
  const { continuity, live } = opened
  if (continuity._tag === "Resumed" || continuity._tag === "Moved") yield* tryReconcile(engine, actor, live)
  return opened
})

/**
 * Begins the conversation anew, in another session: the old one goes on until the new one is there, and is stopped once
 * hooks have been told of its end.
 */
export const reset = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  Effect.gen(function*() {
    yield* notCut(actor)
    const live = yield* usable(engine, actor)
    const binding = live?.binding ?? (yield* loadBinding(engine, actor))
    const opened = yield* begin(engine, actor, wanted, { _tag: "Reset" }, { binding, recovered: false, live })
    if (live !== undefined) {
      LiveEnd.abandon(live, Exit.void)
      yield* engine.hooks.delivered("session:end", live.binding, engine.settings.hookBudget).pipe(
        Effect.ensuring(LiveEnd.closeScope(engine, live.scope, live.binding))
      )
    }
    return opened
  }).pipe(Semaphore.withPermit(actor.lock))

const begin = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  wanted: Wanted,
  past: SessionStart.Past,
  before: Before
) {
  const scope = Scope.makeUnsafe()
  const policy = CompactionPolicy.resolve(engine.policy, wanted.compaction)
  const gated = policy.saveBefore || engine.hooks.asks("compaction:before")
  const entered: { live: LiveSession.LiveSession | undefined } = { live: undefined }
  const start = Effect.uninterruptibleMask((restore) =>
    restore(SessionStart.run({
      scope,
      adapter: wanted.adapter,
      input: {
        threadId: actor.threadId,
        directory: wanted.directory,
        runtimeMode: wanted.runtimeMode,
        model: wanted.model,
        title: wanted.title,
        compaction: {
          auto: policy.auto,
          gate: gated ? (trigger) => atGate(engine, entered.live, trigger) : undefined
        }
      },
      past,
      onMissing: wanted.onMissing,
      rehydrateTokens: engine.rehydrateTokens,
      archive: engine.conversation(actor.threadId)
    })).pipe(
      Effect.flatMap((started) => enter(engine, actor, wanted, { before, past, policy, gated, scope }, started)),
      Effect.tap(({ live }) =>
        Effect.sync(() => {
          entered.live = live
        })
      ),
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : LiveEnd.closeScope(engine, scope, { threadId: actor.threadId, instanceId: wanted.adapter.instanceId })
      )
    )
  )
  const exit = yield* cuttable(actor, start)
  if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
  return exit.value
})

/** A session that is not the thread's yet has nothing that would be lost. */
const atGate = (
  engine: Engine,
  live: LiveSession.LiveSession | undefined,
  trigger: CompactionTrigger
): Effect.Effect<CompactionVerdict> =>
  live === undefined ? Effect.succeed({ _tag: "Allow", context: [] }) : Compaction.gate(engine, live, trigger)

interface Entering {
  readonly before: Before
  readonly past: SessionStart.Past
  readonly policy: Required<CompactionPolicy.CompactionPolicy>
  readonly gated: boolean
  readonly scope: Scope.Closeable
}

/** Makes a started session the thread's live one. */
const enter = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  wanted: Wanted,
  { before: { binding: before, live: ended, recovered }, gated, past, policy, scope }: Entering,
  { continuity, session }: SessionStart.Started
) {
  // A turn that goes on in a session to be replaced ends before anything else is written.
  if (ended !== undefined) yield* LiveEnd.endRunning(engine, ended, "reset")
  const at = engine.clock.currentTimeMillisUnsafe()
  const epoch = Epoch.make((before?.epoch ?? 0) + 1)
  const previousSessionId = past._tag === "Reset" ? before?.sessionId : undefined
  const event: EventBody = {
    _tag: "SessionStarted",
    instanceId: wanted.adapter.instanceId,
    provider: wanted.adapter.provider,
    sessionId: session.sessionId,
    directory: session.directory,
    runtimeMode: wanted.runtimeMode,
    continuity,
    ...(previousSessionId === undefined ? {} : { previousSessionId }),
    ...(recovered ? { recovered } : {})
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
    ...(wanted.compaction === undefined ? {} : { compaction: wanted.compaction }),
    status: "live",
    epoch,
    lastSeq: (actor.log.lastSeq ?? 0) + 1,
    createdAt: before?.createdAt ?? at,
    activeAt: at
  }
  const cursor = yield* session.cursor
  const bodies: ReadonlyArray<EventBody> = [
    ...(previousSessionId === undefined
      ? []
      : [{ _tag: "SessionReset", previousSessionId, nextSessionId: session.sessionId } as const]),
    event,
    ...(past._tag === "Snapshot" ? past.turns.map((turn) => restored(past.snapshotId, turn)) : [])
  ]
  const dueAt = at + engine.settings.idleAfterMillis
  yield* Effect.suspend(() => {
    if (ended === undefined) {
      return ThreadLog.append(
        actor.log,
        engine.clock,
        binding,
        bodies,
        (events) => engine.store.openEpoch({ binding, cursor, dueAt, events })
      )
    }
    ended.over = true
    const last = [
      ...LiveEnd.closing(ended),
      { _tag: "SessionEnded", reason: "reset", nextSessionId: session.sessionId } as const
    ]
    return ThreadLog.appendBoth(
      actor.log,
      engine.clock,
      [ended.binding, last],
      [binding, bodies],
      (ends, events) =>
        engine.store.openEpoch({ binding, cursor, dueAt, ends: { epoch: ended.binding.epoch, events: ends }, events })
    ).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          // It is not over after all, but what it left open is half settled: it is given up as after any failed write.
          ended.over = false
          LiveSession.breakOff(ended, error)
        })
      )
    )
  }).pipe(Semaphore.withPermit(actor.log.lock))
  const live: LiveSession.LiveSession = {
    binding,
    adapter: wanted.adapter,
    session,
    scope,
    log: actor.log,
    policy,
    gated,
    turn: undefined,
    compaction: undefined,
    vetoes: 0,
    greeted: false,
    notes: [],
    requests: new Map(),
    activeAt: at,
    over: false,
    broken: undefined,
    unreconciled: false,
    overflowed: policy.auto && session.compactionGate === "client-initiated"
      ? engine.mend(actor.threadId)
      : Effect.void,
    watched: false,
    watch: undefined,
    halted: Deferred.makeUnsafe()
  }
  actor.live = live
  yield* LiveEvents.pump(engine, live, lost(engine, actor, live))
  return { live, continuity }
})

const restored = (snapshotId: string, turn: TranscriptTurn): EventBody => ({
  _tag: "TurnRestored",
  snapshotId,
  turnId: turn.turnId,
  input: turn.input,
  startedAt: turn.startedAt,
  items: turn.items,
  ending: turn.ending ?? "TurnUnknown"
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
  JSON.stringify(live.binding.compaction) === JSON.stringify(wanted.compaction) &&
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
