/**
 * Anthropic's Messages API: events in the documented order, thinking with a signature. Claude Code 2.1.332 reads it; it
 * asks again with `stream: false` after an error in a stream.
 */
import { Effect, Schema } from "effect"
import type { Usage } from "../ModelReply.ts"
import { Content, type Message, message, sessionOfUser, shown, texts } from "./ModelRequest.ts"
import { event, jsonArguments, objectArguments, type Whole, type Wire, type WireCall } from "./Wire.ts"

const Block = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.Unknown),
  id: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.Unknown),
  tool_use_id: Schema.optionalKey(Schema.String),
  content: Schema.optionalKey(Schema.Unknown)
})

const Body = Schema.Struct({
  model: Schema.String,
  system: Schema.optionalKey(Content),
  messages: Schema.Array(Schema.Struct({
    role: Schema.String,
    content: Schema.Union([Schema.String, Schema.Array(Block)])
  })),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  metadata: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ user_id: Schema.optionalKey(Schema.NullOr(Schema.String)) }))
  ),
  output_config: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ effort: Schema.optionalKey(Schema.NullOr(Schema.String)) }))
  ),
  tools: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))))
})

const decode = Schema.decodeUnknownEffect(Body)
const isContent = Schema.is(Content)

/** A user's message may hold results and texts, in any order: each run of texts and each result is a message. */
const messagesOf = (role: string, content: string | ReadonlyArray<typeof Block.Type>): ReadonlyArray<Message> => {
  if (role !== "user") {
    const blocks = typeof content === "string" ? [] : content
    return [message(role === "assistant" ? "assistant" : "system", texts(content), {
      toolCalls: blocks.flatMap((block) =>
        block.type === "tool_use"
          ? [{ id: block.id ?? "", name: block.name ?? "", arguments: shown(block.input) }]
          : []
      )
    })]
  }
  if (typeof content === "string") return [message("user", [content])]
  const found: Array<Message> = []
  let said: Array<string> = []
  for (const block of content) {
    if (block.type !== "tool_result") {
      said.push(...texts([block]))
      continue
    }
    if (said.length > 0) found.push(message("user", said))
    said = []
    const result = isContent(block.content) ? texts(block.content).join("\n") : shown(block.content)
    found.push(message("tool", [result], { toolCallId: block.tool_use_id }))
  }
  return said.length > 0 || found.length === 0 ? [...found, message("user", said)] : found
}

export const messages: Wire = {
  decode: ({ raw }) =>
    Effect.map(decode(raw), (body) => ({
      model: body.model,
      stream: body.stream ?? false,
      sessionId: sessionOfUser(body.metadata?.user_id ?? undefined),
      reasoningEffort: body.output_config?.effort ?? undefined,
      toolNames: (body.tools ?? []).flatMap((tool) => tool.name ?? []),
      messages: [
        ...(body.system ? [message("system", texts(body.system))] : []),
        ...body.messages.flatMap(({ content, role }) => messagesOf(role, content))
      ]
    })),
  frames: (request, id) => {
    let index = -1
    let current: "Text" | "Reasoning" | undefined
    let calls = 0
    const start = (content_block: object) => event("content_block_start", { index: ++index, content_block })
    const delta = (delta: object) => event("content_block_delta", { index, delta })
    const stop = () => event("content_block_stop", { index })
    const endBlock = (): ReadonlyArray<string> => {
      const ended = current
      current = undefined
      if (ended === undefined) return []
      return ended === "Reasoning" ? [delta({ type: "signature_delta", signature }), stop()] : [stop()]
    }
    return {
      open: (usage) => [
        event("message_start", {
          message: {
            ...messageOf(request.model, id, []),
            stop_reason: null,
            usage: { ...usageOf(usage), output_tokens: 1 }
          }
        }),
        event("ping", {})
      ],
      piece: (piece) => {
        if (piece._tag === "Call") {
          calls++
          const ended = endBlock()
          return [
            ...ended,
            start({ ...toolUse(piece.call), input: {} }),
            delta({ type: "input_json_delta", partial_json: "" }),
            delta({ type: "input_json_delta", partial_json: jsonArguments(piece.call) }),
            stop()
          ]
        }
        const begun = current === piece._tag
          ? []
          : [
            ...endBlock(),
            start(piece._tag === "Text" ? textBlock("") : { type: "thinking", thinking: "", signature: "" })
          ]
        current = piece._tag
        return [
          ...begun,
          delta(
            piece._tag === "Text"
              ? { type: "text_delta", text: piece.text }
              : { type: "thinking_delta", thinking: piece.text }
          )
        ]
      },
      close: (closing) => {
        if (closing._tag === "Failed") return [event("error", errorOf(closing.failure))]
        return [
          ...endBlock(),
          event("message_delta", {
            delta: { stop_reason: stopReason(closing.finish, calls), stop_sequence: null },
            usage: usageOf(closing.usage)
          }),
          event("message_stop", {})
        ]
      }
    }
  },
  whole: (request, id, { calls, finish, reasoning, text, usage }) => ({
    ...messageOf(request.model, id, [
      ...(reasoning === "" ? [] : [{ type: "thinking", thinking: reasoning, signature }]),
      ...(text === "" ? [] : [textBlock(text)]),
      ...calls.map((call) => ({ ...toolUse(call), input: objectArguments(call) }))
    ]),
    stop_reason: stopReason(finish, calls.length),
    usage: usageOf(usage)
  }),
  error: (failure) => ({ type: "error", ...errorOf(failure) })
}

const signature = "scripted"

const messageOf = (model: string, id: string, content: ReadonlyArray<object>) => ({
  id: `msg_${id}`,
  type: "message",
  role: "assistant",
  model,
  content,
  stop_sequence: null
})

const textBlock = (text: string) => ({ type: "text", text })
const toolUse = ({ id, name }: WireCall) => ({ type: "tool_use", id, name })

const stopReason = (finish: Whole["finish"], calls: number) =>
  finish === "length" ? "max_tokens" : finish === "content-filter" ? "refusal" : calls > 0 ? "tool_use" : "end_turn"

/** Here `input_tokens` are those that are neither read from the cache nor written to it. */
const usageOf = ({ cacheRead = 0, cacheWrite = 0, input, output }: Usage) => ({
  input_tokens: Math.max(0, input - cacheRead - cacheWrite),
  cache_creation_input_tokens: cacheWrite,
  cache_read_input_tokens: cacheRead,
  output_tokens: output
})

const errorOf = ({ code, message, status }: Parameters<Wire["error"]>[0]) => ({
  error: { type: code ?? types[status] ?? "api_error", message: message ?? shown(status) }
})

const types: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error"
}
