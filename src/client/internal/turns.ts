/**
 * Turns of a server that may be lost in the middle. A turn has an id before it is sent, so it can be sent again: the server
 * then answers as it did, and sends the agent nothing.
 */
import { Clock, Effect, Schedule, type Scope } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import * as calls from "./calls.ts"

type Service = ProviderService["Service"]

/** Ordered by time, as the service's own are. */
const makeTurnId = Effect.map(Clock.currentTimeMillis, (now) => {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"))
  return TurnId.make(`turn_${now.toString(16).padStart(12, "0")}-${random.join("")}`)
})

export const make = (remote: calls.Remote, scope: Scope.Scope): Pick<Service, "sendTurn" | "runTurn"> => {
  const { link, patience, send } = remote
  const interruptTurn: Service["interruptTurn"] = (input) =>
    calls.call(remote, "interruptTurn", true, send("interruptTurn", input))

  return {
    sendTurn: Effect.fnUntraced(function*(input) {
      // What joins a running turn has no id of its own, so that a second time it would join it again.
      if (input.steer === true) return yield* calls.call(remote, "sendTurn", false, send("sendTurn", input))
      const turnId = input.turnId ?? (yield* makeTurnId)
      return yield* calls.call(remote, "sendTurn", true, send("sendTurn", { ...input, turnId }))
    }),

    runTurn: Effect.fnUntraced(function*(input) {
      if (input.steer === true) return yield* calls.call(remote, "runTurn", false, send("runTurn", input))
      const { threadId } = input
      const turnId = input.turnId ?? (yield* makeTurnId)
      let isSent = false
      const run = Effect.suspend(() => {
        isSent = true
        return send("runTurn", { ...input, turnId })
      })
      // The server may not have been told, or not that it was no loss of the connection.
      const interrupt = Effect.retry(interruptTurn({ threadId, turnId }), {
        schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: patience.calls })),
        while: (error) => error._tag === "TurnNotFound" && !link.tellsInterrupts
      }).pipe(Effect.ignore)
      return yield* Effect.onInterrupt(
        calls.call(remote, "runTurn", true, run),
        () => Effect.suspend(() => isSent ? Effect.asVoid(Effect.forkIn(interrupt, scope)) : Effect.void)
      )
    })
  }
}
