/**
 * Chat completions, as OpenAI documents them and every compatible server speaks them. Reasoning is `reasoning_content`,
 * which is not OpenAI's, but what compatible servers send.
 */
import { Effect, Schema } from "effect"
import type { Usage } from "../ModelReply.ts"
import { Content, message, shown, texts } from "./ModelRequest.ts"
import { data, jsonArguments, type Wire, type WireCall } from "./Wire.ts"

const Body = Schema.Struct({
  model: Schema.String,
  messages: Schema.Array(Schema.Struct({
    role: Schema.String,
    content: Schema.optionalKey(Content),
    tool_call_id: Schema.optionalKey(Schema.String),
    tool_calls: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
      id: Schema.String,
      function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
    }))))
  })),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  stream_options: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ include_usage: Schema.optionalKey(Schema.Boolean) }))
  ),
  reasoning_effort: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tools: Schema.optionalKey(Schema.NullOr(Schema.Array(
    Schema.Struct({ function: Schema.optionalKey(Schema.Struct({ name: Schema.String })) })
  )))
})

const decode = Schema.decodeUnknownEffect(Body)
const wantsUsage = Schema.is(Schema.Struct({ stream_options: Schema.Struct({ include_usage: Schema.Literal(true) }) }))

/** `developer` is OpenAI's newer name of `system`. */
const roleOf = (role: string) => role === "assistant" || role === "tool" || role === "user" ? role : "system"

export const chat: Wire = {
  decode: ({ raw }) =>
    Effect.map(decode(raw), (body) => ({
      model: body.model,
      stream: body.stream ?? false,
      reasoningEffort: body.reasoning_effort ?? undefined,
      toolNames: (body.tools ?? []).flatMap((tool) => tool.function?.name ?? []),
      messages: body.messages.map(({ content, role, tool_call_id, tool_calls }) =>
        message(roleOf(role), texts(content), {
          toolCallId: tool_call_id,
          toolCalls: (tool_calls ?? []).map((call) => ({
            id: call.id,
            name: call.function.name,
            arguments: call.function.arguments
          }))
        })
      )
    })),
  frames: (request, id) => {
    const chunk = (choices: ReadonlyArray<object>, more: object = {}) =>
      data({
        id: `chatcmpl-${id}`,
        object: "chat.completion.chunk",
        created: 0,
        model: request.model,
        choices,
        ...more
      })
    const delta = (delta: object, finish_reason: string | null = null) => chunk([{ index: 0, delta, finish_reason }])
    let calls = 0
    return {
      open: () => [delta({ role: "assistant", content: "" })],
      piece: (piece) => {
        if (piece._tag !== "Call") {
          return [delta({ [piece._tag === "Text" ? "content" : "reasoning_content"]: piece.text })]
        }
        const { id, name } = piece.call
        const index = calls++
        return [
          delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
          delta({ tool_calls: [{ index, function: { arguments: jsonArguments(piece.call) } }] })
        ]
      },
      close: (closing) => {
        if (closing._tag === "Failed") return [data(openAiError(closing.failure))]
        const last = delta({}, calls > 0 && closing.finish === "stop" ? "tool_calls" : reasons[closing.finish])
        const usage = wantsUsage(request.raw) ? [chunk([], { usage: usageOf(closing.usage) })] : []
        return [last, ...usage, "data: [DONE]\n\n"]
      }
    }
  },
  whole: (request, id, { calls, finish, reasoning, text, usage }) => ({
    id: `chatcmpl-${id}`,
    object: "chat.completion",
    created: 0,
    model: request.model,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: text === "" && calls.length > 0 ? null : text,
        ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
        ...(calls.length === 0 ? {} : { tool_calls: calls.map(functionCall) })
      },
      finish_reason: calls.length > 0 && finish === "stop" ? "tool_calls" : reasons[finish]
    }],
    usage: usageOf(usage)
  }),
  error: (failure) => openAiError(failure)
}

const reasons = { stop: "stop", length: "length", "content-filter": "content_filter" } as const

const functionCall = (call: WireCall) => ({
  id: call.id,
  type: "function",
  function: { name: call.name, arguments: jsonArguments(call) }
})

const usageOf = (usage: Usage) => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
  prompt_tokens_details: { cached_tokens: usage.cacheRead ?? 0 },
  completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 }
})

/** An error as OpenAI writes it, in both of its APIs. */
export const openAiError: Wire["error"] = ({ code, message, status }) => ({
  error: { message: message ?? shown(status), type: types[status] ?? "server_error", param: null, code: code ?? null }
})

const types: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "invalid_request_error",
  413: "invalid_request_error",
  429: "rate_limit_error"
}
