/**
 * A welcome and a goodbye, and a guest book that outlives the app.
 *
 * A welcome that comes an hour late is worse than none, so it is best-effort: what a crash swallows stays swallowed. The
 * goodbye is durable: it comes on every path, the crash of the host included, if need be when the host is back.
 */
import { Effect, FileSystem, Layer } from "effect"
import { LifecycleHooks } from "../../src/index.ts"
import { say } from "./Voice.ts"

/** One line of the guest book; it is written once the words were said. */
export const entry = (word: "welcome" | "goodbye", { epoch, sessionId }: {
  readonly epoch: number
  readonly sessionId: string
}) => `${word} ${sessionId} ${epoch}`

/** Keeps its guest book in `book`. */
export const layer = (book: string) =>
  Layer.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const write = (line: string) => fs.writeFileString(book, `${line}\n`, { flag: "a" })

    const welcome = LifecycleHooks.observe({
      name: "greeter.welcome",
      events: ["session:start"],
      delivery: "best-effort",
      run: Effect.fn("Greeter.welcome")(function*(event) {
        const { sessionId, source } = event
        yield* say(
          "greeter",
          source === "new" || source === "reset"
            ? `Welcome! This is ${sessionId}.`
            : `Welcome back, ${sessionId} (${source}).`
        )
        yield* write(entry("welcome", event))
      })
    })

    const goodbye = LifecycleHooks.observe({
      name: "greeter.goodbye",
      events: ["session:end"],
      run: Effect.fn("Greeter.goodbye")(function*(event) {
        const { delivery, reason, sessionId } = event
        const late = delivery.recovered ? " Sorry for saying it only now." : ""
        yield* say("greeter", `Goodbye, ${sessionId} (${reason}).${late}`)
        yield* write(entry("goodbye", event))
      })
    })

    return Layer.merge(welcome, goodbye)
  }))
