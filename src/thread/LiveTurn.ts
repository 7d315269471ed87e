/**
 * The turn of a live session, and how it ends: once, whoever ends it, and in the same step as what it leaves open.
 */
import { type Clock, Deferred, Effect, Exit } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { EventBody, TerminalEvent } from "../domain/ThreadEvent.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { append, enduring, type Engine, type LiveSession, locked, settleRequests, type Turn } from "./LiveSession.ts"
import * as ThreadLog from "./ThreadLog.ts"

export const make = (clock: Clock.Clock, turnId: TurnId, input: TurnInput): Turn => {
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
    running: Deferred.makeUnsafe(),
    ended: Deferred.makeUnsafe()
  }
}

const statusOf = {
  TurnCompleted: "completed",
  TurnFailed: "failed",
  TurnInterrupted: "interrupted",
  TurnUnknown: "unknown"
} as const

/** What we know better than the agent: a deadline of ours is a failure, and somebody asked for an interrupt. */
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
export const end = (
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
    const activeAt = engine.steady.now()
    return Effect.flatMap(live.session.cursor, (cursor) =>
      enduring(
        live,
        ThreadLog.append(live.log, engine.clock, live.binding, bodies, (events) =>
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
            live.activeAt = activeAt
            Deferred.doneUnsafe(turn.ended, exit)
          })
        )
      )
  })

/** The turn started and nobody can say how it ended, all in one step. */
export const endUnknown = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.suspend(() =>
    end(engine, live, turn, [{ _tag: "TurnStarted", turnId: turn.turnId, input: turn.input }], {
      _tag: "TurnUnknown",
      turnId: turn.turnId,
      reason: "delivery-uncertain"
    })
  ).pipe(locked(live), Effect.uninterruptible)

/** The provider proved not to have the turn. */
export const refuse = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.suspend(() => {
    turn.phase = "ended"
    live.turn = undefined
    live.activeAt = engine.steady.now()
    // Whoever waits for it to arrive waits no longer.
    Deferred.doneUnsafe(turn.running, Exit.void)
    return enduring(live, engine.store.refuseTurn(turn.turnId, engine.clock.currentTimeMillisUnsafe()))
  }).pipe(locked(live), Effect.uninterruptible)

/** Ends the turn from our side, if it is not over. */
export const forceEnd = (engine: Engine, live: LiveSession, turn: Turn, event: TerminalEvent) =>
  end(engine, live, turn, [], event).pipe(locked(live), Effect.uninterruptible)
