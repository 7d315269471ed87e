/**
 * What an agent asks its client, and how it is answered. Options of agents that hold for longer than this once are not
 * passed on: some write them into the user's own settings, so they would outlive the session and its mode.
 */
import { Option, Schema } from "effect"
import * as Words from "../../adapter/Words.ts"
import type { ApprovalChoice, ApprovalKind, ElicitationAnswer } from "../../domain/UserRequest.ts"
import { fitting, list, text } from "./Lenient.ts"
import { ToolCall } from "./ToolCall.ts"

const PermissionOption = Schema.Struct({ optionId: Schema.String, name: text, kind: text })

export type PermissionOption = typeof PermissionOption.Type

const Asked = Schema.TaggedUnion({
  "session/request_permission": {
    sessionId: Schema.String,
    toolCall: ToolCall,
    options: list(PermissionOption)
  },
  "elicitation/create": {
    sessionId: text,
    message: text,
    mode: text,
    requestedSchema: Schema.optionalKey(Schema.Unknown),
    url: text,
    elicitationId: text,
    toolCallId: text
  }
})

export type Asked = typeof Asked.Type
export type Permission = Extract<Asked, { readonly _tag: "session/request_permission" }>

const decodeAsked = Schema.decodeUnknownOption(Asked)

export const decode = (method: string, params: unknown): Asked | undefined =>
  Option.getOrUndefined(decodeAsked({ ...(typeof params === "object" ? params : {}), _tag: method }))

/** What an agent asks in a way of its own. */
export const permission = (sessionId: string, own: object): Asked | undefined =>
  decode("session/request_permission", { sessionId, ...own })

const kinds = Words.make<ApprovalKind>({
  execute: "command",
  edit: "file-change",
  delete: "file-change",
  move: "file-change",
  read: "file-read",
  search: "file-read",
  fetch: "network",
  switch_mode: "plan"
})

export const kindOf = (kind: string | null | undefined): ApprovalKind => kinds(kind) ?? "other"

const meanings = Words.make<ApprovalChoice["meaning"]>({ allow_once: "allow-once", reject_once: "deny" })

const lasting = new Set<string | null | undefined>(["allow_always", "reject_always"])

export const choicesOf = ({ options }: Permission): ReadonlyArray<ApprovalChoice> =>
  fitting(options).filter(({ kind }) => !lasting.has(kind)).map(({ kind, name, optionId }) => ({
    id: optionId,
    label: name ?? optionId,
    meaning: meanings(kind) ?? "other"
  }))

const byKind = ({ options }: Permission, ...kinds: ReadonlyArray<string>): PermissionOption | undefined =>
  kinds.map((kind) => fitting(options).find((option) => option.kind === kind)).find((option) => option !== undefined)

export const selected = (optionId: string, more: object = {}): object => ({
  outcome: { outcome: "selected", optionId },
  ...more
})

/** Ends the turn on most agents. */
export const cancelled: object = { outcome: { outcome: "cancelled" } }

/** The answer to a permission, for this once. An agent that offers no such answer is told that there is none. */
export const permissionAnswer = (asked: Permission, allow: boolean): object => {
  const option = allow ? byKind(asked, "allow_once") : byKind(asked, "reject_once", "reject_always")
  return option === undefined ? cancelled : selected(option.optionId)
}

const actions = { Accept: "accept", Decline: "decline", Cancel: "cancel" } as const

export const elicitationAnswer = (answer: ElicitationAnswer): object => ({
  action: actions[answer._tag],
  ...(answer._tag === "Accept" ? { content: answer.content ?? {} } : {})
})

/** There will be no answer. */
export const noAnswer = (asked: Asked): object => asked._tag === "elicitation/create" ? { action: "cancel" } : cancelled
