/**
 * Lifecycle events in the shapes of Claude Code's hooks, so that scripts which were written for it work here.
 *
 * What a script reads: Claude's names and fields as far as there is something to put in them, and the whole event under
 * `lifecycle_event`. An event that Claude does not have keeps its own name (`session:reset`, `snapshot:written`).
 *
 * `transcript_path` is the manifest of the event's snapshot where it has one, else `""`: scripts test it with `[ -f ]`
 * or `os.path.exists`, and not all of them expect a null there. It never names the agent's own file.
 *
 * What a script answers is read as Claude 2.1 reads it, but for what cannot be read: Claude takes it for plain text,
 * here it is {@link CommandAnswerInvalid}, so that a guard that must not fail (`closed`) does not let it pass.
 */
import { Effect, Option, Schema } from "effect"
import type { EventOf, LifecycleEvent } from "../../domain/LifecycleEvent.ts"
import { allow, type GuardVerdict, veto } from "../LifecycleHooks.ts"
import * as HookCommand from "./command.ts"
import { CommandFailed, type CommandOptions, type CommandResult, redacted } from "./command.ts"

/**
 * The command printed what looks like JSON and cannot be read, or an answer that there is not in its phase, or one
 * longer than is kept.
 */
export class CommandAnswerInvalid
  extends Schema.TaggedError<CommandAnswerInvalid>("effect-coding-agents/CommandAnswerInvalid")(
    "CommandAnswerInvalid",
    {
      command: Schema.String,
      /** The start of it. */
      stdout: Schema.String
    }
  )
{
  readonly retryable = true
  override get message() {
    return `${this.command} gave an answer that cannot be used: ${this.stdout.slice(0, 200)}`
  }
}

/** What a script is given on stdin. */
export type ClaudeInput = { readonly hook_event_name: string } & Readonly<Record<string, unknown>>

// --- what a script reads ---

export const input = (event: LifecycleEvent): ClaudeInput => withBase(event, fields(event))

/** Claude tells of a compaction that is done a second time, as a session that starts with its summary. */
export const compactedInput = (event: EventOf<"compaction:after">): ClaudeInput =>
  withBase(event, { hook_event_name: "SessionStart", source: "compact" })

const withBase = (event: LifecycleEvent, fields: ClaudeInput): ClaudeInput => ({
  session_id: event.sessionId,
  transcript_path: snapshotPath(event) ?? "",
  cwd: event.directory,
  ...fields,
  lifecycle_event: event
})

const snapshotPath = (event: LifecycleEvent): string | undefined =>
  event._tag === "compaction:before" || event._tag === "snapshot:written" ? event.snapshot?.path : undefined

const fields = (event: LifecycleEvent): ClaudeInput => {
  switch (event._tag) {
    case "session:start":
      return { hook_event_name: "SessionStart", source: sources[event.source] }
    case "session:end":
      return { hook_event_name: "SessionEnd", reason: event.reason === "reset" ? "clear" : "other" }
    case "turn:start":
      return { hook_event_name: "UserPromptSubmit", prompt: event.input.prompt }
    case "turn:end":
      return event.outcome === "failed"
        ? { hook_event_name: "StopFailure", error: event.failure?._tag ?? "Other" }
        : { hook_event_name: "Stop", stop_hook_active: false }
    case "approval:requested":
      return { hook_event_name: "PermissionRequest", ...tool(event) }
    case "compaction:before":
      return event.trigger === "manual"
        ? { hook_event_name: "PreCompact", trigger: "manual", custom_instructions: "" }
        : { hook_event_name: "PreCompact", trigger: "auto", custom_instructions: null }
    case "compaction:after":
      return {
        hook_event_name: "PostCompact",
        trigger: event.trigger === "manual" ? "manual" : "auto",
        compact_summary: event.summary ?? ""
      }
    default:
      return { hook_event_name: event._tag }
  }
}

const sources = {
  new: "startup",
  resume: "resume",
  recovered: "resume",
  rehydrate: "resume",
  reset: "clear",
  fresh: "startup",
  fork: "fork"
} as const

