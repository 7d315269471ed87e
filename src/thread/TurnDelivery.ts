/**
 * How a turn gets to the agent: recorded before it is sent, accepted once the agent has it, and ended as unknown where
 * that cannot be known.
 */
import { Deferred, Effect, Exit, Option } from "effect"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { TurnInput, TurnOrigin } from "../domain/TurnInput.ts"
import { DeliveryUncertain, type SessionMissing } from "../provider/AdapterError.ts"
import type { TurnAccepted } from "../service/Results.ts"
import { TurnInProgress } from "../service/ServiceError.ts"
import * as Blobs from "../store/Blobs.ts"
import type { EpochFenced, StoreFailed } from "../store/StoreError.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import type * as EpochState from "./epoch/EpochState.ts"
import * as EpochWaiters from "./epoch/EpochWaiters.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as LiveRecord from "./epoch/LiveRecord.ts"
import * as OfferedInput from "./OfferedInput.ts"
import * as Reconciliation from "./Reconciliation.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadStart from "./ThreadStart.ts"
import * as TurnAdmission from "./TurnAdmission.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"
import * as TurnRepeat from "./TurnRepeat.ts"

export interface TurnRequest {
  readonly turnId: TurnId
  /** Names the input ({@link TurnRepeat.digest}) where its caller may send it again; absent for an id that we have made up. */
  readonly asked: string | undefined
  readonly input: TurnInput
  /** Recorded with the input, and never handed to the session. */
  readonly origin: TurnOrigin
  /** While a turn runs: join it, instead of failing with `TurnInProgress`. */
  readonly steer: boolean
  readonly onMissing: MissingPolicy | undefined
}

/** A turn that is with the agent, or on its way. */
export interface Delivery {
  readonly accepted: TurnAccepted
  /** How the turn ended, once it has. */
  readonly over: Effect.Effect<EpochWaiters.TurnOver, StoreFailed | EpochFenced>
}

const deliveryOf = (
  { binding: { epoch, threadId }, continuity }: LiveEpoch.LiveEpoch,
  { over, turnId }: EpochWaiters.TurnWaiter,
  steered: boolean
): Delivery => ({ accepted: { threadId, turnId, epoch, continuity, steered }, over: Deferred.await(over) })

/**
 * Sends one turn and answers once the agent has it; the session is started first if need be. One that was sent before under
 * its id is answered as it was then. `onSending` is told of the
 * turn before it is sent. Intent is stored before anything is sent. An uncertain delivery ends the turn as unknown and the
 * session with it; the next start compares it with the agent's history.
 */
export const send = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  request: TurnRequest,
  onSending?: (delivery: Delivery) => void
) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const before = yield* ThreadCell.usable(deps, cell)
      const { asked, turnId } = request
      const first = asked === undefined ? undefined : yield* TurnRepeat.find(deps, cell, before, { turnId, asked })
      if (first !== undefined) return first
      const found = yield* awaitInterrupted(deps, cell, before)
      const running = found === undefined ? undefined : Epoch.turnOf(found.state)
      if (found !== undefined && running !== undefined) {
        // A command is a turn of its own. Words of the user do not join a turn that the agent began.
        if (!request.steer || found.state.running?.cause !== undefined || request.input.command !== undefined) {
          return yield* new TurnInProgress({ threadId: cell.threadId, turnId: running })
        }
        yield* OfferedInput.check(deps, cell, found, request.input)
        // More input for a turn is asked about as its first was.
        const admitted = yield* TurnAdmission.admit(deps, cell, found, { ...request, turnId: running })
        // The turn may have ended while hooks were asked. Then this is a turn of its own.
        if (Epoch.turnOf(found.state) === running) {
          // To the end, as a turn that is sent: the agent may have the words, and then the log has them.
          return yield* Effect.uninterruptible(
            steer(deps, cell, found, { ...admitted, turnId: running, origin: request.origin })
          )
        }
      }
      const sent = yield* handOver(deps, cell, request, onSending)
      if (sent._tag === "Delivered") return sent.delivery
      // The session went while it was live. Its cursor is asked about next, as the policy for missing sessions says.
      yield* ThreadCell.end(deps, cell, sent.live, "lost")
      const again = yield* handOver(deps, cell, request, onSending)
      return again._tag === "Delivered" ? again.delivery : yield* again.error
    })
  )

