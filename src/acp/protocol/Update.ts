/**
 * What an agent tells of a session (`session/update`), as far as it is used. Fields that are not named here are
 * ignored; an update that is not, or that does not fit, is `Unrecognized`.
 */
import { Predicate, Schema } from "effect"
import { list, maybe, text } from "./Lenient.ts"
import { ConfigOption } from "./Session.ts"
import { ContentBlock, fields as toolCall } from "./ToolCall.ts"

const chunk = { content: ContentBlock, messageId: text }

/** Each under the name that it has in the field `sessionUpdate`. */
const Known = Schema.TaggedUnion({
  user_message_chunk: chunk,
  agent_message_chunk: chunk,
  agent_thought_chunk: chunk,
  tool_call: toolCall,
  tool_call_update: toolCall,
  plan: { entries: list(Schema.Struct({ content: Schema.String, status: text })) },
  available_commands_update: {
    availableCommands: list(Schema.Struct({
      name: Schema.String,
      description: text,
      input: maybe(Schema.Struct({ hint: text })),
      _meta: maybe(Schema.Unknown)
    }))
  },
  current_mode_update: { currentModeId: Schema.String },
  config_option_update: { configOptions: list(ConfigOption) },
  session_info_update: { title: text },
  usage_update: { used: Schema.Finite, size: maybe(Schema.Finite) },
  notice: { severity: text, title: text, description: text },
  compaction_update: {
    compactionId: Schema.String,
    status: Schema.String,
    summary: list(ContentBlock),
    error: text
  },
  compaction_summary_chunk: { compactionId: Schema.String, content: ContentBlock }
})

export type Known = typeof Known.Type

export interface Unrecognized {
  readonly _tag: "Unrecognized"
  readonly type: string
  readonly raw: unknown
}

export type Update = Known | Unrecognized

const decodeKnown = Schema.decodeUnknownOption(Known)

export const decode = (raw: unknown): Update => textChunk(raw) ?? decodeAny(raw)

/** By hand and not by a Schema, since text comes in thousands of them. */
const textChunk = (raw: unknown): Known | undefined => {
  if (!Predicate.isReadonlyObject(raw)) return undefined
  const { content, messageId, sessionUpdate: type } = raw
  if (type !== "agent_message_chunk" && type !== "agent_thought_chunk") return undefined
  if (!Predicate.isReadonlyObject(content) || content["type"] !== "text") return undefined
  const { text } = content
  if (typeof text !== "string" || (messageId !== undefined && typeof messageId !== "string")) return undefined
  const chunk = { content: { type: "text", text } }
  return { _tag: type, ...chunk, ...(messageId === undefined ? {} : { messageId }) }
}

const decodeAny = (raw: unknown): Update => {
  const { sessionUpdate: type, ...rest }: { readonly sessionUpdate?: unknown } = typeof raw === "object" && raw !== null
    ? raw
    : {}
  const known = decodeKnown({ ...rest, _tag: type })
  return known._tag === "Some"
    ? known.value
    : { _tag: "Unrecognized", type: typeof type === "string" ? type : "session/update", raw }
}

/** The session that an update is about, and the update; `undefined` for what is none. */
export const ofSession = (params: unknown): { readonly sessionId: string; readonly update: unknown } | undefined => {
  if (!Predicate.isReadonlyObject(params)) return undefined
  const { sessionId, update } = params
  return typeof sessionId === "string" && "update" in params ? { sessionId, update } : undefined
}
