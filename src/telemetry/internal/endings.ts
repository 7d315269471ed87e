/**
 * How spans end: with the kind of an error, and nothing of its text, which may quote an agent or hold a secret of the app.
 */
import { Exit } from "effect"
import * as ErrorTag from "../../domain/ErrorTag.ts"
import type { Ending } from "./marks.ts"

export const toExit = (ending: Ending): Exit.Exit<void, unknown> => {
  if (ending === "ok") return Exit.void
  return ending === "interrupted" ? Exit.interrupt() : Exit.fail({ name: ending.error, message: ending.error })
}

export const ofExit = (exit: Exit.Exit<unknown, unknown>): Ending => {
  if (Exit.isSuccess(exit)) return "ok"
  const error = ErrorTag.ofCause(exit.cause)
  return error === "Interrupt" ? "interrupted" : { error }
}
