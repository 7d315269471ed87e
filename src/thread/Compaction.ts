/**
 * A compaction of a live session, from the question whether it may go on to its one outcome.
 *
 * Before it: what has come so far is in the log, the whole transcript is saved and read back, `CompactionGated` is
 * recorded, the guards are asked. Then the agent is released, and whatever ends it first settles it: the agent's word, the
 * end of the session, or a deadline.
 *
 * Where the agent cannot be held, the same happens beside it ({@link observe}), and the snapshot says so.
 */
import { type Clock, Deferred, Effect, Exit, Option, Result } from "effect"
import { randomUUID } from "node:crypto"
import type { CompactionOutcome, CompactionTrigger } from "../domain/Compaction.ts"
import type { TurnId } from "../domain/Ids.ts"
import type { SnapshotFailure, SnapshotInfo, SnapshotTiming } from "../domain/Snapshot.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { CompactionVerdict } from "../provider/ProviderAdapter.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import { append, type Engine, type LiveSession, locked } from "./LiveSession.ts"

/** How it ended. */
export interface Ending {
  readonly outcome: CompactionOutcome
  readonly summary?: string | undefined
  readonly reason?: string | undefined
}

export interface Compaction {
  readonly compactionId: string
  readonly trigger: CompactionTrigger
  /** Asked for by us, so the agent waits for nobody else. */
  readonly ours: boolean
  readonly turnId: TurnId | undefined
  /** The agent has said that it begins. */
  started: boolean
  /** `CompactionGated` is recorded; from then on there must be an outcome. */
  gated: boolean
  /** Nobody holds it any more. */
  released: boolean
  /** The agent has asked and has its answer: what it asks next is about another one. */
  answered: boolean
  over: boolean
  snapshot: SnapshotInfo | undefined
  /** What the agent has said of its end before it was gated. */
  ending: Ending | undefined
  readonly verdict: Deferred.Deferred<CompactionVerdict>
  readonly settled: Deferred.Deferred<Ending>
}

/** So many vetoes in a row, and then the next compaction goes on: a conversation must not become too long for ever. */
const vetoLimit = 2

export const begin = (live: LiveSession, clock: Clock.Clock, trigger: CompactionTrigger, ours: boolean): Compaction => {
  const turn = live.turn
  const compaction: Compaction = {
    // Ordered by time, as turn ids are.
    compactionId: `cmp_${clock.currentTimeMillisUnsafe().toString(16).padStart(12, "0")}-${randomUUID()}`,
    trigger,
    ours,
    turnId: turn !== undefined && turn.phase !== "ended" ? turn.turnId : undefined,
    started: false,
    gated: false,
    released: false,
    answered: false,
    over: false,
    snapshot: undefined,
    ending: undefined,
    verdict: Deferred.makeUnsafe(),
    settled: Deferred.makeUnsafe()
  }
  live.compaction = compaction
  live.overdue = false
  return compaction
}

const place = ({ turnId }: Compaction) => turnId === undefined ? {} : { turnId }

/** Ends it, as events: none if it was never gated, or is over. Lock held. */
export const settle = (
  live: LiveSession,
  compaction: Compaction,
  { outcome, reason, summary }: Ending
): ReadonlyArray<EventBody> => {
  if (compaction.over) return []
  compaction.over = true
  if (live.compaction === compaction) live.compaction = undefined
  live.overdue = compaction.released && (outcome === "timeout" || outcome === "unknown")
  if (outcome === "completed" && live.policy.tellAgent && compaction.snapshot !== undefined) {
    live.notes = [whereItIs(compaction.snapshot)]
  }
  Deferred.doneUnsafe(compaction.settled, Exit.succeed({ outcome, reason, summary }))
  Deferred.doneUnsafe(compaction.verdict, Exit.succeed({ _tag: "Veto", reason: reason ?? outcome }))
  return !compaction.gated ? [] : [{
    _tag: "CompactionSettled",
    ...place(compaction),
    compactionId: compaction.compactionId,
    trigger: compaction.trigger,
    outcome,
    ...(summary === undefined ? {} : { summary }),
    ...(reason === undefined ? {} : { reason }),
    ...(compaction.snapshot === undefined ? {} : { snapshotId: compaction.snapshot.snapshotId })
  }]
}

const settleNow = (engine: Engine, live: LiveSession, compaction: Compaction, ending: Ending) =>
  Effect.suspend(() => append(engine, live, live.over ? [] : settle(live, compaction, ending))).pipe(
    locked(live),
    Effect.uninterruptible,
    Effect.ignore({ log: "Warn" })
  )

type Saved = Result.Result<SnapshotInfo, SnapshotFailure> | undefined

