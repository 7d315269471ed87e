/**
 * What a turn takes while it runs: its input, answers to what it asks, and its end.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Actor, AnnotationData, AnnotationKind, Metadata } from "../domain/AppData.ts"
import { MissingPolicy } from "../domain/Continuity.ts"
import { RequestId, TaskId, ThreadId, TurnId } from "../domain/Ids.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { Attachment, ModelSelection, TurnCommand, TurnMode } from "../domain/TurnInput.ts"
import { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import { Text, WellFormed } from "../domain/WellFormed.ts"

/**
 * Of `sendTurn` and `runTurn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const SendTurn = Schema.Struct({
  threadId: ThreadId,
  /**
   * Your own id makes a call safe to repeat: the same input again is answered as it was first, and the agent is not asked
   * twice; `runTurn` waits for the end of the same turn. Another input under the id fails with `TurnExists`. A turn that the
   * agent proved not to have is sent. A steer has no id of its own: it belongs to the turn that it joins. Default: a new id.
   */
  turnId: Schema.optional(TurnId),
  /** Words: the agent never takes them for one of its commands. May be empty where there is a `command`. */
  prompt: Text,
  /** A command of the agent, as `listOffers` names it, run natively. A turn of its own: it never joins a running one. */
  command: Schema.optional(TurnCommand),
  /** Skills of the agent that the model is to have, as `listOffers` names them. */
  skills: Schema.optional(Schema.Array(WellFormed.check(Schema.isNonEmpty()))),
  attachments: Schema.optional(Schema.Array(Attachment)),
  /** For this turn and those after it. Default: the thread's. */
  model: Schema.optional(ModelSelection),
  /** The agent's own persona or mode (`build`, `plan`, ...), where it has such. */
  agent: Schema.optional(WellFormed.check(Schema.isNonEmpty())),
  /** Whether the agent is to act or to plan. An intent: what the agent may do is the runtime mode's business. */
  mode: Schema.optional(TurnMode),
  /** What the model reads before the prompt and the user did not write. */
  context: Schema.optional(Schema.Array(Text)),
  /** Who sends it, as the app calls them. In events, hooks and transcripts; the agent never sees it. */
  actor: Schema.optional(Actor),
  /** What the app knows of it: at most 16 kB of JSON, in events, hooks and transcripts. The agent never sees it. */
  metadata: Schema.optional(Metadata),
  /** While a turn runs: add this input to it instead of failing with `TurnInProgress`. */
  steer: Schema.optional(Schema.Boolean),
  /** What to do if the session is proved missing. Default: the service's. */
  onMissing: Schema.optional(MissingPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SendTurn extends Schema.Schema.Type<typeof SendTurn> {}

/**
 * Of `interruptTurn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const InterruptTurn = Schema.Struct({
  threadId: ThreadId,
  /** Default: the turn that runs. */
  turnId: Schema.optional(TurnId)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface InterruptTurn extends Schema.Schema.Type<typeof InterruptTurn> {}

/** Who decides, as the app calls them: a user's name or id. Recorded with the settlement; the agent never sees it. */
const actor = Schema.optional(Actor)

/**
 * Of `respondToApproval`.
 *
 * @category commands
 * @since 0.1.0
 */
export const RespondToApproval = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  decision: ApprovalDecision,
  actor,
  /**
   * What is changed first, so that the agent goes on so: a plan is approved, and edits are accepted from here on. As by
   * `configureThread`.
   */
  configure: Schema.optional(Schema.Struct({ runtimeMode: RuntimeMode }))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface RespondToApproval extends Schema.Schema.Type<typeof RespondToApproval> {}

/**
 * Of `answerQuestion`.
 *
 * @category commands
 * @since 0.1.0
 */
export const AnswerQuestion = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  /** One array for each question that was asked. */
  answer: QuestionAnswer,
  actor
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AnswerQuestion extends Schema.Schema.Type<typeof AnswerQuestion> {}

/**
 * Of `answerElicitation`.
 *
 * @category commands
 * @since 0.1.0
 */
export const AnswerElicitation = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  answer: ElicitationAnswer,
  actor
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AnswerElicitation extends Schema.Schema.Type<typeof AnswerElicitation> {}

/**
 * Of `annotate`.
 *
 * @category commands
 * @since 0.1.0
 */
export const Annotate = Schema.Struct({
  threadId: ThreadId,
  /** A turn of the thread that has begun. Absent: the thread. */
  turnId: Schema.optional(TurnId),
  kind: AnnotationKind,
  data: AnnotationData
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Annotate extends Schema.Schema.Type<typeof Annotate> {}

/**
 * Of `stopTask`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StopTask = Schema.Struct({ threadId: ThreadId, taskId: TaskId })

/**
 * @category models
 * @since 0.1.0
 */
export interface StopTask extends Schema.Schema.Type<typeof StopTask> {}
