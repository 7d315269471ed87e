/**
 * What a page of the AI SDK posts (`DefaultChatTransport`): all of its messages, of which only the last one counts. The
 * conversation is the thread's own log.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { RequestId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { InputIssue } from "../domain/InputIssue.ts"
import type { Attachment } from "../domain/TurnInput.ts"
import { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import { Text, WellFormed } from "../domain/WellFormed.ts"

const Message = Schema.Struct({
  id: TurnId,
  role: Schema.String,
  parts: Schema.Array(Schema.Unknown)
})

/**
 * Of `POST /chat`. `id` is the thread's. What else a page sends is ignored.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChatRequest = Schema.Struct({
  id: ThreadId,
  messages: Schema.NonEmptyArray(Message),
  trigger: Schema.optional(Schema.Literal("submit-message"))
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ChatRequest extends Schema.Schema.Type<typeof ChatRequest> {}

/**
 * Of `POST /chat/:id/answer`: what the AI SDK's messages have no place for. An approval can be answered here, too, with
 * every decision that there is.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChatAnswer = Schema.Union([
  Schema.Struct({ requestId: RequestId, decision: ApprovalDecision }),
  Schema.Struct({ requestId: RequestId, answer: QuestionAnswer }),
  Schema.Struct({ requestId: RequestId, elicitation: ElicitationAnswer })
])

/**
 * @since 0.1.0
 * @category models
 */
export type ChatAnswer = typeof ChatAnswer.Type

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Text })

const FilePart = Schema.Struct({
  type: Schema.Literal("file"),
  url: WellFormed,
  mediaType: WellFormed.check(Schema.isNonEmpty()),
  filename: Schema.optional(WellFormed.check(Schema.isNonEmpty()))
})

const RespondedPart = Schema.Struct({
  state: Schema.Literal("approval-responded"),
  approval: Schema.Struct({ id: RequestId, approved: Schema.Boolean, reason: Schema.optional(Text) })
})

const isText = Schema.is(TextPart)
const isFile = Schema.is(FilePart)
const isResponded = Schema.is(RespondedPart)

/**
 * What the last message of a page says: a new turn, or answers to approvals of the turn that is the message.
 *
 * @since 0.1.0
 * @category models
 */
export type Said =
  | {
    readonly _tag: "Turn"
    readonly turnId: TurnId
    readonly prompt: string
    readonly attachments: ReadonlyArray<Attachment>
    /** The turn before, as the page has it; undefined where it sent no other message. */
    readonly before: TurnId | undefined
  }
  | {
    readonly _tag: "Approvals"
    readonly turnId: TurnId
    readonly answers: ReadonlyArray<{ readonly requestId: RequestId; readonly decision: ApprovalDecision }>
  }
  | { readonly _tag: "Invalid"; readonly issues: ReadonlyArray<InputIssue> }

/**
 * The id of the turn that a user's message begins, which is that of the assistant's message: the same message, sent twice,
 * is one turn.
 *
 * @since 0.1.0
 * @category conversions
 */
export const turnOf = (messageId: string): TurnId => TurnId.make(`reply-${messageId}`)

/**
 * @since 0.1.0
 * @category conversions
 */
export const saidBy = ({ messages }: ChatRequest): Said => {
  const at = messages.length - 1
  const { id, parts, role } = messages[at] ?? messages[0]
  const place = (part: number) => `messages[${at}].parts[${part}]`
  if (role === "assistant") {
    const answers = parts.filter(isResponded).map(({ approval }) => ({
      requestId: approval.id,
      decision: decisionOf(approval)
    }))
    return answers.length === 0
      ? { _tag: "Invalid", issues: [{ path: `messages[${at}]`, reason: "Expected an answer to an approval" }] }
      : { _tag: "Approvals", turnId: id, answers }
  }
  if (role !== "user") {
    return { _tag: "Invalid", issues: [{ path: `messages[${at}].role`, reason: "Expected \"user\" or \"assistant\"" }] }
  }
  const attachments: Array<Attachment> = []
  const issues: Array<InputIssue> = []
  for (const [n, part] of parts.entries()) {
    if (!isFile(part)) continue
    const base64 = /^data:[^,]*;base64,(.*)$/s.exec(part.url)?.[1]
    if (base64 === undefined) issues.push({ path: `${place(n)}.url`, reason: "Expected a data URL with base64" })
    else attachments.push({ _tag: "Data", name: part.filename ?? `file-${n}`, mime: part.mediaType, base64 })
  }
  if (issues.length > 0) return { _tag: "Invalid", issues }
  return {
    _tag: "Turn",
    turnId: turnOf(id),
    prompt: parts.filter(isText).map(({ text }) => text).join("\n"),
    attachments,
    before: messages.findLast((message) => message.role === "assistant")?.id
  }
}

const decisionOf = (
  { approved, reason }: (typeof RespondedPart.Type)["approval"]
): ApprovalDecision => approved ? { _tag: "AllowOnce" } : { _tag: "Deny", ...(reason === undefined ? {} : { reason }) }
