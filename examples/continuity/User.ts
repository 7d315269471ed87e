/** The user in front of the app: reads what happens, asks, and decides where the agent wants to be allowed something. */
import { type Duration, Effect, Schema } from "effect"
import { isTerminal, type ThreadEvent } from "../../src/index.ts"
import * as Conversation from "./Conversation.ts"
import type { AppDied, AppFailed, HostProcess } from "./HostProcess.ts"
import { describe, Narrator } from "./Narrator.ts"

export class TookTooLong extends Schema.TaggedError<TookTooLong>()("TookTooLong", {
  waitingFor: Schema.String,
  lastSeen: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const last = this.lastSeen === undefined ? "" : `; the last event was ${this.lastSeen}`
    return `Gave up waiting for ${this.waitingFor}${last}`
  }
}

export interface User {
  /** All that the user has seen, across restarts of the app. */
  readonly seen: ReadonlyArray<ThreadEvent>
  /** Reads on until it has happened. */
  readonly until: (
    host: HostProcess,
    waitingFor: string,
    fits: (event: ThreadEvent) => boolean
  ) => Effect.Effect<void, AppFailed | AppDied | TookTooLong>
  /** Asks, and reads on until the turn is over, or until something else that was waited for. */
  readonly ask: (
    host: HostProcess,
    step: Conversation.Step,
    fits?: (event: ThreadEvent) => boolean
  ) => Effect.Effect<void, AppFailed | AppDied | TookTooLong>
  /** Reads what is left when the app is stopped. */
  readonly drain: (host: HostProcess) => Effect.Effect<void>
}

/** `patience` is the longest wait for one thing. */
export const make = Effect.fnUntraced(function*(patience: Duration.Input) {
  const narrator = yield* Narrator
  const seen: Array<ThreadEvent> = []

  const read = Effect.fnUntraced(function*(host: HostProcess) {
    const event = yield* host.next
    seen.push(event)
    const words = describe(event)
    if (words !== undefined) yield* narrator.tell(...words)
    return event
  })
  const readUntil = Effect.fnUntraced(function*(
    host: HostProcess,
    fits: (event: ThreadEvent) => boolean,
    step?: Conversation.Step
  ) {
    while (true) {
      const event = yield* read(host)
      if (event._tag === "ApprovalRequested" && step !== undefined) {
        const decision = Conversation.decide(step, event.request)
        yield* host.tell({ _tag: "Decide", requestId: event.request.requestId, decision })
      }
      if (fits(event)) return
    }
  })
  const user: User = {
    seen,
    until: (host, waitingFor, fits) => within(patience, waitingFor, seen)(readUntil(host, fits)),
    ask: (host, step, fits = () => false) =>
      host.tell({ _tag: "Send", prompt: step.prompt }).pipe(
        Effect.andThen(readUntil(host, (event) => endsTurn(seen, step.prompt, event) || fits(event), step)),
        within(patience, `the end of "${step.prompt}"`, seen)
      ),
    drain: (host) => Effect.ignore(Effect.forever(read(host)))
  }
  return user
})

/** The ends of earlier turns may still be on their way, such as those of a turn that a killed app left open. */
const endsTurn = (seen: ReadonlyArray<ThreadEvent>, prompt: string, event: ThreadEvent) =>
  isTerminal(event) &&
  seen.some((start) => start._tag === "TurnStarted" && start.turnId === event.turnId && start.input.prompt === prompt)

export const within =
  (patience: Duration.Input, waitingFor: string, seen: ReadonlyArray<ThreadEvent> = []) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.timeoutOrElse(effect, {
      duration: patience,
      orElse: () =>
        Effect.fail(
          new TookTooLong({ waitingFor, ...(seen.length === 0 ? {} : { lastSeen: JSON.stringify(seen.at(-1)) }) })
        )
    })