/** Records what was saved and that the compaction is at its gate; its outcome as well, if the agent was faster. */
const record = (engine: Engine, live: LiveSession, compaction: Compaction, saved: Saved, vetoable: boolean) =>
  Effect.suspend(() => {
    if (live.over || compaction.over) return Effect.void
    const { compactionId } = compaction
    const snapshot = saved === undefined ? undefined : Option.getOrUndefined(Result.getSuccess(saved))
    const failure = saved === undefined ? undefined : Option.getOrUndefined(Result.getFailure(saved))
    compaction.gated = true
    compaction.snapshot = snapshot
    return append(engine, live, [
      ...(snapshot === undefined ? [] : [{ _tag: "SnapshotWritten", snapshot, compactionId } as const]),
      ...(failure === undefined ? [] : [{ _tag: "SnapshotFailed", failure, compactionId } as const]),
      {
        _tag: "CompactionGated",
        ...place(compaction),
        compactionId,
        trigger: compaction.trigger,
        vetoable,
        ...(snapshot === undefined ? {} : { snapshot }),
        ...(failure === undefined ? {} : { failure })
      },
      ...(compaction.ending === undefined ? [] : settle(live, compaction, compaction.ending))
    ])
  }).pipe(locked(live), Effect.uninterruptible)

const save = (engine: Engine, live: LiveSession, compaction: Compaction): Effect.Effect<Saved> =>
  live.policy.saveBefore
    ? engine.snapshot({
      live,
      compactionId: compaction.compactionId,
      timing: () => timing(live, compaction)
    })
    : Effect.undefined

/** How a snapshot that is taken now stands to a compaction, if there is one. */
export const timing = (live: LiveSession, compaction: Compaction | undefined): SnapshotTiming => {
  if (compaction === undefined) return "before"
  if (compaction.ending !== undefined) return "after"
  return !compaction.released && (compaction.ours || isHeld(live)) ? "before" : "concurrent"
}

/** Whether the agent asks before each compaction of this session. */
export const isHeld = (live: LiveSession): boolean => live.session.compactionGate === "blocking" && live.gated

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }
const vetoed = (reason: string): CompactionVerdict => ({ _tag: "Veto", reason })

/** Everything that comes before a compaction; the agent waits meanwhile. */
const prepare = Effect.fnUntraced(function*(engine: Engine, live: LiveSession, compaction: Compaction) {
  const { policy } = live
  const mends = compaction.trigger === "overflow" && !policy.vetoOverflow
  const vetoable = !mends && live.vetoes < vetoLimit
  // Whatever is being taken in now is in the log once its lock is free.
  yield* locked(live)(Effect.void)
  const saved = yield* save(engine, live, compaction)
  yield* record(engine, live, compaction, saved, vetoable)
  if (saved !== undefined && Result.isFailure(saved) && policy.onSnapshotFailure === "block" && !mends) {
    const reason = `the transcript could not be saved (${saved.failure.code})`
    yield* settleNow(engine, live, compaction, { outcome: "cancelled", reason })
    return vetoed(reason)
  }
  const decision = yield* engine.hooks.decide(gatedEvent(engine, live, compaction, saved, vetoable))
  if (compaction.over) return vetoed("over")
  if (decision._tag === "Veto" && vetoable) {
    live.vetoes++
    const reason = `${decision.hook}: ${decision.reason}`
    yield* settleNow(engine, live, compaction, { outcome: "vetoed", reason })
    return vetoed(reason)
  }
  live.vetoes = 0
  const told = policy.tellAgent && compaction.snapshot !== undefined ? [whereItIs(compaction.snapshot)] : []
  return { ...allowed, context: [...told, ...(decision._tag === "Allow" ? decision.context : [])] }
})

const gatedEvent = (
  engine: Engine,
  live: LiveSession,
  { compactionId, trigger }: Compaction,
  saved: Saved,
  vetoable: boolean
) =>
  LifecycleRecord.make<"compaction:before">(
    {
      seq: live.log.lastSeq ?? 0,
      at: engine.clock.currentTimeMillisUnsafe(),
      threadId: live.binding.threadId,
      epoch: live.binding.epoch
    },
    live.binding,
    compactionId,
    {
      _tag: "compaction:before",
      compactionId,
      trigger,
      vetoable,
      ...(saved === undefined ? {} : Result.match(saved, {
        onSuccess: (snapshot) => ({ snapshot }),
        onFailure: (failure) => ({ failure })
      }))
    }
  )

/** What the agent is told of the snapshot. */
export const whereItIs = ({ path }: SnapshotInfo): string =>
  `The complete conversation up to this point is saved in ${path} (JSON; its "segments" are files of one message per ` +
  "line, in the folder beside it). Read there what a summary leaves out."

/** The session is gone, and nobody will say how it ended. */
export const lose = (engine: Engine, live: LiveSession) =>
  Effect.suspend(() =>
    live.compaction === undefined
      ? Effect.void
      : settleNow(engine, live, live.compaction, { outcome: "unknown" })
  )

