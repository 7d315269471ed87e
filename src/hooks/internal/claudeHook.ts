/**
 * Lifecycle events in the shapes of Claude Code's hooks, so that scripts written for it work here.
 *
 * A script reads Claude's names and fields where our event has a value for them, and the whole event under
 * `lifecycle_event`. An event that Claude lacks keeps its own tag (`session:reset`, `snapshot:written`).
 *
 * `transcript_path` is the manifest of the event's snapshot on this machine, else `""`: scripts test it with `[ -f ]` or
 * `os.path.exists`, and some do not expect null. It never names the agent's own file.
 *
 * A script's answer is read as by Claude 2.1, with one difference: Claude treats unreadable JSON as plain text, here it
 * is {@link CommandAnswerInvalid}, so that it does not pass a `closed` guard.
 */
import { Effect, Option, Schema } from "effect"
import type { EventOf, LifecycleEvent } from "../../domain/LifecycleEvent.ts"
import { hidden } from "../../domain/PublicError.ts"
import { wordsOf } from "../../domain/TurnInput.ts"
import { allow, type ApprovalVerdict, decide, veto } from "../HookVerdict.ts"
import * as Blobs from "./blobs.ts"
import * as ClaudeAnswer from "./claudeAnswer.ts"
import * as HookCommand from "./command.ts"
import { CommandFailed, CommandNotStarted, type CommandOptions, type CommandResult, redacted } from "./command.ts"

/**
 * The command printed unreadable JSON, an answer that its phase does not have, or an answer that is longer than what is
 * kept.
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandAnswerInvalid
  extends Schema.TaggedError<CommandAnswerInvalid>("effect-coding-agents/CommandAnswerInvalid")(
    "CommandAnswerInvalid",
    {
      command: hidden(Schema.String),
      /** The start of it. */
      stdout: hidden(Schema.String)
    },
    { httpApiStatus: 502 }
  )
{
  readonly retryable = true
  get publicMessage() {
    return "A hook's command gave an unusable answer"
  }
  override get message() {
    return `${this.command} gave an unusable answer (print one JSON object, or plain text): ${
      this.stdout.slice(0, 200)
    }`
  }
}

/** The input of a script on stdin. */
export type ClaudeInput = { readonly hook_event_name: string } & Readonly<Record<string, unknown>>

// --- input ---

export const input = (event: LifecycleEvent): ClaudeInput => withBase(event, fields(event))

/** Claude reports a completed compaction twice: also as a session that starts with its summary. */
export const compactedInput = (event: EventOf<"compaction:after">): ClaudeInput =>
  withBase(event, { hook_event_name: "SessionStart", source: "compact" })

const withBase = (event: LifecycleEvent, fields: ClaudeInput): ClaudeInput => ({
  session_id: event.sessionId,
  transcript_path: snapshotPath(event) ?? "",
  cwd: event.directory,
  ...fields,
  lifecycle_event: event
})

/** The command runs on this machine. */
const snapshotPath = (event: LifecycleEvent): string | undefined =>
  (event._tag === "compaction:before" || event._tag === "snapshot:written") && event.snapshot?.machine === undefined
    ? event.snapshot?.path
    : undefined

const fields = (event: LifecycleEvent): ClaudeInput => {
  switch (event._tag) {
    case "session:start":
      return { hook_event_name: "SessionStart", source: sources[event.source] }
    case "session:end":
      return { hook_event_name: "SessionEnd", reason: event.reason === "reset" ? "clear" : "other" }
    case "turn:start":
      // The user submits no prompt for a turn that the agent begins itself.
      return event.input === undefined
        ? { hook_event_name: event._tag }
        : { hook_event_name: "UserPromptSubmit", prompt: wordsOf(event.input) }
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
  fork: "fork",
  adopt: "resume"
} as const

/** Claude's own tool for the kind of request, with the one field that scripts read. */
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
    case "plan":
      return { tool_name: "ExitPlanMode", tool_input: { plan: request.subject } }
    case "other":
      return { tool_name: "other", tool_input: { description: request.subject } }
  }
}

/**
 * Runs a script in the session's directory, which `CLAUDE_PROJECT_DIR` names. Pasted images are private files while it
 * runs, with their `path` in the event.
 */
export const run = Effect.fnUntraced(
  function*(options: CommandOptions, event: LifecycleEvent, stdin: ClaudeInput = input(event)) {
    const lifecycle_event = yield* Effect.catchTag(
      Blobs.asFiles(event),
      "RunFileNotWritten",
      ({ code }) => new CommandNotStarted({ command: options.command, code })
    )
    return yield* HookCommand.run(
      {
        ...options,
        cwd: options.cwd ?? event.directory,
        env: { CLAUDE_PROJECT_DIR: event.directory, ...options.env }
      },
      JSON.stringify({ ...stdin, lifecycle_event })
    )
  },
  Effect.scoped
)

// --- answers ---

/** What a command answers: its verdict, and its additions. */
export interface CommandAnswer {
  readonly verdict: ApprovalVerdict
  readonly context: ReadonlyArray<string>
}

/** The answer of a command in the guard phase. Exit code 2 is a veto with stderr as its reason. */
export const answer = Effect.fnUntraced(function*(
  options: CommandOptions,
  result: CommandResult
): Effect.fn.Return<CommandAnswer, CommandFailed | CommandAnswerInvalid> {
  if (result.exitCode === 2) return { verdict: refusal(options, result.stderr), context: [] }
  yield* succeeded(options, result)
  const text = result.stdout.trim()
  // What is added goes to the model, and into the log.
  const additions = (texts: ReadonlyArray<string>) => texts.map((text) => redacted(options.env ?? {}, text))
  if (!text.startsWith("{")) return { verdict: allow, context: additions(text === "" ? [] : [text]) }
  const read = result.truncated ? Option.none() : ClaudeAnswer.read(text)
  if (Option.isNone(read)) return yield* invalid(options, text)
  const { allows, context, reason, refuses } = read.value
  return {
    verdict: refuses ? refusal(options, reason) : allows ? decide({ _tag: "AllowOnce" }) : allow,
    context: additions(context)
  }
})

/** The answer of a command that can add context and cannot veto. */
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
  const given = redacted(options.env ?? {}, reason?.trim() ?? "")
  return veto(given === "" ? `${options.command} gave no reason` : given)
}

const invalid = (options: CommandOptions, stdout: string) =>
  new CommandAnswerInvalid({ command: options.command, stdout: redacted(options.env ?? {}, stdout).slice(0, 2000) })
