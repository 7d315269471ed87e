/**
 * The pieces of an AI SDK UI message stream (`ai` 7, header `x-vercel-ai-ui-message-stream: v1`) that this library writes,
 * as types of our own: nothing here depends on `ai`. A test holds them against its types and its Schemas.
 *
 * A front end names them as `UIMessage<MessageMetadata, DataParts>`.
 *
 * @since 0.1.0
 */
import type { CompactionOutcome, CompactionTrigger } from "../domain/Compaction.ts"
import type { Continuity } from "../domain/Continuity.ts"
import type { Epoch, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { SnapshotInfo } from "../domain/Snapshot.ts"
import type { Task } from "../domain/Task.ts"
import type { UnknownReason } from "../domain/ThreadEvent.ts"
import type { TurnFailure } from "../domain/TurnFailure.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import type { TurnOutcome } from "../domain/TurnOutcome.ts"
import type { Usage } from "../domain/Usage.ts"
import type {
  ApprovalRequest,
  ElicitationOutcome,
  ElicitationRequest,
  QuestionAnswer,
  QuestionRequest,
  SettledBy
} from "../domain/UserRequest.ts"

/**
 * What an assistant's message says of its turn, as far as the stream has come.
 *
 * @since 0.1.0
 * @category models
 */
export type MessageMetadata = {
  readonly threadId?: ThreadId
  readonly turnId?: TurnId
  readonly epoch?: Epoch
  /** Of the last event that the message holds. */
  readonly seq?: number
  /** When the turn began, in milliseconds since 1970. */
  readonly startedAt?: number
  /** What the start of the session did with the past, where this turn started one. */
  readonly continuity?: Continuity
  /** `differs`: the page's messages are not those of the thread. The thread's are what the agent knows. */
  readonly history?: "same" | "differs"
  readonly model?: ModelSelection
  readonly usage?: Usage
  readonly context?: { readonly used: number; readonly window?: number }
  /** `waiting`: an approval is open. The stream is over, and the answer to it opens the next. */
  readonly outcome?: TurnOutcome | "waiting"
}

/**
 * How a request was settled, and by whom.
 *
 * @since 0.1.0
 * @category models
 */
export type Settlement<Answer> = { readonly by: SettledBy; readonly actor?: string; readonly answer?: Answer }

/**
 * What is no text and no tool: parts of type `data-<key>`. Those marked transient reach `onData` and are in no message.
 *
 * @since 0.1.0
 * @category models
 */
export type DataParts = {
  /** A session was started. Transient. */
  continuity: {
    readonly continuity: Continuity
    readonly sessionId: SessionId
    readonly directory: string
    readonly runtimeMode: RuntimeMode
  }
  question: { readonly request: QuestionRequest; readonly settled?: Settlement<QuestionAnswer> }
  elicitation: { readonly request: ElicitationRequest; readonly settled?: Settlement<ElicitationOutcome> }
  plan: {
    readonly steps: ReadonlyArray<{
      readonly text: string
      readonly status: "pending" | "in-progress" | "completed" | "cancelled"
    }>
  }
  /** What the agent proposes to do. */
  proposal: { readonly text: string }
  task: Task
  compaction: {
    readonly trigger: CompactionTrigger
    /** Absent while it runs. */
    readonly outcome?: CompactionOutcome
    readonly summary?: string
    readonly snapshot?: SnapshotInfo
    readonly snapshotId?: string
  }
  /** All that the turn has changed in files, as one unified diff. Transient. */
  diff: { readonly diff: string }
  /** A retry, a warning, an error outside of the turn, another mode. Transient. */
  notice: { readonly kind: "retry" | "warning" | "error" | "mode"; readonly code: string; readonly message?: string }
  /** Events are missing. Transient. */
  gap: { readonly cause: string; readonly lost: "deltas" | "events" }
  "turn-failed": { readonly failure: TurnFailure }
  "turn-unknown": { readonly reason: UnknownReason }
}

/**
 * What the user is asked to allow: `approval.descriptor` of the tool's part.
 *
 * @since 0.1.0
 * @category models
 */
export type ApprovalDescriptor = Pick<ApprovalRequest, "kind" | "subject" | "covers" | "choices" | "subagent">

type DataChunk = {
  [Key in keyof DataParts & string]: {
    readonly type: `data-${Key}`
    readonly id?: string
    readonly data: DataParts[Key]
    readonly transient?: boolean
  }
}[keyof DataParts & string]

/** Set on the text of a subagent: its session at the provider. */
type SubagentMark = { readonly eca: { readonly subagent: string } }

type ToolMark = { readonly [key: string]: string }

/**
 * One piece of a stream.
 *
 * @since 0.1.0
 * @category models
 */
export type UIMessageChunk =
  | { readonly type: "start"; readonly messageId: string; readonly messageMetadata: MessageMetadata }
  | { readonly type: "start-step" | "reset-step" | "finish-step" }
  | { readonly type: "message-metadata"; readonly messageMetadata: MessageMetadata }
  | {
    readonly type: "text-start" | "reasoning-start"
    readonly id: string
    readonly providerMetadata?: SubagentMark
  }
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | { readonly type: "text-end" | "reasoning-end"; readonly id: string }
  | {
    readonly type: "tool-input-available"
    readonly toolCallId: string
    readonly toolName: string
    readonly input: unknown
    readonly dynamic: true
    readonly providerExecuted: true
    readonly title?: string
    readonly toolMetadata?: ToolMark
  }
  | {
    readonly type: "tool-output-available"
    readonly toolCallId: string
    readonly output: unknown
    readonly dynamic: true
    readonly providerExecuted: true
    readonly preliminary?: boolean
  }
  | {
    readonly type: "tool-output-error"
    readonly toolCallId: string
    readonly errorText: string
    readonly dynamic: true
    readonly providerExecuted: true
  }
  | { readonly type: "tool-output-denied"; readonly toolCallId: string }
  | {
    readonly type: "tool-approval-request"
    readonly approvalId: string
    readonly toolCallId: string
    readonly reason: string
    readonly approvalDescriptor: ApprovalDescriptor
  }
  | {
    readonly type: "tool-approval-response"
    readonly approvalId: string
    readonly approved: boolean
    readonly reason?: string
    readonly providerExecuted: true
  }
  | {
    readonly type: "steering-message"
    readonly id: string
    readonly parts: Array<{ readonly type: "text"; readonly text: string }>
  }
  | DataChunk
  | { readonly type: "abort"; readonly reason: string }
  | { readonly type: "error"; readonly errorText: string }
  | { readonly type: "finish"; readonly finishReason: "stop"; readonly messageMetadata: MessageMetadata }
