/**
 * What a scripted agent does in a turn, step by step, as data.
 *
 * Steps run in order; a turn whose steps are over is completed. Six steps end or hold it: {@link fail},
 * {@link interrupted}, {@link crash}, {@link hang}, {@link hangHard}, and a {@link wait} that never returns.
 *
 * Commands, file changes and tools ask for approval exactly where the session's runtime mode demands it, as a real
 * agent does; `asks: false` marks one that the user's own configuration allows. A denial without a reason ends the turn,
 * one with a reason is handed to the model and the script goes on.
 *
 * **Example**
 *
 * ```ts
 * const script: MockScript = ({ prompt }) => [
 *   MockStep.reasoning("The tests first."),
 *   MockStep.command("npm test", { output: "1 failed", exitCode: 1 }),
 *   MockStep.fileChange([{ path: "src/sum.ts", kind: "modify" }]),
 *   MockStep.text(["Mended, as asked: ", prompt]),
 *   MockStep.usage({ input: 900, output: 40, costUsd: 0.01 })
 * ]
 * ```
 *
 * @since 0.1.0
 */
import { Deferred, type Duration, Effect } from "effect"
import type { FileEdit } from "../domain/Item.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { ToolContent, ToolDetail, ToolKind } from "../domain/Tool.ts"
import type { TurnFailure } from "../domain/TurnFailure.ts"
import { type Usage, zero } from "../domain/Usage.ts"
import type {
  ApprovalChoice,
  ApprovalDecision,
  ApprovalKind,
  ElicitationAnswer,
  ElicitationRequest,
  Question,
  QuestionAnswer
} from "../domain/UserRequest.ts"
import type { Chunks, MockStep, PlanSteps } from "./MockScript.ts"

export type { Chunks, MockScript, MockStep, MockTurn } from "./MockScript.ts"

interface WorkOptions {
  /** Whether it needs an approval where the runtime mode demands one. Default: `true`. */
  readonly asks?: boolean | undefined
  /** Runs between the item's start and its completion. */
  readonly during?: Effect.Effect<unknown> | undefined
}

/**
 * An assistant message: started, one delta per piece, completed.
 *
 * @category steps
 * @since 0.1.0
 */
export const text = (chunks: Chunks): MockStep => ({ _tag: "Text", chunks })

/**
 * As {@link text}, for what the model thinks aloud.
 *
 * @category steps
 * @since 0.1.0
 */
export const reasoning = (chunks: Chunks): MockStep => ({ _tag: "Reasoning", chunks })

/**
 * Any other tool. It asks as `kind` does (`other`); a `file-read` never asks.
 *
 * @category steps
 * @since 0.1.0
 */
export const tool = (
  name: string,
  options: WorkOptions & {
    readonly input?: unknown
    readonly output?: string | undefined
    readonly failed?: boolean | undefined
    readonly kind?: ApprovalKind | undefined
    /** What the call says of itself. Default: `other`, without details. */
    readonly toolKind?: ToolKind | undefined
    readonly toolDetail?: ToolDetail | undefined
    /** What it gives back beside its output. */
    readonly content?: ReadonlyArray<ToolContent> | undefined
  } = {}
): MockStep => ({
  _tag: "Tool",
  tool: name,
  input: options.input ?? {},
  output: options.output ?? "",
  failed: options.failed ?? false,
  kind: options.kind ?? "other",
  toolKind: options.toolKind ?? "other",
  toolDetail: options.toolDetail,
  content: options.content,
  asks: options.asks ?? true,
  during: options.during ?? Effect.void
})

/**
 * A shell command. It fails where `exitCode` is not 0; the turn goes on. `prints` comes as deltas of its output while it
 * runs, and is its output then. In the `background` it is a task that outlives its turn, until a control ends it.
 *
 * @category steps
 * @since 0.1.0
 */
export const command = (
  line: string,
  options: WorkOptions & {
    readonly output?: string | undefined
    readonly prints?: ReadonlyArray<string> | undefined
    readonly background?: boolean | undefined
    /** Answers of the agent's own to its approval. */
    readonly choices?: ReadonlyArray<ApprovalChoice> | undefined
    readonly exitCode?: number | undefined
  } = {}
): MockStep => ({
  _tag: "Command",
  command: line,
  output: options.output ?? options.prints?.join("") ?? "",
  prints: options.prints ?? [],
  background: options.background ?? false,
  choices: options.choices,
  exitCode: options.exitCode ?? 0,
  asks: options.asks ?? true,
  during: options.during ?? Effect.void
})

/**
 * An edit of files, which are not touched: the mock has no hands.
 *
 * @category steps
 * @since 0.1.0
 */
export const fileChange = (edits: ReadonlyArray<FileEdit>, options: WorkOptions = {}): MockStep => ({
  _tag: "FileChange",
  edits,
  asks: options.asks ?? true,
  during: options.during ?? Effect.void
})

/**
 * An approval without any work behind it, where the runtime mode demands one (elsewhere it counts as allowed).
 * `onAnswer` gives the steps that follow; without it a denial ends the turn as it does for the other steps.
 *
 * @category steps
 * @since 0.1.0
 */
