/**
 * Requests of an agent to a human: approvals (may I do this?) and questions (which one do you want?). Each is settled
 * exactly once on every path.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ItemId, RequestId } from "./Ids.ts"
import { Text } from "./WellFormed.ts"

/**
 * The kind of action that needs an approval.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalKind = Schema.Literals(["command", "file-change", "file-read", "network", "subagent", "other"])

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalKind = typeof ApprovalKind.Type

/**
 * An agent asks whether it may do something.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalRequest = Schema.Struct({
  requestId: RequestId,
  kind: ApprovalKind,
  /** One line for a human: the command, the path, the address. */
  subject: Schema.String,
  itemId: Schema.optionalKey(ItemId),
  /** The subagent's session id, if a subagent asks. */
  subagent: Schema.optionalKey(Schema.String),
  /** The agent's own description of its request, unchanged. */
  detail: Schema.Unknown
})

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalRequest = typeof ApprovalRequest.Type

/**
 * `AllowForSession` also allows later actions that the agent considers the same kind, until the session is stopped; a
 * resumed session asks again. `Deny` with a `reason` lets the agent continue with that feedback, if it can.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalDecision = Schema.TaggedUnion({
  AllowOnce: {},
  AllowForSession: {},
  Deny: { reason: Schema.optionalKey(Text) }
})

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalDecision = typeof ApprovalDecision.Type

/**
 * One question, with its options. `multiple`: several options can be chosen.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Question = Schema.Struct({
  header: Schema.optionalKey(Schema.String),
  question: Schema.String,
  options: Schema.Array(Schema.Struct({
    label: Schema.String,
    description: Schema.optionalKey(Schema.String)
  })),
  multiple: Schema.Boolean
})

/**
 * @since 0.1.0
 * @category models
 */
export type Question = typeof Question.Type

/**
 * An agent asks one or more questions.
 *
 * @since 0.1.0
 * @category schemas
 */
export const QuestionRequest = Schema.Struct({
  requestId: RequestId,
  questions: Schema.Array(Question),
  itemId: Schema.optionalKey(ItemId),
  subagent: Schema.optionalKey(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type QuestionRequest = typeof QuestionRequest.Type

/**
 * `Answered` holds the chosen labels (or free text), one array per question, in their order.
 *
 * @since 0.1.0
 * @category schemas
 */
export const QuestionAnswer = Schema.TaggedUnion({
  Answered: { answers: Schema.Array(Schema.Array(Text)) },
  Dismissed: {}
})

/**
 * @since 0.1.0
 * @category models
 */
export type QuestionAnswer = typeof QuestionAnswer.Type

/**
 * Who or what settled a request: the user, a rule (an earlier `AllowForSession`, the runtime mode), the agent itself,
 * or the end of its turn, of its session, or of the host.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SettledBy = Schema.Literals(["user", "rule", "agent", "turn-ended", "session-ended", "host-crash"])

/**
 * @since 0.1.0
 * @category models
 */
export type SettledBy = typeof SettledBy.Type
