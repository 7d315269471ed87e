/** Lines, Ctrl-C and the end of input, from a terminal or a pipe. */
import { Effect } from "effect"
import { stdin, stdout } from "node:process"
import { createInterface } from "node:readline"
import type { Input } from "./Conversation.ts"

/**
 * Offers what the user does until the scope closes. Meanwhile Ctrl-C and SIGINT are the conversation's: they end nothing by
 * themselves.
 */
export const listen = (offer: (input: Input) => void, typed: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const pressed = () => offer({ _tag: "Pressed" })
      const others = process.listeners("SIGINT")
      process.removeAllListeners("SIGINT")
      process.on("SIGINT", pressed)
      const reader = createInterface({ input: stdin, output: typed ? stdout : undefined, terminal: typed, prompt: "" })
      reader.on("SIGINT", pressed)
      reader.on("line", (text) => offer({ _tag: "Line", text }))
      const ended = () => offer({ _tag: "Ended" })
      reader.on("close", ended).on("error", ended)
      // A terminal that is gone cannot be read. Not removed: it says so again when it is no longer listened to.
      stdin.on("error", () => {})
      return { others, pressed, reader }
    }),
    ({ others, pressed, reader }) =>
      Effect.sync(() => {
        process.off("SIGINT", pressed)
        for (const other of others) process.on("SIGINT", other)
        reader.close()
        stdin.pause()
      })
  )