/** Claude's own tools that do such things, with the one field that scripts look at. */
const tool = ({ request }: EventOf<"approval:requested">) => {
  switch (request.kind) {
    case "command":
      return { tool_name: "Bash", tool_input: { command: request.subject } }
    case "file-change":
      return { tool_name: "Edit", tool_input: { file_path: request.subject } }
    case "file-read":
      return { tool_name: "Read", tool_input: { file_path: request.subject } }
    case "network":
      return { tool_name: "WebFetch", tool_input: { url: request.subject } }
    case "subagent":
      return { tool_name: "Task", tool_input: { description: request.subject } }
    case "other":
      return { tool_name: "other", tool_input: { description: request.subject } }
  }
}

/** One run of a script in the session's directory, with the variable that Claude's scripts find it by. */
export const run = (options: CommandOptions, event: LifecycleEvent, told: ClaudeInput = input(event)) =>
  HookCommand.run(
    {
      ...options,
      cwd: options.cwd ?? event.directory,
      env: { CLAUDE_PROJECT_DIR: event.directory, ...options.env }
    },
    JSON.stringify(told)
  )

// --- what a script answers ---

const Answer = Schema.Struct({
  continue: Schema.optionalKey(Schema.Boolean),
  stopReason: Schema.optionalKey(Schema.String),
  decision: Schema.optionalKey(Schema.NullOr(Schema.Literals(["approve", "block"]))),
  reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  hookSpecificOutput: Schema.optionalKey(Schema.Struct({ additionalContext: Schema.optionalKey(Schema.String) }))
})

const decodeAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

/** What a command has answered: whether it may go on, and what is to be added. */
export interface ClaudeAnswer {
  readonly verdict: GuardVerdict
  readonly context: ReadonlyArray<string>
}

/** The answer of a command in the guard phase. Exit code 2 is a veto with stderr as its reason. */
export const answer = Effect.fnUntraced(function*(
  options: CommandOptions,
  result: CommandResult
): Effect.fn.Return<ClaudeAnswer, CommandFailed | CommandAnswerInvalid> {
  if (result.exitCode === 2) return { verdict: refusal(options, result.stderr), context: [] }
  yield* succeeded(options, result)
  const text = result.stdout.trim()
  if (!text.startsWith("{")) return { verdict: allow, context: text === "" ? [] : [text] }
  const decoded = result.truncated ? Option.none() : decodeAnswer(text)
  if (Option.isNone(decoded)) return yield* invalid(options, text)
  const { decision, hookSpecificOutput, reason, stopReason } = decoded.value
  return decoded.value.continue === false
    ? { verdict: refusal(options, stopReason), context: [] }
    : decision === "block"
    ? { verdict: refusal(options, reason), context: [] }
    : { verdict: allow, context: [hookSpecificOutput?.additionalContext ?? ""].filter((text) => text !== "") }
})

/** The answer of a command that may add something and has no say otherwise. */
export const addition = Effect.fnUntraced(function*(
  options: CommandOptions,
  result: CommandResult
): Effect.fn.Return<ReadonlyArray<string>, CommandFailed | CommandAnswerInvalid> {
  yield* succeeded(options, result)
  const { context, verdict } = yield* answer(options, result)
  return verdict._tag === "Veto" ? yield* invalid(options, result.stdout) : context
})

/** Every exit code but 0 is a failure. */
export const succeeded = ({ command }: CommandOptions, { exitCode, stderr }: CommandResult) =>
  exitCode === 0
    ? Effect.void
    : Effect.fail(new CommandFailed({ command, ...(exitCode === undefined ? {} : { exitCode }), stderr }))

const refusal = (options: CommandOptions, reason: string | null | undefined) => {
  const said = redacted(options.env ?? {}, reason?.trim() ?? "")
  return veto(said === "" ? `${options.command} gave no reason` : said)
}

const invalid = (options: CommandOptions, stdout: string) =>
  new CommandAnswerInvalid({ command: options.command, stdout: redacted(options.env ?? {}, stdout).slice(0, 2000) })
