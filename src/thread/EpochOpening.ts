/**
 * A started session becomes the thread's live one: the record of its epoch and of how the one before it ended.
 */
import { Deferred, Effect, type Scope, Semaphore } from "effect"
import type * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { Continuity, MissingPolicy } from "../domain/Continuity.ts"
import { Epoch } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { Binding } from "../store/SessionStore.ts"
import * as LiveEnd from "./LiveEnd.ts"
import * as LiveEvents from "./LiveEvents.ts"
import * as LiveSession from "./LiveSession.ts"
import type * as SessionStart from "./SessionStart.ts"
import { type Engine, lost, type ThreadActor } from "./ThreadActor.ts"
import * as ThreadLog from "./ThreadLog.ts"

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

/** The thread as it was before: its record, the way its last epoch ended, and the session that goes on meanwhile. */
export interface Before {
  readonly binding: Binding | undefined
  readonly recovered: boolean
  readonly live: LiveSession.LiveSession | undefined
}

export interface Entering {
  readonly before: Before
  readonly past: SessionStart.Past
  readonly policy: Required<CompactionPolicy.CompactionPolicy>
  readonly gated: boolean
  readonly scope: Scope.Closeable
}

/** Makes a started session the thread's live one. */
export const enter = Effect.fnUntraced(function*(
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
  const opening = { binding, cursor, resets: past._tag === "Reset", dueAt: at + engine.settings.idleAfterMillis }
  yield* Effect.suspend(() => {
    if (ended === undefined) {
      return ThreadLog.append(
        actor.log,
        engine.clock,
        binding,
        bodies,
        (events) => engine.store.openEpoch({ ...opening, events })
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
        engine.store.openEpoch({ ...opening, ends: { epoch: ended.binding.epoch, events: ends }, events })
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
    overdue: false,
    vetoes: 0,
    greeted: false,
    notes: [],
    requests: new Map(),
    activeAt: engine.steady.now(),
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
  source: { _tag: "Snapshot", snapshotId },
  turnId: turn.turnId,
  input: turn.input,
  startedAt: turn.startedAt,
  items: turn.items,
  outcome: turn.outcome ?? "unknown"
})
