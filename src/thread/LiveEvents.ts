/**
 * What the agent emits, taken into the log: in order, under the log's lock, and a turn's own events only once the turn
 * has started.
 */
import { Deferred, Effect, Stream } from "effect"
import type { EventBody, ProviderEvent } from "../domain/ThreadEvent.ts"
import * as Compaction from "./Compaction.ts"
import { append, enduring, type Engine, type LiveSession, locked, type Turn } from "./LiveSession.ts"
import * as LiveTurn from "./LiveTurn.ts"
import * as ThreadLog from "./ThreadLog.ts"

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
        yield* LiveTurn.end(engine, live, turn, before, event)
        if (event._tag === "TurnFailed" && event.failure._tag === "ContextOverflow") yield* live.overflowed
        continue
      }
      case "ApprovalRequested":
        live.requests.set(event.request.requestId, { kind: "approval", turnId: event.turnId, answering: false })
        break
      case "QuestionAsked":
        live.requests.set(event.request.requestId, {
          kind: "question",
          turnId: event.turnId,
          questions: event.request.questions.length,
          answering: false
        })
        break
      case "ApprovalSettled":
      case "QuestionSettled": {
        const request = live.requests.get(event.requestId)
        if (request === undefined || request.answering) continue
        live.requests.delete(event.requestId)
        break
      }
      case "CompactionStarted":
        // One that is held records itself at its gate.
        if (live.compaction !== undefined) live.compaction.started = true
        else if (!Compaction.isHeld(live)) {
          yield* Compaction.observe(engine, live, event.trigger, undefined)
        }
        break
      case "CompactionCompleted":
      case "CompactionFailed": {
        const ending: Compaction.Ending = event._tag === "CompactionCompleted"
          ? { outcome: "completed", summary: event.summary }
          : { outcome: "failed", reason: event.name }
        out.push(event)
        if (live.compaction !== undefined) out.push(...Compaction.ended(live, live.compaction, ending))
        else if (live.overdue) live.overdue = false
        // It has passed the gate by, if there was one; a failed one was stopped there, and that is told already.
        else if (ending.outcome === "completed") yield* Compaction.observe(engine, live, "auto", ending)
        continue
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

/** The provider has the turn: `TurnStarted`, then what it emitted while the turn was on its way. */
export const acceptTurn = (engine: Engine, live: LiveSession, turn: Turn) =>
  Effect.gen(function*() {
    yield* enduring(
      live,
      ThreadLog.append(
        live.log,
        engine.clock,
        live.binding,
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

/** Reads the session's events until it is lost or over; `onLost` then closes the epoch. */
export const pump = (engine: Engine, live: LiveSession, onLost: Effect.Effect<void>) =>
  live.session.events.pipe(
    Stream.runForEachArray((events) => receive(engine, live, events).pipe(locked(live), Effect.uninterruptible)),
    Effect.raceFirst(Deferred.await(live.halted)),
    Effect.catchCause((cause) => Effect.logError("The events of a session could not be taken in", cause)),
    Effect.andThen(Effect.suspend(() =>
      // Who waits for the end of a compaction has the thread's lock.
      live.over ? Effect.void : Effect.andThen(Compaction.lose(engine, live), onLost)
    )),
    Effect.forkIn(engine.scope, { startImmediately: true })
  )
