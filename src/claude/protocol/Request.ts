/**
 * What Claude (2.1.332) asks its client, and how it is answered.
 *
 * Rules that Claude offers beside a plain yes are never sent: what the user allows for the session is kept by the adapter,
 * as exactly what was shown.
 */
import { Option, Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import * as Words from "../../adapter/Words.ts"
import type {
  ApprovalDecision,
  ApprovalKind,
  ElicitationAnswer,
  Question,
  QuestionAnswer
} from "../../domain/UserRequest.ts"
import { type Call, editors, subjectOf } from "./Items.ts"

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

const Asked = Schema.TaggedUnion({
  can_use_tool: {
    tool_name: Schema.String,
    input: Schema.Record(Schema.String, Schema.Unknown),
    tool_use_id: NativeId,
    agent_id: Schema.optionalKey(Schema.NullOr(NativeId))
  },
  elicitation: {
    mcp_server_name: Schema.String,
    message: Schema.String,
    mode: Text,
    url: Text,
    elicitation_id: Text,
    requested_schema: Schema.optionalKey(Schema.Unknown)
  },
  hook_callback: {
    callback_id: Schema.String,
    input: Schema.Struct({
      tool_name: Text,
      tool_use_id: Schema.optionalKey(Schema.NullOr(NativeId)),
      duration_ms: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
      trigger: Text,
      compact_summary: Text
    })
  }
})

export type Asked = typeof Asked.Type

export type Permission = Extract<Asked, { readonly _tag: "can_use_tool" }>

/** What an MCP server asks the user. */
export type Elicitation = Extract<Asked, { readonly _tag: "elicitation" }>

/** What the user answers. */
export type ForUser = Permission | Elicitation

const inputOf = (asked: ForUser) => asked._tag === "can_use_tool" ? asked.input : {}

const decodeAsked = Schema.decodeUnknownOption(Asked)

export const decode = (subtype: string, request: unknown): Asked | undefined =>
  Option.getOrUndefined(decodeAsked({ ...(typeof request === "object" ? request : {}), _tag: subtype }))

export const callOf = ({ input, tool_name, tool_use_id }: Permission): Call => ({
  id: tool_use_id,
  name: tool_name,
  input
})

export interface Approval {
  readonly kind: ApprovalKind
  readonly subject: string
  /** What `AllowForSession` allows; absent for what is asked every time. */
  readonly covers: string | undefined
}

const kinds = Words.make<ApprovalKind>({
  Bash: "command",
  Read: "file-read",
  Glob: "file-read",
  Grep: "file-read",
  WebFetch: "network",
  WebSearch: "network",
  Agent: "subagent",
  Task: "subagent",
  ExitPlanMode: "plan"
})

export const approvalOf = (asked: Permission): Approval => {
  const call = callOf(asked)
  const kind = editors.has(call.name) ? "file-change" : kinds(call.name) ?? "other"
  return {
    kind,
    subject: subjectOf(call),
    covers: kind === "plan" ? undefined : JSON.stringify([call.name, call.input])
  }
}

/** Its questions are asked as a tool. */
export const question = "AskUserQuestion"

const Asking = Schema.Struct({
  question: Schema.String,
  header: Text,
  multiSelect: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  options: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ label: Schema.String, description: Text }))))
})

const decodeQuestions = Schema.decodeUnknownOption(Schema.Struct({ questions: Schema.Array(Asking) }))

export const questionsOf = (asked: ForUser): ReadonlyArray<Question> => {
  const decoded = decodeQuestions(inputOf(asked))
  return decoded._tag === "None" ? [] : decoded.value.questions.map(toQuestion)
}

/** Claude takes any text for an answer; it has no secret questions. */
const toQuestion = ({ header, multiSelect, options, question }: typeof Asking.Type, n: number): Question => ({
  id: String(n),
  ...(header == null ? {} : { header }),
  question,
  options: (options ?? []).map(({ description, label }) => description == null ? { label } : { label, description }),
  multiple: multiSelect === true,
  freeText: true,
  secret: false
})

export const allow = (asked: ForUser): object => ({ behavior: "allow", updatedInput: inputOf(asked) })

export const deny = (message: string): object => ({ behavior: "deny", message })

export const approvalAnswer = (asked: ForUser, decision: ApprovalDecision): object =>
  decision._tag === "AllowOnce" || decision._tag === "AllowForSession"
    ? allow(asked)
    : deny(decision._tag === "Deny" ? decision.reason ?? "The user denied this." : "The user denied this.")

/** Answers go by the text of the question; without them Claude reads that the user did not answer. */
export const questionAnswer = (asked: ForUser, answer: QuestionAnswer): object =>
  answer._tag === "Dismissed" ? deny("The user dismissed the question.") : {
    behavior: "allow",
    updatedInput: {
      ...inputOf(asked),
      answers: Object.fromEntries(
        questionsOf(asked).map(({ question }, n) => [question, (answer.answers[n] ?? []).join(", ")])
      )
    }
  }

const actions = { Accept: "accept", Decline: "decline", Cancel: "cancel" } as const

export const elicitationAnswer = (answer: ElicitationAnswer): object => ({
  action: actions[answer._tag],
  ...(answer._tag === "Accept" && answer.content !== undefined ? { content: answer.content } : {})
})
