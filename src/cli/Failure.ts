/** How the command line fails: a line on stderr with what to do next, or an error as JSON, and an exit code. */
import { Effect, Predicate, Schema } from "effect"
import { stderr } from "node:process"
import type { Described } from "../domain/PublicError.ts"
import { toPublic } from "../service/ServiceError.ts"
import { neutralise } from "./TerminalText.ts"

/**
 * Exit codes: 1 the command failed, 2 it was called wrongly, 3 what it is about is not there, 4 another process has the
 * store, 130 it was interrupted.
 */
export const exitCodes = { failed: 1, usage: 2, missing: 3, owned: 4, interrupted: 130 } as const

/** What the command line itself has to say. `hint` is the command that mends it. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>("effect-coding-agents/cli/CommandFailed")(
  "CommandFailed",
  { reason: Schema.String, hint: Schema.optionalKey(Schema.String), code: Schema.Int }
) {
  readonly retryable = false
  override get message() {
    return this.reason
  }
}

const isDescribed = (error: unknown): error is Described =>
  error instanceof Error && Predicate.hasProperty(error, "_tag") && Predicate.hasProperty(error, "retryable")

const missing = new Set(["ThreadNotFound", "TurnNotFound", "SnapshotNotFound", "InstanceNotFound"])

export const codeOf = (error: unknown): number => {
  if (error instanceof CommandFailed) return error.code
  if (!Predicate.hasProperty(error, "_tag")) return exitCodes.failed
  if (error._tag === "StoreOwned") return exitCodes.owned
  return Predicate.isString(error._tag) && missing.has(error._tag) ? exitCodes.missing : exitCodes.failed
}

const hintOf = (error: unknown): string | undefined => {
  if (error instanceof CommandFailed) return error.hint
  if (!Predicate.hasProperty(error, "_tag")) return undefined
  switch (error._tag) {
    case "StoreOwned":
      return "use that process (`eca serve` has a page and an API), stop it, or name another store with --store"
    case "ThreadNotFound":
      return "`eca threads` lists them"
    case "InstanceNotFound":
    case "InstanceUnavailable":
    case "AgentNotFound":
    case "AgentTooOld":
    case "LoginRequired":
      return "`eca doctor` says which agents are here and what is missing"
    case "StoreCorrupt":
    case "StoreUnwritable":
    case "StoreExposed":
      return "`eca doctor` looks at the store"
    default:
      return undefined
  }
}

/** Says it on stderr; with `json` as one line `{ "error": { _tag, message, ... }, "hint" }`. */
export const report = (error: unknown, json: boolean): Effect.Effect<void> =>
  Effect.sync(() => {
    const message = error instanceof Error ? error.message : String(error)
    const hint = hintOf(error)
    const told = hint === undefined ? {} : { hint }
    const shown = isDescribed(error) && !(error instanceof CommandFailed)
      // The caller is the operator: the whole message, with paths.
      ? { ...toPublic(error), message }
      : { _tag: "CommandFailed", message }
    const lines = [`eca: ${neutralise(message)}`, ...(hint === undefined ? [] : [`     ${hint}`])]
    stderr.write(json ? `${JSON.stringify({ error: shown, ...told })}\n` : lines.map((line) => `${line}\n`).join(""))
  })
