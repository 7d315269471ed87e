/**
 * How a turn gets to the provider: recorded before it is sent, accepted once the provider has it, and settled where
 * that cannot be known.
 */
import { Effect, Exit, Option } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { DeliveryUncertain } from "../provider/AdapterError.ts"
import { TurnInProgress, TurnVetoed } from "../service/ServiceError.ts"
import * as LifecycleRecord from "../store/LifecycleRecord.ts"
import * as LiveEvents from "./LiveEvents.ts"
import * as LiveSession from "./LiveSession.ts"
import * as LiveTurn from "./LiveTurn.ts"
import {
  close,
  cut,
  cuttable,
  type Engine,
  lost,
  notCut,
  taking,
  type ThreadActor,
  turnRunning,
  usable
} from "./ThreadActor.ts"
import type { Decision } from "./ThreadHooks.ts"
import * as ThreadStart from "./ThreadStart.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"

export interface Sent extends ThreadStart.Opened {
  readonly turn: LiveSession.Turn
  readonly steered: boolean
}

/**
 * Sends one turn and answers once the provider has it. `wanted` is how the session shall be if it must be started
 * first; `onSending` is told of the turn before it is sent. Intent is stored before anything is sent; an uncertain
 * delivery ends the turn as unknown and the session with it, and is settled against the provider's history by the next
 * start.
 */
export const send = <E>(
  engine: Engine,
  actor: ThreadActor,
  request: { readonly turnId: TurnId; readonly input: TurnInput; readonly steer: boolean },
  wanted: Effect.Effect<ThreadStart.Wanted, E>,
  onSending?: (sending: Pick<Sent, "live" | "turn">) => void
) =>
  taking(
    actor,
    Effect.gen(function*() {
      const found = yield* usable(engine, actor)
      const running = turnRunning(found)
      if (running !== undefined && found !== undefined) {
        if (!request.steer) {
          return yield* new TurnInProgress({ threadId: actor.threadId, turnId: running.turnId })
        }
        // More input for a turn is asked about as its first was.
        const input = yield* admit(engine, actor, found, { turnId: running.turnId, input: request.input })
        return yield* steer(engine, actor, found, running, input)
      }
      const { continuity, live } = found === undefined
        ? yield* Effect.flatMap(wanted, (wanted) => ThreadStart.open(engine, actor, wanted))
        : ThreadStart.resumedLive(found)
      if (found?.unreconciled === true) yield* ThreadStart.tryReconcile(engine, actor, found)
      yield* notCut(actor)
      const input = yield* admit(engine, actor, live, request)
      const turn = yield* deliver(engine, actor, live, { ...request, input }, onSending)
      return { live, continuity, turn, steered: false }
    })
  )

/** What comes before a prompt: hooks have been told of the session's start, guards let the turn pass, others add to it. */
const admit = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  live: LiveSession.LiveSession,
  { input, turnId }: { readonly turnId: TurnId; readonly input: TurnInput }
) {
  // Most turns have nobody to wait for, and what is cuttable has a fiber of its own.
  const decision = live.greeted && !engine.hooks.asks("turn:start")
    ? nobodyAsked
    : yield* ask(engine, actor, live, turnId, input)
  if (decision._tag === "Veto") {
    const { hook, reason } = decision
    return yield* new TurnVetoed({ threadId: actor.threadId, turnId, hook, reason })
  }
  const context = [...(input.context ?? []), ...live.notes, ...decision.context]
  return context.length === 0 ? input : { ...input, context }
})

const nobodyAsked: Decision = { _tag: "Allow", context: [] }

const ask = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  live: LiveSession.LiveSession,
  turnId: TurnId,
  input: TurnInput
) {
  const { epoch, threadId } = live.binding
  const asked = Effect.suspend(() =>
    engine.hooks.asks("turn:start")
      ? engine.hooks.decide(LifecycleRecord.make<"turn:start">(
        { seq: live.log.lastSeq ?? 0, at: engine.clock.currentTimeMillisUnsafe(), threadId, epoch },
        live.binding,
        turnId,
        { _tag: "turn:start", turnId, input }
      ))
      : Effect.succeed(nobodyAsked)
  )
  const exit = yield* cuttable(actor, Effect.andThen(ThreadStart.greet(engine, live), asked))
  if (Exit.isSuccess(exit)) return exit.value
  return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
})

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
  return { ...ThreadStart.resumedLive(live), turn, steered: true }
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
    const turn = LiveTurn.make(engine.clock, turnId, input)
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
      live.notes = []
      yield* LiveEvents.acceptTurn(engine, live, turn)
      yield* TurnDeadlines.start(engine, live, engine.deadlines, lost(engine, actor, live))
      return turn
    }
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error !== undefined && error._tag !== "DeliveryUncertain") {
      yield* LiveTurn.refuse(engine, live, turn)
      return yield* error
    }
    yield* LiveTurn.endUnknown(engine, live, turn)
    yield* close(engine, actor, live, "lost")
    return yield* error ?? new DeliveryUncertain({ turnId, code: "cut" })
  }).pipe(Effect.onError(() => usable(engine, actor)), Effect.uninterruptible)
