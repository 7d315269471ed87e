/**
 * What Codex (0.171.0) asks its client, and how it is answered.
 *
 * The approval of an MCP tool call comes as an elicitation with `codex_approval_kind` in its `_meta`. Amendments of
 * policies that Codex offers beside a plain yes would be written down for all sessions, and are never sent.
 */
import { Option, Schema } from "effect"
import { ItemId } from "../../domain/Ids.ts"
import type { ApprovalKind, ElicitationAnswer, Question, QuestionAnswer } from "../../domain/UserRequest.ts"

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

const common = { turnId: Text, itemId: Schema.optionalKey(Schema.NullOr(ItemId)) }

const Asked = Schema.TaggedUnion({
  "item/commandExecution/requestApproval": {
    ...common,
    command: Text,
    cwd: Text,
    reason: Text,
    networkApprovalContext: Schema.optionalKey(Schema.Unknown),
    additionalPermissions: Schema.optionalKey(Schema.Unknown)
  },
  "item/fileChange/requestApproval": { ...common, reason: Text, grantRoot: Text },
  "item/permissions/requestApproval": { ...common, reason: Text, permissions: Schema.Unknown },
  "item/tool/requestUserInput": {
    ...common,
    questions: Schema.Array(Schema.Struct({
      id: Schema.String,
      header: Text,
      question: Schema.String,
      isOther: Schema.optionalKey(Schema.Boolean),
      isSecret: Schema.optionalKey(Schema.Boolean),
      options: Schema.optionalKey(Schema.NullOr(
        Schema.Array(Schema.Struct({ label: Schema.String, description: Text }))
      ))
    }))
  },
  "mcpServer/elicitation/request": {
    ...common,
    serverName: Schema.String,
    mode: Schema.String,
    message: Text,
    url: Text,
    elicitationId: Text,
    requestedSchema: Schema.optionalKey(Schema.Unknown),
    _meta: Schema.optionalKey(Schema.Unknown)
  }
})

export type Asked = typeof Asked.Type

const decodeAsked = Schema.decodeUnknownOption(Asked)

export const decode = (method: string, params: unknown): Asked | undefined =>
  Option.getOrUndefined(decodeAsked({ ...(typeof params === "object" ? params : {}), _tag: method }))

const Meta = Schema.Struct({ codex_approval_kind: Schema.String, tool_name: Text })
const decodeMeta = Schema.decodeUnknownOption(Meta)

/** What the user is asked to approve; `undefined` for what is no approval. */
export interface Approval {
  readonly kind: ApprovalKind
  /** Where the request itself does not say: the files of the item. */
  readonly subject: string | undefined
}

export const approvalOf = (asked: Asked): Approval | undefined => {
  switch (asked._tag) {
    case "item/commandExecution/requestApproval":
      return asked.networkApprovalContext == null
        ? { kind: "command", subject: asked.command ?? undefined }
        : { kind: "network", subject: asked.reason ?? asked.command ?? undefined }
    case "item/fileChange/requestApproval":
      return { kind: "file-change", subject: undefined }
    case "item/permissions/requestApproval":
      return { kind: "other", subject: asked.reason ?? "more permissions" }
    case "mcpServer/elicitation/request": {
      const meta = decodeMeta(asked._meta)
      if (meta._tag === "None") return undefined
      const tool = meta.value.tool_name
      return {
        kind: "other",
        subject: tool == null ? asked.message ?? asked.serverName : `${asked.serverName}: ${tool}`
      }
    }
    case "item/tool/requestUserInput":
      return undefined
  }
}

export const questionsOf = (
  asked: Extract<Asked, { readonly _tag: "item/tool/requestUserInput" }>
): ReadonlyArray<Question> =>
  asked.questions.map(({ header, id, isOther, isSecret, options, question }) => ({
    id,
    ...(header == null ? {} : { header }),
    question,
    options: (options ?? []).map(({ description, label }) => description == null ? { label } : { label, description }),
    multiple: false,
    freeText: isOther === true || options == null || options.length === 0,
    secret: isSecret === true
  }))

/** The answer to an approval, for this once. */
export const approvalAnswer = (asked: Asked, allow: boolean): object => {
  switch (asked._tag) {
    case "mcpServer/elicitation/request":
      return { action: allow ? "accept" : "decline", content: allow ? {} : null, _meta: null }
    case "item/permissions/requestApproval":
      return { permissions: allow ? asked.permissions : {}, scope: "turn" }
    default:
      return { decision: allow ? "accept" : "decline" }
  }
}

export const questionAnswer = (asked: Asked, answer: QuestionAnswer): object => ({
  answers: answer._tag === "Answered" && asked._tag === "item/tool/requestUserInput"
    ? Object.fromEntries(asked.questions.map(({ id }, n) => [id, { answers: answer.answers[n] ?? [] }]))
    : {}
})

const actions = { Accept: "accept", Decline: "decline", Cancel: "cancel" } as const

export const elicitationAnswer = (answer: ElicitationAnswer): object => ({
  action: actions[answer._tag],
  content: answer._tag === "Accept" ? answer.content ?? {} : null,
  _meta: null
})