/** Nobody goes on with it: the agent may still do. */
export const giveUp = (engine: Engine, live: LiveSession, compaction: Compaction) =>
  settleNow(engine, live, compaction, { outcome: "unknown", reason: "given up" })

/** The agent did not take the request. */
export const fail = (engine: Engine, live: LiveSession, compaction: Compaction, reason: string) =>
  settleNow(engine, live, compaction, { outcome: "failed", reason })

/** How it ended, once that is recorded. */
export const outcome = (live: LiveSession, compaction: Compaction): Effect.Effect<Ending> =>
  Effect.tap(Deferred.await(compaction.settled), () => locked(live)(Effect.void))

const refusal = ({ outcome, reason }: Ending) => vetoed(reason ?? outcome)

/** Prepares it, in bounded time whatever happens. */
export const hold = (
  engine: Engine,
  live: LiveSession,
  compaction: Compaction
): Effect.Effect<CompactionVerdict> =>
  prepare(engine, live, compaction).pipe(
    // A session that is lost meanwhile is not prepared for any longer.
    Effect.raceFirst(Effect.map(Deferred.await(compaction.settled), refusal)),
    Effect.timeoutOrElse({
      duration: engine.compaction.gateDeadline,
      orElse: () =>
        Effect.as(
          settleNow(engine, live, compaction, { outcome: "cancelled", reason: "the gate's deadline passed" }),
          vetoed("the gate's deadline passed")
        )
    }),
    Effect.catch((error) =>
      Effect.as(settleNow(engine, live, compaction, { outcome: "cancelled", reason: error._tag }), vetoed(error._tag))
    ),
    Effect.catchDefect((defect) =>
      Effect.logError("A compaction could not be prepared", defect).pipe(
        Effect.andThen(settleNow(engine, live, compaction, { outcome: "cancelled", reason: "a defect" })),
        Effect.as(vetoed("a defect"))
      )
    ),
    Effect.onInterrupt(() => settleNow(engine, live, compaction, { outcome: "cancelled", reason: "given up" })),
    Effect.tap((verdict) => Deferred.succeed(compaction.verdict, verdict)),
    Effect.tap((verdict) => verdict._tag === "Allow" ? release(engine, live, compaction) : Effect.void)
  )

const release = (engine: Engine, live: LiveSession, compaction: Compaction) =>
  Effect.suspend(() => {
    compaction.released = true
    return watch(engine, live, compaction)
  })

/** A released agent that never says how it went has an outcome all the same. */
const watch = (engine: Engine, live: LiveSession, compaction: Compaction) =>
  Deferred.await(compaction.settled).pipe(
    Effect.timeoutOrElse({
      duration: engine.compaction.deadline,
      orElse: () => settleNow(engine, live, compaction, { outcome: "timeout" })
    }),
    Effect.forkIn(engine.scope)
  )

/** How long the end of a compaction may be on its way when the agent asks about the next one. */
const endPatience = "1 second"

/** What the adapter calls before each compaction: ours goes on, one of the agent's own is held until it is saved. */
export const gate = (engine: Engine, live: LiveSession, trigger: CompactionTrigger): Effect.Effect<CompactionVerdict> =>
  Effect.suspend(() => {
    if (live.over) return Effect.succeed(vetoed("the session is over"))
    const current = live.compaction
    if (current === undefined) {
      const compaction = begin(live, engine.clock, trigger, false)
      return Effect.tap(hold(engine, live, compaction), () => answered(compaction))
    }
    if (!current.answered) return Effect.tap(Deferred.await(current.verdict), () => answered(current))
    return Deferred.await(current.settled).pipe(
      Effect.timeoutOrElse({
        duration: endPatience,
        orElse: () => settleNow(engine, live, current, { outcome: "unknown" })
      }),
      Effect.andThen(gate(engine, live, trigger))
    )
  })

const answered = (compaction: Compaction) =>
  Effect.sync(() => {
    compaction.answered = true
  })

/** A compaction that nobody could hold: it is saved beside it, or after it. Lock held. */
export const observe = (engine: Engine, live: LiveSession, trigger: CompactionTrigger, ending: Ending | undefined) => {
  const compaction = begin(live, engine.clock, trigger, false)
  compaction.started = true
  compaction.ending = ending
  return save(engine, live, compaction).pipe(
    Effect.flatMap((saved) => record(engine, live, compaction, saved, false)),
    Effect.andThen(Effect.suspend(() => compaction.over ? Effect.void : watch(engine, live, compaction))),
    Effect.ignore({ log: "Warn" }),
    Effect.forkIn(engine.scope)
  )
}

/** The agent says that a compaction is over. Lock held. */
export const ended = (live: LiveSession, compaction: Compaction, ending: Ending): ReadonlyArray<EventBody> => {
  if (compaction.gated) return settle(live, compaction, ending)
  // One that has not begun yet cannot be over: that is the end of the one before.
  if (compaction.started) compaction.ending ??= ending
  return []
}
