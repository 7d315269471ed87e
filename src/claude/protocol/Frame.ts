/**
 * Claude's frames (2.1.332), as far as they are used. Fields that are not named here are ignored; a frame that is not, or
 * that does not fit, is `Unrecognized`.
 */
import { Effect, Predicate, Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { TurnId } from "../../domain/Ids.ts"

const Maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Text = Maybe(Schema.String)
const Id = Maybe(NativeId)
const Count = Maybe(Schema.Finite)

/** What does not fit is taken for absent. */
const Lenient = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.NullOr(schema).pipe(Schema.catchDecoding(() => Effect.succeedSome(null))))

/** A block of a message: each type has its own few of these fields. */
export const Block = Schema.Struct({
  type: Schema.String,
  text: Text,
  thinking: Text,
  id: Id,
  name: Text,
  input: Schema.optionalKey(Schema.Unknown),
  tool_use_id: Id,
  content: Schema.optionalKey(Schema.Unknown),
  is_error: Maybe(Schema.Boolean)
})

export type Block = typeof Block.Type

const Tokens = Schema.Struct({
  input_tokens: Count,
  output_tokens: Count,
  cache_creation_input_tokens: Count,
  cache_read_input_tokens: Count
})

export type Tokens = typeof Tokens.Type

const ModelUsage = Schema.Struct({
  inputTokens: Count,
  outputTokens: Count,
  thinkingTokens: Count,
  cacheReadInputTokens: Count,
  cacheCreationInputTokens: Count,
  costUSD: Count,
  contextWindow: Count
})

export type ModelUsage = typeof ModelUsage.Type

/** Of the subagent that a call of a tool has started; absent for the agent itself. */
const below = { parent_tool_use_id: Id, agent_id: Id }

const Content = Schema.Union([Schema.String, Schema.Array(Block)])

const TaskUsage = Maybe(Schema.Struct({ total_tokens: Count }))

const Known = Schema.TaggedUnion({
  /** `wakeup_source` is there where a clock of Claude's begins it. */
  command_lifecycle: { command_uuid: Schema.String, state: Schema.String, wakeup_source: Text },
  stream_event: {
    ...below,
    event: Schema.Struct({
      type: Schema.String,
      index: Schema.optionalKey(Schema.Int),
      message: Schema.optionalKey(Schema.Struct({ id: NativeId, usage: Maybe(Tokens) })),
      content_block: Schema.optionalKey(Schema.Struct({ type: Schema.String })),
      delta: Schema.optionalKey(Schema.Struct({ text: Text, thinking: Text })),
      usage: Maybe(Tokens)
    }),
    uuid: TurnId
  },
  assistant: {
    ...below,
    message: Schema.Struct({ id: NativeId, content: Schema.Array(Block) }),
    error: Text,
    is_api_error_message: Maybe(Schema.Boolean),
    uuid: TurnId
  },
  user: {
    ...below,
    message: Schema.Struct({ content: Content }),
    tool_use_result: Schema.optionalKey(Schema.Unknown),
    tool_result_meta: Maybe(Schema.Array(Schema.Struct({
      id: Schema.String,
      permission_decision: Maybe(Schema.Struct({ decision: Text }))
    }))),
    uuid: Text
  },
  /** A turn ends with it, whatever else it says. */
  result: {
    subtype: Schema.String,
    is_error: Lenient(Schema.Boolean),
    terminal_reason: Lenient(Schema.String),
    stop_reason: Lenient(Schema.String),
    api_error_status: Lenient(Schema.Int),
    result: Lenient(Schema.String),
    errors: Lenient(Schema.Array(Schema.String)),
    user_message_uuid: Lenient(Schema.String),
    user_message_uuids: Lenient(Schema.Array(Schema.String)),
    origin: Lenient(Schema.Struct({ kind: Text })),
    usage: Lenient(Tokens),
    modelUsage: Lenient(Schema.Record(Schema.String, ModelUsage)),
    model_usage_since_last_result: Lenient(Schema.Record(Schema.String, ModelUsage))
  },
  rate_limit_event: {
    rate_limit_info: Schema.Struct({
      status: Schema.String,
      resetsAt: Count,
      rateLimitType: Text,
      utilization: Count
    })
  },
  conversation_reset: { new_conversation_id: Text },
  "system/init": {
    mcp_servers: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, status: Schema.String }))),
    model: Text,
    permissionMode: Text
  },
  "system/status": { status: Text, compact_result: Text, permissionMode: Text },
  "system/compact_boundary": {},
  "system/api_retry": { attempt: Schema.Int, retry_delay_ms: Count, error_status: Count, error: Text },
  "system/task_started": {
    task_id: NativeId,
    tool_use_id: Id,
    description: Text,
    task_type: Text,
    is_backgrounded: Maybe(Schema.Boolean),
    ambient: Maybe(Schema.Boolean)
  },
  "system/task_progress": { task_id: NativeId, usage: TaskUsage },
  "system/task_updated": {
    task_id: NativeId,
    patch: Schema.Struct({ status: Text, is_backgrounded: Maybe(Schema.Boolean) })
  },
  "system/task_notification": { task_id: NativeId, status: Schema.String, summary: Text, usage: TaskUsage },
  "system/background_tasks_changed": { tasks: Schema.Array(Schema.Struct({ task_id: NativeId })) },
  "system/commands_changed": {},
  "system/informational": { content: Text, level: Text },
  "system/session_title_changed": { title: Text },
  "system/session_writes_lost": {}
})

