/**
 * What ends a command from outside, beside the signals that `runMain` takes: its terminal is gone, or nothing can be written any
 * more. Each ends it in order, so that agents are stopped and the store is closed.
 */
import { Effect } from "effect"
import process, { stderr, stdout } from "node:process"
import { CommandFailed, exitCodes } from "./Failure.ts"

// What is said to a stderr that nothing reads is lost, and that alone.
stderr.on("error", () => {})

const hungUp = Effect.callback<never>((resume) => {
  // Not removed: a second one would end the process at once.
  process.on("SIGHUP", () => resume(Effect.interrupt))
})

/** A reader such as `head` that has seen enough closes the pipe: that is no fault. */
const unwritable = Effect.callback<void, CommandFailed>((resume) => {
  stdout.on("error", (error) => {
    const code = "code" in error ? String(error.code) : error.name
    if (code === "EPIPE") return resume(Effect.void)
    const reason = `What was to be shown cannot be written (${code})`
    resume(Effect.fail(new CommandFailed({ reason, code: exitCodes.failed })))
  })
})

/** The command, until it ends or is ended. */
export const orEnded = <E, R>(command: Effect.Effect<void, E, R>): Effect.Effect<void, E | CommandFailed, R> =>
  Effect.raceAllFirst([command, hungUp, unwritable])
