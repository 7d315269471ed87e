/**
 * How a scripted agent answers: a function from the turn to its steps, which {@link ./MockStep.ts} makes.
 *
 * @since 0.1.0
 */
import type { Duration, Effect, Stream } from "effect"
import type { SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { FileEdit } from "../domain/Item.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type { ToolContent, ToolDetail, ToolKind } from "../domain/Tool.ts"
import type { TurnFailure } from "../domain/TurnFailure.ts"
import type { ModelSelection, TurnInput } from "../domain/TurnInput.ts"
import type { Usage } from "../domain/Usage.ts"
import type {
  ApprovalChoice,
  ApprovalDecision,
  ApprovalKind,
  ElicitationAnswer,
  ElicitationRequest,
  Question,
  QuestionAnswer
} from "../domain/UserRequest.ts"
import type { SessionSetup } from "../provider/SessionSetup.ts"
import type { Message } from "./MockAgentDisk.ts"

/**
 * What a script is told of the turn it is to answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface MockTurn {
  readonly sessionId: SessionId
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly prompt: string
  readonly input: TurnInput
  readonly model: ModelSelection | undefined
  /** What the model has in its context before `prompt`, with the turn's own `context`: empty means an empty conversation. */
  readonly history: ReadonlyArray<Message>
  /** What the session was started with beside its thread. */
  readonly setup: SessionSetup | undefined
  /** Position of the turn in its session, from 1. */
  readonly ordinal: number
  /** Whether `prompt` was added to a running turn. The script is asked once more, after the steps it gave before. */
  readonly steered: boolean
}

/**
 * How the agent answers. Give a Stream where the steps are to be made while the turn runs.
 *
 * @category models
 * @since 0.1.0
 */
export type MockScript = (
  turn: MockTurn
) => ReadonlyArray<MockStep> | Effect.Effect<ReadonlyArray<MockStep>> | Stream.Stream<MockStep>

/**
 * A text: whole, in pieces that arrive together, or in pieces that arrive as the Stream gives them.
 *
 * @category models
 * @since 0.1.0
 */
export type Chunks = string | ReadonlyArray<string> | Stream.Stream<string>

/**
 * One thing that the agent does in a turn. `MockStep` has a function for each.
 *
 * @category models
 * @since 0.1.0
 */
export type MockStep =
  | { readonly _tag: "Text"; readonly chunks: Chunks }
  | { readonly _tag: "Reasoning"; readonly chunks: Chunks }
  | {
    readonly _tag: "Tool"
    readonly tool: string
    readonly input: unknown
    readonly output: string
    readonly failed: boolean
    readonly kind: ApprovalKind
    readonly toolKind: ToolKind
    readonly toolDetail: ToolDetail | undefined
    readonly content: ReadonlyArray<ToolContent> | undefined
    readonly asks: boolean
    readonly during: Effect.Effect<unknown>
  }
  | {
    readonly _tag: "Command"
    readonly command: string
    readonly output: string
    readonly prints: ReadonlyArray<string>
    readonly background: boolean
    readonly choices: ReadonlyArray<ApprovalChoice> | undefined
    readonly exitCode: number
    readonly asks: boolean
    readonly during: Effect.Effect<unknown>
  }
  | {
    readonly _tag: "FileChange"
    readonly edits: ReadonlyArray<FileEdit>
    readonly asks: boolean
    readonly during: Effect.Effect<unknown>
  }
  | {
    readonly _tag: "Approval"
    readonly kind: ApprovalKind
    readonly subject: string
    readonly detail: unknown
    readonly choices: ReadonlyArray<ApprovalChoice> | undefined
    readonly onAnswer: ((decision: ApprovalDecision) => ReadonlyArray<MockStep>) | undefined
  }
  | {
    readonly _tag: "Question"
    readonly questions: ReadonlyArray<Question>
    readonly onAnswer: ((answer: QuestionAnswer) => ReadonlyArray<MockStep>) | undefined
  }
  | {
    readonly _tag: "Elicitation"
    readonly request: Omit<ElicitationRequest, "requestId">
    readonly onAnswer: ((answer: ElicitationAnswer) => ReadonlyArray<MockStep>) | undefined
  }
  | { readonly _tag: "Plan"; readonly steps: PlanSteps }
  | { readonly _tag: "Usage"; readonly usage: Usage }
  | {
    readonly _tag: "Compaction"
    readonly trigger: "auto" | "overflow"
    readonly summary: string
    readonly failure: string | undefined
    readonly during: Effect.Effect<unknown>
  }
  | {
    readonly _tag: "Retry"
    readonly attempt: number
    readonly after: Duration.Input
    readonly message: string | undefined
  }
  | { readonly _tag: "Emit"; readonly events: ReadonlyArray<ProviderEvent> }
  | { readonly _tag: "Warning"; readonly code: string; readonly message: string | undefined }
  | { readonly _tag: "Unrecognized"; readonly type: string; readonly raw: unknown }
  | { readonly _tag: "Wait"; readonly effect: Effect.Effect<unknown> }
  | { readonly _tag: "Fail"; readonly failure: TurnFailure }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "HangHard" }
  | { readonly _tag: "Crash" }

/**
 * The steps of a plan, as in `PlanUpdated`.
 *
 * @category models
 * @since 0.1.0
 */
export type PlanSteps = Extract<ProviderEvent, { readonly _tag: "PlanUpdated" }>["steps"]
