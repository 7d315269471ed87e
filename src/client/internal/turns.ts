/**
 * Turns of a server that may be lost in the middle. A turn has an id before it is sent, so it can be sent again: the server
 * then says that it has it, and its log says what has become of it.
 */
import { Clock, Effect, Option, Schedule, type Scope, Stream } from "effect"
import { type Epoch, type ThreadId, TurnId } from "../../domain/Ids.ts"
import { isTerminal, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { TurnAccepted } from "../../service/Results.ts"
import { ServerUnreachable, TurnNotCompleted } from "../../service/ServiceError.ts"
import { TurnExists } from "../../store/StoreError.ts"
import * as calls from "./calls.ts"
import { streamEvents } from "./eventStreams.ts"

type Service = ProviderService["Service"]

/** Ordered by time, as the service's own are. */
const makeTurnId = Effect.map(Clock.currentTimeMillis, (now) => {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"))
  return TurnId.make(`turn_${now.toString(16).padStart(12, "0")}-${random.join("")}`)
})

/** The server has a turn of this id and nothing of it in the log: it is on its way to the agent, or was given up. */
class OnItsWay {
  readonly _tag = "OnItsWay"
}

/** How many events are read at a time, from the end of the log. Doubled each time. */
const firstWindow = 256

export const make = (remote: calls.Remote, scope: Scope.Scope): Pick<Service, "sendTurn" | "runTurn"> => {
  const { link, patience, send } = remote
  const events = streamEvents(remote)
  const getThread: Service["getThread"] = (input) => calls.call(remote, "getThread", true, send("getThread", input))
  const interruptTurn: Service["interruptTurn"] = (input) =>
    calls.call(remote, "interruptTurn", true, send("interruptTurn", input))

  /** The events after `from` up to and including `to`. */
  const between = (threadId: ThreadId, from: number, to: number) =>
    from >= to
      ? Effect.succeed<ReadonlyArray<ThreadEvent>>([])
      : events({ threadId, after: from }).pipe(Stream.takeUntil(({ seq }) => seq >= to), Stream.runCollect)

  /** Where the turn begins, from the end of the log backwards. */
  const find = Effect.fnUntraced(function*(threadId: ThreadId, turnId: TurnId) {
    let to = (yield* getThread({ threadId })).lastSeq
    let window = firstWindow
    let started: { readonly seq: number; readonly epoch: Epoch } | undefined
    while (to > 0) {
      const from = Math.max(0, to - window)
      const page = yield* between(threadId, from, to)
      const begins = page.find((event) => event._tag === "TurnStarted" && event.turnId === turnId)
      if (begins !== undefined) started = begins
      for (const event of page) {
        if (started === undefined || event._tag !== "SessionStarted" || event.epoch !== started.epoch) continue
        const { continuity, epoch } = event
        const accepted: TurnAccepted = { threadId, turnId, epoch, continuity, steered: false }
        return { accepted, seq: started.seq }
      }
      to = from
      window *= 2
    }
    return yield* Effect.fail(new OnItsWay())
  })

  /** Waits for a turn that is on its way. */
  const settled = <A, E>(
    operation: string,
    attempt: Effect.Effect<A, E | OnItsWay>
  ): Effect.Effect<A, E | ServerUnreachable> => {
    const retried: Effect.Effect<A, E | OnItsWay> = Effect.retry(attempt, {
      schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: patience.calls })),
      while: (error) => error instanceof OnItsWay
    })
    return Effect.mapError(
      retried,
      (error) =>
        error instanceof OnItsWay ? new ServerUnreachable({ operation, reason: "closed", outcome: "unknown" }) : error
    )
  }

  /** The end of a turn that has begun, from the log. */
  const end = Effect.fnUntraced(function*(accepted: TurnAccepted, seq: number) {
    const { threadId, turnId } = accepted
    let text = ""
    const last = yield* events({ threadId, after: seq }).pipe(
      Stream.tap((event) =>
        Effect.sync(() => {
          if (event._tag !== "ItemCompleted" || event.turnId !== turnId) return
          if (event.item._tag === "AssistantMessage" && event.item.subagent === undefined) text = event.item.text
        })
      ),
      Stream.filter((event) => isTerminal(event) && event.turnId === turnId),
      Stream.runHead
    )
    // The thread was deleted; its turn is over with it.
    if (Option.isNone(last) || !isTerminal(last.value)) return yield* Effect.interrupt
    const terminal = last.value
    if (terminal._tag === "TurnCompleted") return { ...accepted, text, usage: terminal.usage }
    return yield* new TurnNotCompleted({ threadId, turnId, ending: terminal })
  })

  /**
   * Sends the turn, again after a lost connection. `attempt` is what sends it; `known` says what has become of a turn that
   * the server has already, which is ours if this is not the first attempt.
   */
  const sure = <A, E, B, E2>(
    operation: string,
    attempt: Effect.Effect<A, E | TurnExists | calls.Lost>,
    known: Effect.Effect<B, E2 | OnItsWay>
  ) => {
    let attempts = 0
    const sent = calls.call(
      remote,
      operation,
      true,
      Effect.suspend(() => {
        attempts++
        return attempt
      })
    )
    const found = (
      error: E | TurnExists | ServerUnreachable
    ): Effect.Effect<B, E | TurnExists | ServerUnreachable | E2 | OnItsWay> =>
      error instanceof TurnExists && attempts > 1 ? known : Effect.fail(error)
    return {
      answer: settled<A | B, E | TurnExists | ServerUnreachable | E2>(operation, Effect.catch(sent, found)),
      wasSent: () => attempts > 0
    }
  }

  return {
    sendTurn: Effect.fnUntraced(function*(input) {
      // What joins a running turn has no id of its own, so that a second time it would join it again.
      if (input.steer === true) return yield* calls.call(remote, "sendTurn", false, send("sendTurn", input))
      const turnId = input.turnId ?? (yield* makeTurnId)
      const known = Effect.map(find(input.threadId, turnId), ({ accepted }) => accepted)
      return yield* sure("sendTurn", send("sendTurn", { ...input, turnId }), known).answer
    }),

    runTurn: Effect.fnUntraced(function*(input) {
      if (input.steer === true) return yield* calls.call(remote, "runTurn", false, send("runTurn", input))
      const { threadId } = input
      const turnId = input.turnId ?? (yield* makeTurnId)
      const known = Effect.flatMap(find(threadId, turnId), ({ accepted, seq }) => end(accepted, seq))
      const { answer, wasSent } = sure("runTurn", send("runTurn", { ...input, turnId }), known)
      // The server may not have been told, or not that it was no loss of the connection.
      const interrupt = Effect.retry(interruptTurn({ threadId, turnId }), {
        schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: patience.calls })),
        while: (error) => error._tag === "TurnNotFound" && !link.tellsInterrupts
      }).pipe(Effect.ignore)
      return yield* Effect.onInterrupt(
        answer,
        () => Effect.suspend(() => wasSent() ? Effect.asVoid(Effect.forkIn(interrupt, scope)) : Effect.void)
      )
    })
  }
}