type HandOver =
  | { readonly _tag: "Delivered"; readonly delivery: Delivery }
  | { readonly _tag: "Missing"; readonly live: LiveEpoch.LiveEpoch; readonly error: SessionMissing }

/** Hands the turn to the session, which is started first if need be. */
const handOver = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  request: TurnRequest,
  onSending: ((delivery: Delivery) => void) | undefined
) {
  const live = yield* ThreadStart.resume(deps, cell, yield* ThreadCell.usable(deps, cell), {
    onMissing: request.onMissing
  })
  if (live.unreconciled) yield* Reconciliation.attempt(deps, cell, live)
  yield* ThreadCell.notStopping(deps, cell)
  yield* OfferedInput.check(deps, cell, live, request.input)
  const admitted = yield* TurnAdmission.admit(deps, cell, live, request)
  return yield* deliver(deps, cell, live, { ...request, ...admitted }, onSending).pipe(
    Effect.map((delivery): HandOver => ({ _tag: "Delivered", delivery })),
    Effect.catchTag(
      "SessionMissing",
      (error) => Effect.succeed<HandOver>({ _tag: "Missing", live, error })
    )
  )
})

/** A turn that was told to stop is as good as over: the next one waits for its end. */
const awaitInterrupted = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch | undefined
) {
  const running = live?.state.running
  if (live === undefined || running?.interruptedBy === undefined) return live
  yield* ThreadCell.interruptible(
    deps,
    cell,
    Effect.timeoutOption(EpochEnd.over(live, running.turnId), deps.settings.interruptGrace)
  )
  return yield* ThreadCell.usable(deps, cell)
})

const steer = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  { input, notes, origin, turnId }: Pick<TurnRequest, "turnId" | "input" | "origin"> & {
    readonly notes: ReadonlyArray<EpochState.Note>
  }
) {
  const waiter = EpochWaiters.turn(live, turnId)
  const uncertain = (code: string) => new DeliveryUncertain({ turnId, code })
  // The thread is held meanwhile: a turn that is ended for its deadline must not wait for an agent that does not answer.
  const ended = Deferred.await(waiter.over).pipe(
    Effect.andThen(Effect.sleep(deps.settings.interruptGrace)),
    Effect.andThen(uncertain("turn-ended"))
  )
  const exit = yield* ThreadCell.interruptible(
    deps,
    cell,
    live.session.steerTurn({ turnId, ref: undefined, input }).pipe(
      Effect.timeoutOrElse({ duration: deps.settings.noProgressDeadline, orElse: () => uncertain("timeout") }),
      Effect.raceFirst(ended)
    )
  )
  if (Exit.isFailure(exit)) {
    return yield* Exit.hasInterrupts(exit)
      ? uncertain("stopped")
      : Effect.failCause(exit.cause)
  }
  yield* LiveEpoch.advance(deps, live, { _tag: "Steered", turnId, input: { ...input, ...origin }, notes })
  return deliveryOf(live, waiter, true)
})

