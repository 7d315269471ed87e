/**
 * A welcome and a goodbye.
 *
 * A welcome that comes an hour late is worse than none, so it is best-effort: what a crash swallows stays swallowed. The
 * goodbye is durable: it comes on every path, the crash of the host included, if need be when the host is back.
 */
import { Layer } from "effect"
import { LifecycleHooks } from "../../src/index.ts"
import { say } from "./Voice.ts"

const welcome = LifecycleHooks.observe({
  name: "greeter.welcome",
  events: ["session:start"],
  delivery: "best-effort",
  run: ({ sessionId, source }) =>
    say(
      "greeter",
      source === "new" || source === "reset"
        ? `Welcome! This is ${sessionId}.`
        : `Welcome back, ${sessionId} (${source}).`
    )
})

const goodbye = LifecycleHooks.observe({
  name: "greeter.goodbye",
  events: ["session:end"],
  run: ({ delivery, reason, sessionId }) =>
    say("greeter", `Goodbye, ${sessionId} (${reason}).${delivery.recovered ? " Sorry for saying it only now." : ""}`)
})

export const layer = Layer.merge(welcome, goodbye)