export const approval = (options: {
  readonly kind: ApprovalKind
  readonly subject: string
  readonly detail?: unknown
  /** Answers of the agent's own. */
  readonly choices?: ReadonlyArray<ApprovalChoice> | undefined
  readonly onAnswer?: ((decision: ApprovalDecision) => ReadonlyArray<MockStep>) | undefined
}): MockStep => ({
  _tag: "Approval",
  detail: null,
  choices: undefined,
  onAnswer: undefined,
  ...options
})

/**
 * A question to the user; what is left out is `false`, or no option. Without `onAnswer` a dismissal ends the turn, and an answer lets the script go on.
 *
 * @category steps
 * @since 0.1.0
 */
export const question = (
  questions: ReadonlyArray<Pick<Question, "question"> & Partial<Question>>,
  onAnswer?: (answer: QuestionAnswer) => ReadonlyArray<MockStep>
): MockStep => ({
  _tag: "Question",
  questions: questions.map((asked, n) => ({ ...plainQuestion, id: String(n), ...asked })),
  onAnswer
})

const plainQuestion = { options: [], multiple: false, freeText: false, secret: false }

/**
 * An MCP server asks the user for something. The turn goes on with the answer.
 *
 * @category steps
 * @since 0.1.0
 */
export const elicitation = (
  request: Omit<ElicitationRequest, "requestId">,
  onAnswer?: (answer: ElicitationAnswer) => ReadonlyArray<MockStep>
): MockStep => ({ _tag: "Elicitation", request, onAnswer })

/**
 * The agent's list of things to do, whole.
 *
 * @category steps
 * @since 0.1.0
 */
export const plan = (steps: PlanSteps): MockStep => ({ _tag: "Plan", steps })

/**
 * Usage of the turn so far; the last one is also the terminal event's.
 *
 * @category steps
 * @since 0.1.0
 */
export const usage = (amounts: Partial<Usage>): MockStep => ({ _tag: "Usage", usage: { ...zero, ...amounts } })

/**
 * The agent compacts its context by itself: afterwards the model sees `summary` instead of what was before. The
 * session's gate is asked first; a veto leaves the context as it is. Where the session must not compact by itself, or
 * the agent never does (`client-initiated`), nothing happens. A turn whose context overflowed cannot continue without a
 * new context: it fails with `ContextOverflow`.
 *
 * @category steps
 * @since 0.1.0
 */
export const compaction = (options: {
  readonly trigger?: "auto" | "overflow" | undefined
  readonly summary?: string | undefined
  /** Name of the error by which the compaction fails; the context then stays as it is. */
  readonly failure?: string | undefined
  /** Runs while the model writes the summary: after the gate, and before the end. */
  readonly during?: Effect.Effect<unknown> | undefined
} = {}): MockStep => ({
  _tag: "Compaction",
  trigger: options.trigger ?? "auto",
  summary: options.summary ?? "summary",
  failure: options.failure,
  during: options.during ?? Effect.void
})

/**
 * The agent says that it will call its model again, and waits for that long.
 *
 * @category steps
 * @since 0.1.0
 */
export const retry = (options: {
  readonly attempt: number
  readonly after?: Duration.Input | undefined
  readonly message?: string | undefined
}): MockStep => ({ _tag: "Retry", attempt: options.attempt, after: options.after ?? 0, message: options.message })

/**
 * The agent warns of something; the turn goes on.
 *
 * @category steps
 * @since 0.1.0
 */
export const warning = (code: string, message?: string): MockStep => ({ _tag: "Warning", code, message })

/**
 * A frame that the adapter does not know.
 *
 * @category steps
 * @since 0.1.0
 */
export const unrecognized = (type: string, raw: unknown): MockStep => ({ _tag: "Unrecognized", type, raw })

/**
 * Events exactly as given, in one piece: for what no other step does (subagents, gaps, frames of another turn).
 *
 * @category steps
 * @since 0.1.0
 */
export const emit = (events: ReadonlyArray<ProviderEvent>): MockStep => ({ _tag: "Emit", events })

/**
 * Holds the turn until the test lets it go on, without any clock.
 *
 * @category steps
 * @since 0.1.0
 */
export const wait = <A>(on: Effect.Effect<A> | Deferred.Deferred<A>): MockStep => ({
  _tag: "Wait",
  effect: Deferred.isDeferred<A, never>(on) ? Deferred.await(on) : on
})

/**
 * Holds the turn for a time of the Clock.
 *
 * @category steps
 * @since 0.1.0
 */
export const sleep = (duration: Duration.Input): MockStep => ({ _tag: "Wait", effect: Effect.sleep(duration) })

/**
 * The turn ends as `TurnFailed`.
 *
 * @category steps
 * @since 0.1.0
 */
export const fail = (failure: TurnFailure): MockStep => ({ _tag: "Fail", failure })

/**
 * The agent itself breaks the turn off: `TurnInterrupted` by `agent`.
 *
 * @category steps
 * @since 0.1.0
 */
export const interrupted: MockStep = { _tag: "Interrupted" }

/**
 * Nothing more happens until the turn is interrupted.
 *
 * @category steps
 * @since 0.1.0
 */
export const hang: MockStep = { _tag: "Hang" }

/**
 * As {@link hang}, and interrupts are accepted without any effect. Only the end of the session ends it.
 *
 * @category steps
 * @since 0.1.0
 */
export const hangHard: MockStep = { _tag: "HangHard" }

/**
 * The agent dies: the events end without a terminal one.
 *
 * @category steps
 * @since 0.1.0
 */
export const crash: MockStep = { _tag: "Crash" }
