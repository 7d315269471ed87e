/**
 * What happens before a compaction: what has come so far is in the log, the whole transcript is saved and read back,
 * `CompactionGated` is recorded, the guards are asked. Then the agent is released, and whatever ends the compaction first
 * settles it: the agent's word, the end of the session, or a deadline.
 *
 * Where the agent cannot be held, the same happens beside it ({@link observe}), and the snapshot says so.
 */
import { Deferred, Effect } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { CompactionVerdict } from "../provider/ProviderAdapter.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import type { EpochFenced, StoreFailed } from "../store/StoreError.ts"
import * as EpochCompaction from "./epoch/EpochCompaction.ts"
import type { Compaction, CompactionEnding, Saved } from "./epoch/EpochState.ts"
import * as EpochWaiters from "./epoch/EpochWaiters.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as SnapshotTaking from "./SnapshotTaking.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** After so many vetoes in a row the next compaction goes on: a conversation must not stay too long for ever. */
const vetoLimit = 2

/** How long the end of a compaction may be on its way when the agent asks about the next one. */
const endPatience = "1 second"

const allow = (context: ReadonlyArray<string>): CompactionVerdict => ({ _tag: "Allow", context })
const refuse = (reason: string): CompactionVerdict => ({ _tag: "Veto", reason })

/** The compaction, unless it is over. */
const current = (live: LiveEpoch.LiveEpoch, compactionId: string): Compaction | undefined =>
  live.state.compaction?.compactionId === compactionId ? live.state.compaction : undefined

/** Ends it, if it is not over. */
export const settle = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  compactionId: string,
  ending: CompactionEnding
): Effect.Effect<void> =>
  LiveEpoch.advance(deps, live, { _tag: "CompactionOver", compactionId, ending }).pipe(Effect.ignore({ log: "Warn" }))

/** A compaction that was begun, with what its callers wait for. */
export interface Begun {
  readonly compactionId: string
  readonly waiter: EpochWaiters.CompactionWaiter
}

/** Begins a compaction that is asked for; `undefined` where one is under way. */
export const begin = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  trigger: CompactionTrigger,
  by: "us" | "agent"
): Effect.Effect<Begun | undefined, StoreFailed | EpochFenced> =>
  LiveEpoch.locked(
    live,
    Effect.suspend(() => {
      if (live.state.compaction !== undefined) return Effect.undefined
      return Effect.map(LiveEpoch.take(deps, live, { _tag: "CompactionAsked", trigger, by }), () => {
        const compactionId = live.state.compaction?.compactionId
        return compactionId === undefined
          ? undefined
          : { compactionId, waiter: EpochWaiters.compaction(live, compactionId) }
      })
    })
  )

const save = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, compactionId: string): Effect.Effect<Saved> =>
  live.policy.saveBefore
    ? SnapshotTaking.take(deps, {
      binding: live.binding,
      live,
      policy: live.policy,
      compactionId,
      timing: () => EpochCompaction.timing(live.state)
    })
    : Effect.undefined

/** Everything that comes before a compaction; the agent waits meanwhile. */
const prepare = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  compactionId: string,
  trigger: CompactionTrigger
) {
  const { policy } = live
  const repairs = trigger === "overflow" && !policy.vetoOverflow
  const vetoable = !repairs && live.state.vetoes < vetoLimit
  // What is being taken in now is in the log once its lock is free.
  yield* LiveEpoch.locked(live, Effect.void)
  const saved = yield* save(deps, live, compactionId)
  yield* LiveEpoch.advance(deps, live, { _tag: "CompactionSaved", compactionId, saved, vetoable })
  if (saved?._tag === "Failed" && policy.onSnapshotFailure === "block" && !repairs) {
    const reason = `the transcript could not be saved (${saved.failure.code})`
    yield* settle(deps, live, compactionId, { outcome: "cancelled", reason })
    return refuse(reason)
  }
  const decision = yield* deps.hooks.decide(gatedEvent(deps, live, { compactionId, trigger, vetoable }, saved))
  if (current(live, compactionId) === undefined) return refuse("over")
  if (decision._tag === "Veto" && vetoable) {
    const reason = `${decision.hook}: ${decision.reason}`
    yield* LiveEpoch.advance(deps, live, { _tag: "CompactionVetoed", compactionId, reason })
    return refuse(reason)
  }
  const told = policy.tellAgent && saved?._tag === "Written" ? [EpochCompaction.whereItIs(saved.snapshot)] : []
  return allow([...told, ...(decision._tag === "Allow" ? decision.context : [])])
})

