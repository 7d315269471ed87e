/**
 * What an agent asks a human: an approval (may I do this?) or a question (which one do you want?). Both ways are typed,
 * both are settled exactly once on every path.
 */
import { Schema } from "effect"
import { ItemId, RequestId } from "./Ids.ts"
import { Text } from "./WellFormed.ts"

export const ApprovalKind = Schema.Literals(["command", "file-change", "file-read", "network", "subagent", "other"])
export type ApprovalKind = typeof ApprovalKind.Type

export const ApprovalRequest = Schema.Struct({
  requestId: RequestId,
  kind: ApprovalKind,
  /** One line for a human: the command, the path, the address. */
  subject: Schema.String,
  itemId: Schema.optionalKey(ItemId),
  /** The subagent's session id, where a subagent asks. */
  subagent: Schema.optionalKey(Schema.String),
  /** The agent's own description of what it wants, as it came. */
  detail: Schema.Unknown
})
export type ApprovalRequest = typeof ApprovalRequest.Type

/**
 * `AllowForSession` also allows what the agent calls the same kind of action, in this session only and until it is
 * stopped; a resumed session asks again. `Deny` with a `reason` lets the agent go on with that feedback where it can.
 */
export const ApprovalDecision = Schema.TaggedUnion({
  AllowOnce: {},
  AllowForSession: {},
  Deny: { reason: Schema.optionalKey(Text) }
})
export type ApprovalDecision = typeof ApprovalDecision.Type

export const Question = Schema.Struct({
  header: Schema.optionalKey(Schema.String),
  question: Schema.String,
  options: Schema.Array(Schema.Struct({
    label: Schema.String,
    description: Schema.optionalKey(Schema.String)
  })),
  multiple: Schema.Boolean
})
export type Question = typeof Question.Type

export const QuestionRequest = Schema.Struct({
  requestId: RequestId,
  questions: Schema.Array(Question),
  itemId: Schema.optionalKey(ItemId),
  subagent: Schema.optionalKey(Schema.String)
})
export type QuestionRequest = typeof QuestionRequest.Type

/** `Answered` holds the chosen labels (or free text), one array per question, in their order. */
export const QuestionAnswer = Schema.TaggedUnion({
  Answered: { answers: Schema.Array(Schema.Array(Text)) },
  Dismissed: {}
})
export type QuestionAnswer = typeof QuestionAnswer.Type

/**
 * How a request ended: by the user, by a rule (an earlier `AllowForSession`, the runtime mode), by the agent itself, or
 * because what it belonged to ended.
 */
export const SettledBy = Schema.Literals(["user", "rule", "agent", "turn-ended", "session-ended", "host-crash"])
export type SettledBy = typeof SettledBy.Type
