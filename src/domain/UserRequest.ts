/**
 * Requests of an agent to a human: approvals (may I do this?), questions (which one do you want?) and elicitations (an MCP
 * server asks for values, or for a visit to a page). Each is settled exactly once on every path.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"
import { ItemId, RequestId, TaskId } from "./Ids.ts"
import { Text, Values } from "./WellFormed.ts"

/** The task that asks, where it is work beside the turns. The turn that the task began in waits for the answer, too. */
const byTask = { taskId: Schema.optionalKey(TaskId) }

/**
 * The kind of action that needs an approval.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalKind = Schema.Literals([
  "command",
  "file-change",
  "file-read",
  "network",
  "subagent",
  "plan",
  "other"
])

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalKind = typeof ApprovalKind.Type

/**
 * One of the agent's own answers to its request, and what it means. `allow-always` and `deny-always` outlive the session:
 * the agent writes them down, so they are only for {@link ApprovalDecision} `Choose`. `other`: the adapter does not know.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalChoice = Schema.Struct({
  id: Schema.String,
  label: Schema.String,
  meaning: Schema.Literals(["allow-once", "allow-session", "allow-always", "deny", "deny-always", "other"])
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ApprovalChoice extends Schema.Schema.Type<typeof ApprovalChoice> {}

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
  ...byTask,
  /**
   * What `AllowForSession` will cover, in words for a human: the exact action that is shown. Absent where the adapter keeps no
   * allowances.
   */
  covers: Schema.optionalKey(Schema.String),
  /** The agent's own answers, where it offers some. */
  choices: Schema.optionalKey(Schema.Array(ApprovalChoice)),
  /** The agent's own description of its request, unchanged. */
  detail: Schema.Unknown
})

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalRequest = typeof ApprovalRequest.Type

/**
 * What an agent wants to do, as guards are asked about it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolRequest = Schema.Struct(
  Struct.pick(ApprovalRequest.fields, ["kind", "subject", "itemId", "subagent", "detail"])
)

/**
 * @since 0.1.0
 * @category models
 */
export interface ToolRequest extends Schema.Schema.Type<typeof ToolRequest> {}

/**
 * `AllowForSession` also allows what was shown, again, until the session is stopped; a resumed session asks again. It is
 * never handed on as an agent's "always". `Choose` gives one of the request's `choices`, by its id.
 *
 * `Deny` with a `reason` lets the agent continue with that feedback, if its capabilities say `denyReason`. `turn` says what
 * becomes of the turn: `continue` gives the agent a reason to go on by, where the user gives none, and has no effect on an agent
 * whose turn ends whatever it is told (`afterDenial`); `stop` interrupts the turn once the agent has the answer. Absent: what
 * the agent does by itself.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalDecision = Schema.TaggedUnion({
  AllowOnce: {},
  AllowForSession: {},
  Deny: { reason: Schema.optionalKey(Text), turn: Schema.optionalKey(Schema.Literals(["continue", "stop"])) },
  Choose: { choiceId: Text }
})

/**
 * @since 0.1.0
 * @category models
 */
export type ApprovalDecision = typeof ApprovalDecision.Type

/**
 * One question, with its options. `multiple`: several options can be chosen. `freeText`: words that are no option are an
 * answer too. `secret`: the answer is a secret, and is never stored.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Question = Schema.Struct({
  /** Unique within its request. */
  id: Schema.String,
  header: Schema.optionalKey(Schema.String),
  question: Schema.String,
  options: Schema.Array(Schema.Struct({
    label: Schema.String,
    description: Schema.optionalKey(Schema.String)
  })),
  multiple: Schema.Boolean,
  freeText: Schema.Boolean,
  secret: Schema.Boolean
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
  subagent: Schema.optionalKey(Schema.String),
  ...byTask
})

/**
 * @since 0.1.0
 * @category models
 */
export type QuestionRequest = typeof QuestionRequest.Type

/**
 * `Answered` holds the chosen labels (or free text), one array per question, in their order. In the log the answer to a
 * secret question is {@link hiddenAnswer}.
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
 * What the log holds in place of each answer to a secret question.
 *
 * @since 0.1.0
 * @category constants
 */
export const hiddenAnswer = "[secret]"

/**
 * The answer as the log may have it: without the answers to secret questions.
 *
 * @since 0.1.0
 * @category conversions
 */
export const withoutSecrets = (answer: QuestionAnswer, questions: ReadonlyArray<Question>): QuestionAnswer =>
  answer._tag === "Answered" && questions.some(({ secret }) => secret)
    ? {
      _tag: "Answered",
      answers: answer.answers.map((given, n) => questions[n]?.secret === false ? given : given.map(() => hiddenAnswer))
    }
    : answer

/**
 * What an elicitation asks for: values that fit a JSON Schema, or that the user opens a page.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ElicitationForm = Schema.TaggedUnion({
  /** `schema` is the JSON Schema of the values, as the server gave it. */
  Form: { schema: Schema.Unknown },
  Url: { url: Schema.String, elicitationId: Schema.optionalKey(Schema.String) }
})

/**
 * @since 0.1.0
 * @category models
 */
export type ElicitationForm = typeof ElicitationForm.Type

/**
 * An MCP server asks the user for something, by way of the agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ElicitationRequest = Schema.Struct({
  requestId: RequestId,
  message: Schema.String,
  form: ElicitationForm,
  /** The MCP server's name, where the agent tells it. */
  server: Schema.optionalKey(Schema.String),
  itemId: Schema.optionalKey(ItemId),
  subagent: Schema.optionalKey(Schema.String),
  ...byTask
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ElicitationRequest extends Schema.Schema.Type<typeof ElicitationRequest> {}

/**
 * The user's answer. `content` goes to the server and is never stored.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ElicitationAnswer = Schema.TaggedUnion({
  Accept: { content: Schema.optionalKey(Schema.Record(Text, Values)) },
  Decline: {},
  Cancel: {}
})

/**
 * @since 0.1.0
 * @category models
 */
export type ElicitationAnswer = typeof ElicitationAnswer.Type

/**
 * An {@link ElicitationAnswer} as the log has it: without what the user filled in.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ElicitationOutcome = Schema.Literals(["accepted", "declined", "cancelled"])

/**
 * @since 0.1.0
 * @category models
 */
export type ElicitationOutcome = typeof ElicitationOutcome.Type

/**
 * Who or what settled a request: the user, a rule (an earlier `AllowForSession`, the runtime mode), a guard of the app's
 * hooks, the time that the app gave the user (`approvals.unanswered`), the agent itself, or the end of its turn, of its
 * session, or of the host.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SettledBy = Schema.Literals([
  "user",
  "rule",
  "hook",
  "unanswered",
  "agent",
  "turn-ended",
  "session-ended",
  "host-crash"
])

/**
 * @since 0.1.0
 * @category models
 */
export type SettledBy = typeof SettledBy.Type