const gatedEvent = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  gated: { readonly compactionId: string; readonly trigger: CompactionTrigger; readonly vetoable: boolean },
  saved: Saved
) =>
  LifecycleRecord.make<"compaction:before">(
    {
      seq: live.log.lastSeq ?? 0,
      at: deps.clock.currentTimeMillisUnsafe(),
      threadId: live.binding.threadId,
      epoch: live.binding.epoch
    },
    live.binding,
    gated.compactionId,
    {
      _tag: "compaction:before",
      ...gated,
      ...(saved?._tag === "Written" ? { snapshot: saved.snapshot } : {}),
      ...(saved?._tag === "Failed" ? { failure: saved.failure } : {})
    }
  )

/** Prepares it in bounded time, whatever happens, and lets the agent go if nothing speaks against it. */
export const hold = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  { compactionId, waiter }: Begun,
  trigger: CompactionTrigger
): Effect.Effect<CompactionVerdict> => {
  const cancel = (reason: string) =>
    Effect.as(settle(deps, live, compactionId, { outcome: "cancelled", reason }), refuse(reason))
  return prepare(deps, live, compactionId, trigger).pipe(
    // A session that is lost meanwhile is not prepared for any longer.
    Effect.raceFirst(Effect.map(Deferred.await(waiter.settled), ({ outcome, reason }) => refuse(reason ?? outcome))),
    Effect.timeoutOrElse({
      duration: deps.settings.compaction.gateDeadline,
      orElse: () => cancel("the gate's deadline passed")
    }),
    Effect.catch((error) => cancel(error._tag)),
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("A compaction could not be prepared", defect), cancel("a defect"))
    ),
    Effect.onInterrupt(() => cancel("given up")),
    Effect.tap((verdict) => Deferred.succeed(waiter.verdict, verdict)),
    Effect.tap((verdict) => verdict._tag === "Allow" ? release(deps, live, compactionId, waiter) : Effect.void)
  )
}

const release = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  compactionId: string,
  waiter: EpochWaiters.CompactionWaiter
) =>
  Effect.andThen(
    Effect.ignore(LiveEpoch.advance(deps, live, { _tag: "CompactionReleased", compactionId }), { log: "Warn" }),
    watch(deps, live, compactionId, waiter)
  )

/** A released agent that never says how it went has an outcome all the same. */
const watch = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  compactionId: string,
  waiter: EpochWaiters.CompactionWaiter
) =>
  Deferred.await(waiter.settled).pipe(
    Effect.timeoutOrElse({
      duration: deps.settings.compaction.deadline,
      orElse: () => settle(deps, live, compactionId, { outcome: "timeout" })
    }),
    Effect.forkIn(deps.scope)
  )

/** What the adapter calls before each compaction: ours goes on, one of the agent's own is held until it is saved. */
export const ask = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  trigger: CompactionTrigger
): Effect.Effect<CompactionVerdict> =>
  Effect.suspend(() => {
    if (LiveEpoch.isOver(live)) return Effect.succeed(refuse("the session is over"))
    const { compaction } = live.state
    if (compaction === undefined) return holdAgent(deps, live, trigger)
    const { compactionId } = compaction
    const waiter = EpochWaiters.compaction(live, compactionId)
    if (!compaction.answered) {
      return Effect.tap(Deferred.await(waiter.verdict), () => answered(deps, live, compactionId))
    }
    return Deferred.await(waiter.settled).pipe(
      Effect.timeoutOrElse({
        duration: endPatience,
        orElse: () => settle(deps, live, compactionId, { outcome: "unknown" })
      }),
      Effect.andThen(ask(deps, live, trigger))
    )
  })

/** Holds an agent that begins by itself. */
const holdAgent = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  trigger: CompactionTrigger
): Effect.Effect<CompactionVerdict> =>
  begin(deps, live, trigger, "agent").pipe(
    Effect.flatMap((begun) =>
      begun === undefined
        ? LiveEpoch.isOver(live) ? Effect.succeed(refuse("the session is over")) : ask(deps, live, trigger)
        : Effect.tap(hold(deps, live, begun, trigger), () => answered(deps, live, begun.compactionId))
    ),
    Effect.catch((error) => Effect.succeed(refuse(error._tag)))
  )

const answered = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, compactionId: string) =>
  Effect.ignore(LiveEpoch.advance(deps, live, { _tag: "CompactionAnswered", compactionId }))

/** A compaction that could not be held: it is saved beside it, or after it. */
export const observe = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, compactionId: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const waiter = EpochWaiters.compaction(live, compactionId)
    return save(deps, live, compactionId).pipe(
      Effect.flatMap((saved) =>
        LiveEpoch.advance(deps, live, { _tag: "CompactionSaved", compactionId, saved, vetoable: false })
      ),
      Effect.andThen(
        Effect.suspend(() =>
          current(live, compactionId) === undefined ? Effect.void : watch(deps, live, compactionId, waiter)
        )
      ),
      Effect.ignore({ log: "Warn" }),
      Effect.forkIn(deps.scope),
      Effect.asVoid
    )
  })