const deliver = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  { asked, input, notes, origin, turnId }: Pick<TurnRequest, "asked" | "turnId" | "input" | "origin"> & {
    readonly notes: ReadonlyArray<EpochState.Note>
  },
  onSending: ((delivery: Delivery) => void) | undefined
) =>
  Effect.gen(function*() {
    const ref = yield* live.session.turnRef(turnId)
    const at = deps.clock.currentTimeMillisUnsafe()
    const { epoch, instanceId, provider, threadId } = live.binding
    const recorded = Blobs.ofInput({ ...input, ...origin })
    const { instrumentation } = deps
    const model = (input.model ?? live.binding.model)?.id
    const trace = instrumentation === undefined
      ? undefined
      : yield* instrumentation.intend({ threadId, turnId, instanceId, provider, model, at })
    yield* Instrumentation.around(
      instrumentation,
      { _tag: "TurnIntent", threadId, turnId },
      deps.store.recordIntent({ turnId, threadId, epoch, ref, ...recorded, asked, at, trace })
    ).pipe(
      Effect.tapErrorTag("EpochFenced", (error) => Effect.sync(() => LiveEpoch.breakOff(live, error))),
      Effect.tapErrorTag("StoreFailed", () => unsent(deps, { threadId, turnId, at })),
      Effect.tapError(() => Effect.sync(() => instrumentation?.withdraw({ threadId, turnId, at })))
    )
    const delivery = deliveryOf(live, EpochWaiters.makeTurn(live, turnId), false)
    live.progressAt = deps.steady.now()
    yield* LiveEpoch.advance(deps, live, { _tag: "Sending", turnId, input: recorded.input, notes })
    onSending?.(delivery)
    const sending = Instrumentation.around(
      instrumentation,
      { _tag: "TurnDelivery", threadId, turnId },
      live.session.sendTurn({ turnId, ref, input }).pipe(Effect.timeoutOrElse({
        duration: deps.settings.noProgressDeadline,
        orElse: () => new DeliveryUncertain({ turnId, code: "timeout" })
      }))
    )
    const exit = yield* ThreadCell.interruptible(
      deps,
      cell,
      ref !== undefined && live.session.capabilities.resend
        ? Effect.catchTag(sending, "DeliveryUncertain", () => sending)
        : sending
    )
    if (Exit.isSuccess(exit)) {
      yield* LiveEpoch.advance(deps, live, { _tag: "Accepted" })
      if (LiveRecord.isOtherModel(live, input.model)) {
        // The turn is with the agent, whatever becomes of this.
        yield* Effect.ignore(LiveRecord.configure(deps, live, { model: input.model }), { log: "Warn" })
      }
      yield* TurnDeadlines.start(deps, live, ThreadCell.lost(deps, cell, live))
      return delivery
    }
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error !== undefined && error._tag !== "DeliveryUncertain") {
      yield* refuse(deps, live, turnId)
      return yield* error
    }
    yield* LiveEpoch.advance(deps, live, { _tag: "Uncertain" })
    yield* ThreadCell.end(deps, cell, live, "lost")
    return yield* error ?? new DeliveryUncertain({ turnId, code: "stopped" })
  }).pipe(Effect.onError(() => ThreadCell.usable(deps, cell)), Effect.uninterruptible)

/** A turn that could not be recorded: it may be all the same, where only the answer was lost, and is not sent. */
const unsent = (
  deps: ThreadDeps,
  turn: { readonly threadId: ThreadId; readonly turnId: TurnId; readonly at: number }
) =>
  deps.store.getTurn(turn.turnId).pipe(
    Effect.flatMap((found) =>
      Option.exists(found, ({ threadId }) => threadId === turn.threadId)
        ? deps.store.refuseTurn(turn.turnId, turn.at)
        : Effect.void
    ),
    Effect.ignore({ log: "Warn" })
  )

/** The agent proved not to have the turn. */
const refuse = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, turnId: TurnId) =>
  LiveEpoch.locked(
    live,
    Effect.andThen(
      LiveEpoch.take(deps, live, { _tag: "Refused" }),
      Effect.suspend(() => {
        const at = deps.clock.currentTimeMillisUnsafe()
        deps.instrumentation?.withdraw({ threadId: live.binding.threadId, turnId, at })
        return LiveEpoch.enduring(live, deps.store.refuseTurn(turnId, at))
      })
    )
  )
