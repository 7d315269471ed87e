/**
 * Turns, as the service offers them: sent, awaited, interrupted.
 */
import { type Clock, Effect, Option } from "effect"
import { randomUUID } from "node:crypto"
import { type ThreadId, TurnId } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import type { SendTurn } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { type ThreadNotFound, TurnNotCompleted, TurnNotFound } from "../service/ServiceError.ts"
import type { StoreFailed, ThreadUnreadable } from "../store/StoreError.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import type { Delivery } from "../thread/TurnDelivery.ts"
import * as TurnRepeat from "../thread/TurnRepeat.ts"
import * as inputLimits from "./inputLimits.ts"
import type { Resolved } from "./Settings.ts"
import type { ThreadActors } from "./threadActors.ts"

/** Ordered by time, so that the ledger grows at its end. Node's UUIDs come out of a pool: 10 us less than a UUID v7. */
const makeTurnId = (clock: Clock.Clock) =>
  TurnId.make(`turn_${clock.currentTimeMillisUnsafe().toString(16).padStart(12, "0")}-${randomUUID()}`)

export const make = ({ actors, deps, getThread, limits }: {
  readonly deps: ThreadDeps
  readonly actors: ThreadActors
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Binding, ThreadNotFound | StoreFailed | ThreadUnreadable>
  readonly limits: Pick<Resolved, "promptLimit" | "attachmentLimit">
}) => {
  const send = Effect.fnUntraced(function*(input: SendTurn, onSending?: (delivery: Delivery) => void) {
    const { threadId } = input
    yield* reentrancy.check(threadId)
    const attachments = input.attachments ?? []
    const { command, prompt } = input
    const context = input.context ?? []
    const words = [...context, command?.arguments ?? ""]
    yield* inputLimits.check({ threadId, prompt, words, attachments, isCommand: command !== undefined }, limits)
    const sent = {
      input: {
        prompt,
        ...(command === undefined ? {} : { command }),
        ...(input.skills === undefined || input.skills.length === 0 ? {} : { skills: input.skills }),
        ...(input.mode === undefined ? {} : { mode: input.mode }),
        ...(attachments.length === 0 ? {} : { attachments }),
        ...(input.model === undefined ? {} : { model: input.model }),
        ...(input.agent === undefined ? {} : { agent: input.agent }),
        ...(context.length === 0 ? {} : { context })
      },
      origin: {
        ...(input.actor === undefined ? {} : { actor: input.actor }),
        ...(input.metadata === undefined ? {} : { metadata: input.metadata })
      }
    }
    const request = {
      ...sent,
      turnId: input.turnId ?? makeTurnId(deps.clock),
      asked: input.turnId === undefined ? undefined : TurnRepeat.digest({ ...sent.input, ...sent.origin }),
      steer: input.steer ?? false,
      onMissing: input.onMissing
    }
    return yield* actors.use(threadId, (actor) => actor.send(request, onSending))
  })

  /**
   * The caller of `runTurn` went away, so its turn is to stop: recorded at once, so that the next turn waits for its end.
   * The agent is asked beside the caller, which is not held up, and a moment later: a host that is closing says so then,
   * and its shutdown is the reason.
   */
  const interruptAbandoned = ({ accepted: { threadId, turnId } }: Delivery) =>
    actors.use(threadId, (actor) =>
      Effect.andThen(
        actor.noteInterrupt(turnId, "user"),
        Effect.forkIn(
          actors.use(actor.threadId, () =>
            Effect.andThen(
              Effect.repeat(Effect.yieldNow, { times: 16 }),
              Effect.suspend(() => deps.retired() ? Effect.void : actor.interruptTurn(turnId, "user"))
            )).pipe(Effect.ignore({ log: "Warn" })),
          deps.scope
        )
      )).pipe(Effect.ignore({ log: "Warn" }))

  return {
    sendTurn: Effect.fn("ProviderService.sendTurn")(function*(input) {
      yield* Instrumentation.inThread(input.threadId)
      return (yield* send(input)).accepted
    }),

    runTurn: Effect.fn("ProviderService.runTurn")(function*(input) {
      const { threadId } = input
      yield* Instrumentation.inThread(threadId)
      // Known from before it is sent: an interrupt may come in any moment from then on.
      let sending: Delivery | undefined
      const { accepted, over: { terminal, text } } = yield* send(input, (now) => {
        sending = now
      }).pipe(
        Effect.flatMap((delivery) => {
          sending = delivery
          return Effect.map(delivery.over, (over) => ({ accepted: delivery.accepted, over }))
        }),
        Effect.onInterrupt(() =>
          Effect.suspend(() => sending === undefined ? Effect.void : interruptAbandoned(sending))
        )
      )
      if (terminal === undefined) return yield* Effect.interrupt
      if (terminal._tag === "TurnCompleted") return { ...accepted, text, usage: terminal.usage }
      return yield* new TurnNotCompleted({ threadId, turnId: accepted.turnId, ending: terminal })
    }),

    interruptTurn: Effect.fn("ProviderService.interruptTurn")(function*({ threadId, turnId }) {
      yield* Instrumentation.inThread(threadId)
      const live = actors.peek(threadId)
      const target = turnId ?? live?.turn
      if (target !== undefined && live?.hasTurn(target) === true) {
        return yield* actors.use(threadId, (actor) => actor.interruptTurn(target, "user"))
      }
      yield* getThread(threadId)
      if (turnId === undefined) return
      const known = yield* deps.store.getTurn(turnId)
      if (Option.isNone(known) || known.value.threadId !== threadId) {
        return yield* new TurnNotFound({ threadId, turnId })
      }
    })
  } satisfies Pick<ProviderService["Service"], "sendTurn" | "runTurn" | "interruptTurn">
}
