/**
 * Reads what a session says into its epoch, for as long as both live.
 */
import { Deferred, Effect, Option, Stream } from "effect"
import type { TurnId } from "../../domain/Ids.ts"
import { isTerminal, type ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ThreadDeps } from "../ThreadDeps.ts"
import * as Epoch from "./Epoch.ts"
import * as LiveEpoch from "./LiveEpoch.ts"

/** Heartbeats, bills and calls of the model that brought nothing are no progress. */
const isProgress = (event: ProviderEvent): boolean =>
  event._tag !== "UsageUpdated" && (event._tag !== "StepEnded" || event.brought !== "nothing")

const take = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, events: ReadonlyArray<ProviderEvent>) =>
  LiveEpoch.advance(deps, live, { _tag: "Emitted", events })

/** Whether the ledger has the turn, of whichever thread. What cannot be read now is found out by the commit. */
const isRecorded = (deps: ThreadDeps, turnId: TurnId): Effect.Effect<boolean> =>
  deps.store.getTurn(turnId).pipe(
    Effect.map(Option.isSome),
    Effect.catch((error) => Effect.succeed(error._tag === "TurnUnreadable"))
  )

/**
 * A turn begins once. An agent that tells of the beginning of one that is over, in this epoch or an earlier one, is not
 * believed: what it said is kept as `Unrecognized`, and the turn stays as it ended.
 */
const begunOnce = Effect.fnUntraced(
  function*(deps: ThreadDeps, live: LiveEpoch.LiveEpoch, events: ReadonlyArray<ProviderEvent>) {
    const told = new Set<TurnId>()
    const checked: Array<ProviderEvent> = []
    for (const event of events) {
      const again = event._tag === "TurnBegan" &&
        (told.has(event.turnId) ||
          (!Epoch.hasTurn(live.state, event.turnId) && (yield* isRecorded(deps, event.turnId))))
      checked.push(again ? { _tag: "Unrecognized", type: event._tag, raw: event } : event)
      if (event._tag === "TurnBegan" || isTerminal(event)) told.add(event.turnId)
    }
    return checked
  }
)

/**
 * Reads the session's events until it is lost or over; `onLost` then ends the epoch. A turn that the agent has begun is
 * watched from then on, and one that has met a limit is braked.
 */
export const run = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  { brake, onLost, watch }: {
    readonly onLost: Effect.Effect<void>
    readonly watch: Effect.Effect<unknown>
    readonly brake: Effect.Effect<unknown>
  }
) =>
  live.session.events.pipe(
    Stream.runForEachArray((events) => {
      if (events.some(isProgress)) live.progressAt = deps.steady.now()
      return Effect.andThen(
        Effect.andThen(
          // First, or a reader that is told would be given the old offers.
          events.some(({ _tag }) => _tag === "OffersChanged") ? deps.offersChanged(live.adapter) : Effect.void,
          events.some(({ _tag }) => _tag === "TurnBegan")
            ? Effect.flatMap(begunOnce(deps, live, events), (events) => take(deps, live, events))
            : take(deps, live, events)
        ),
        Effect.suspend(() => {
          const { running } = live.state
          if (running === undefined) return Effect.void
          if (running.deadline !== undefined && live.braked !== running.turnId) return brake
          return live.watched ? Effect.void : watch
        })
      )
    }),
    Effect.raceFirst(Deferred.await(live.halted)),
    Effect.catchCause((cause) => Effect.logError("The events of a session could not be taken in", cause)),
    Effect.andThen(
      Effect.suspend(() => LiveEpoch.isOver(live) ? Effect.void : Effect.andThen(settleCompaction(deps, live), onLost))
    ),
    LiveEpoch.beside(deps)
  )

/** The caller that waits for the end of a compaction has the thread's lock, so it is told before the epoch ends. */
const settleCompaction = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch) =>
  Effect.suspend(() => {
    const compactionId = live.state.compaction?.compactionId
    return compactionId === undefined
      ? Effect.void
      : LiveEpoch.advance(deps, live, { _tag: "CompactionOver", compactionId, ending: { outcome: "unknown" } })
  }).pipe(Effect.ignore({ log: "Warn" }))