export type Known = typeof Known.Type

export interface Unrecognized {
  readonly _tag: "Unrecognized"
  readonly type: string
  readonly raw: unknown
}

export type Frame = Known | Unrecognized

export type Of<Tag extends Known["_tag"]> = Extract<Known, { readonly _tag: Tag }>

/** What is said elsewhere too, or is of no use to a reader. */
const ignored = new Set([
  "keep_alive",
  "tool_progress",
  "tool_use_summary",
  "prompt_suggestion",
  "auth_status",
  "system/files_persisted",
  "system/hook_started",
  "system/hook_progress",
  "system/hook_response",
  "system/permission_denied",
  "system/session_state_changed",
  "system/thinking_tokens",
  "system/ui_invalidate"
])

const decodeKnown = Schema.decodeUnknownOption(Known)

/** `undefined` for what is ignored. */
export const decode = (type: string, frame: unknown): Frame | undefined => {
  if (ignored.has(type)) return undefined
  return (type === "stream_event" ? blockDelta(frame) : undefined) ?? decodeAny(type, frame)
}

/** By hand and not by the Schema, since text, thoughts and the input of tools come in thousands of them. */
const blockDelta = (frame: unknown): Of<"stream_event"> | undefined => {
  if (!Predicate.isReadonlyObject(frame)) return undefined
  const { agent_id, event, parent_tool_use_id, uuid } = frame
  if (!Predicate.isReadonlyObject(event) || agent_id !== undefined || parent_tool_use_id !== null) return undefined
  const { content_block, delta, index, message, type, usage } = event
  if (type !== "content_block_delta" || !Predicate.isReadonlyObject(delta) || !isIndex(index)) return undefined
  if (content_block !== undefined || message !== undefined || usage !== undefined || !isTurnId(uuid)) return undefined
  const { text, thinking } = delta
  if (!isTextOrAbsent(text) || !isTextOrAbsent(thinking)) return undefined
  const words = { ...(text === undefined ? {} : { text }), ...(thinking === undefined ? {} : { thinking }) }
  return { _tag: "stream_event", parent_tool_use_id, event: { type, index, delta: words }, uuid }
}

const isTextOrAbsent = (value: unknown): value is string | undefined => value === undefined || typeof value === "string"

const isIndex = Schema.is(Schema.Int)
const isTurnId = Schema.is(TurnId)

const decodeAny = (type: string, frame: unknown): Frame => {
  const known = decodeKnown({ ...(typeof frame === "object" ? frame : {}), _tag: type })
  return known._tag === "Some" ? known.value : { _tag: "Unrecognized", type, raw: frame }
}
