/** How the command line fails: a line on stderr with what to do next, or an error as JSON, and an exit code. */
import { Effect, Predicate, Schema } from "effect"
import { stderr } from "node:process"
import type { Described } from "../domain/PublicError.ts"
import { ServerUnreachable, ThreadNotFound, toPublic } from "../service/ServiceError.ts"
import { SnapshotUnknown } from "../transcript/SnapshotError.ts"
import { neutralise } from "./TerminalText.ts"

/**
 * Exit codes: 1 the command failed, 2 it was called wrongly, 3 what it is about is not there, 4 another process has the
 * store, 5 the server cannot be reached, 130 it was interrupted.
 */
export const exitCodes = { failed: 1, usage: 2, missing: 3, owned: 4, unreachable: 5, interrupted: 130 } as const

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

export const codeOf = (error: unknown): number => {
  if (error instanceof CommandFailed) return error.code
  if (error instanceof ServerUnreachable) return exitCodes.unreachable
  if (!isDescribed(error)) return exitCodes.failed
  switch (error._tag) {
    case "StoreOwned":
      return exitCodes.owned
    case "InputInvalid":
      return exitCodes.usage
    default:
      return toPublic(error).status === 404 ? exitCodes.missing : exitCodes.failed
  }
}

/** Those whose own message speaks to a program. */
const messageOf = (error: unknown): string => {
  if (error instanceof ThreadNotFound) return `There is no thread ${JSON.stringify(error.threadId)}`
  if (error instanceof SnapshotUnknown) return `There is no snapshot ${JSON.stringify(error.snapshot)}`
  return error instanceof Error ? error.message : String(error)
}

const unreachable = {
  away: "is `eca serve` running there? --url takes the address that it printed",
  closed: "ask the server again; it may have been restarted",
  unauthorized: "--url takes the whole address of the page that `eca serve` printed; else give --token or ECA_TOKEN"
}

const hintOf = (error: unknown): string | undefined => {
  if (error instanceof CommandFailed) return error.hint
  if (error instanceof ServerUnreachable) return unreachable[error.reason]
  if (!Predicate.hasProperty(error, "_tag")) return undefined
  switch (error._tag) {
    case "StoreOwned":
      return "if that is `eca serve`, give --url the address that it printed; else stop it, or name another --store"
    case "ThreadNotFound":
      return "`eca threads` lists them"
    case "SnapshotUnknown":
      return "`eca snapshots THREAD` lists them"
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

/** With `json` one line `{ "error": { _tag, message, ... }, "hint" }`. */
export const failureLines = (
  error: { readonly _tag: string; readonly message: string },
  hint: string | undefined,
  json: boolean
): string => {
  if (json) return `${JSON.stringify({ error, ...(hint === undefined ? {} : { hint }) })}\n`
  return [`eca: ${neutralise(error.message)}`, ...(hint === undefined ? [] : [`     ${hint}`])].join("\n").concat("\n")
}

/** Says it on stderr. */
export const report = (error: unknown, json: boolean): Effect.Effect<void> =>
  Effect.sync(() => {
    const message = messageOf(error)
    const shown = isDescribed(error) && !(error instanceof CommandFailed)
      // The caller is the operator: the whole message, with paths.
      ? { ...toPublic(error), message }
      : { _tag: "CommandFailed", message }
    stderr.write(failureLines(shown, hintOf(error), json))
  })
