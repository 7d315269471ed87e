/**
 * Gemini's `generateContent` and `streamGenerateContent`: server-sent events with `?alt=sse`, else one JSON array.
 */
import { Effect, Schema } from "effect"
import type { Finish, Usage } from "../ModelReply.ts"
import { type Message, message, shown } from "./ModelRequest.ts"
import { objectArguments, type Wire, type WireCall } from "./Wire.ts"

const Part = Schema.Struct({
  text: Schema.optionalKey(Schema.String),
  thought: Schema.optionalKey(Schema.Boolean),
  functionCall: Schema.optionalKey(Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    name: Schema.String,
    args: Schema.optionalKey(Schema.Unknown)
  })),
  functionResponse: Schema.optionalKey(Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    name: Schema.optionalKey(Schema.String),
    response: Schema.optionalKey(Schema.Unknown)
  }))
})

const Body = Schema.Struct({
  contents: Schema.Array(Schema.Struct({
    role: Schema.optionalKey(Schema.String),
    parts: Schema.optionalKey(Schema.Array(Part))
  })),
  systemInstruction: Schema.optionalKey(Schema.Struct({ parts: Schema.optionalKey(Schema.Array(Part)) })),
  generationConfig: Schema.optionalKey(Schema.Struct({
    thinkingConfig: Schema.optionalKey(Schema.Struct({ thinkingLevel: Schema.optionalKey(Schema.String) }))
  })),
  tools: Schema.optionalKey(Schema.Array(
    Schema.Struct({ functionDeclarations: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String }))) })
  ))
})

const decode = Schema.decodeUnknownEffect(Body)
type Part = typeof Part.Type

const path = /\/models\/([^/?]+):(stream)?generateContent/i

const said = (parts: ReadonlyArray<Part>) => parts.flatMap(({ text, thought }) => thought || !text ? [] : [text])

/** The results of tools come as parts of a user's content; each is a message of its own. */
const messagesOf = (role: string | undefined, parts: ReadonlyArray<Part>): ReadonlyArray<Message> => {
  if (role === "model") {
    return [message("assistant", said(parts), {
      toolCalls: parts.flatMap(({ functionCall: call }) =>
        call === undefined ? [] : [{ id: call.id ?? "", name: call.name, arguments: shown(call.args ?? {}) }]
      )
    })]
  }
  const results = parts.flatMap(({ functionResponse: result }) =>
    result === undefined ? [] : [message("tool", [resultOf(result.response)], { toolCallId: result.id })]
  )
  const texts = said(parts)
  return texts.length > 0 || results.length === 0 ? [...results, message("user", texts)] : results
}

const Output = Schema.Struct({ output: Schema.String })
const isOutput = Schema.is(Output)
const resultOf = (response: unknown) => isOutput(response) ? response.output : shown(response)

export const gemini: Wire = {
  decode: ({ raw, url }) =>
    Effect.map(decode(raw), (body) => {
      const [, model = "", stream] = path.exec(url) ?? []
      return {
        model: decodeURIComponent(model),
        stream: stream !== undefined,
        reasoningEffort: body.generationConfig?.thinkingConfig?.thinkingLevel,
        toolNames: (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []).map(({ name }) => name),
        messages: [
          ...(body.systemInstruction?.parts ? [message("system", said(body.systemInstruction.parts))] : []),
          ...body.contents.flatMap(({ parts, role }) => messagesOf(role, parts ?? []))
        ]
      }
    }),
  frames: (request, id) => {
    const sse = isSse(request.url)
    let first = true
    const frame = (value: unknown) => {
      const before = first ? "[" : ",\r\n"
      first = false
      return sse ? `data: ${JSON.stringify(value)}\r\n\r\n` : before + JSON.stringify(value)
    }
    const chunk = (parts: ReadonlyArray<object>, candidate: object = {}, more: object = {}) =>
      frame({
        candidates: [{ content: { role: "model", parts }, ...candidate, index: 0 }],
        ...more,
        ...named(request.model, id)
      })
    return {
      open: () => [],
      piece: (piece) => [
        chunk([
          piece._tag === "Call"
            ? callPart(piece.call)
            : piece._tag === "Text"
            ? { text: piece.text }
            : { text: piece.text, thought: true }
        ])
      ],
      close: (closing) => {
        const end = sse ? [] : ["]"]
        if (closing._tag === "Failed") return [frame(errorOf(closing.failure)), ...end]
        return [
          chunk([{ text: "" }], { finishReason: reasons[closing.finish] }, { usageMetadata: usageOf(closing.usage) }),
          ...end
        ]
      }
    }
  },
  whole: (request, id, { calls, finish, reasoning, text, usage }) => ({
    candidates: [{
      content: {
        role: "model",
        parts: [
          ...(reasoning === "" ? [] : [{ text: reasoning, thought: true }]),
          ...(text === "" ? [] : [{ text }]),
          ...calls.map(callPart)
        ]
      },
      finishReason: reasons[finish],
      index: 0
    }],
    usageMetadata: usageOf(usage),
    ...named(request.model, id)
  }),
  error: (failure) => errorOf(failure),
  streamType: ({ url }) => isSse(url) ? "text/event-stream" : "application/json"
}

const isSse = (url: string) => new URL(url, "http://localhost").searchParams.get("alt") === "sse"

const named = (modelVersion: string, responseId: string) => ({ modelVersion, responseId })

const callPart = (call: WireCall) => ({
  functionCall: { id: call.id, name: call.name, args: objectArguments(call) }
})

const reasons: Readonly<Record<Finish, string>> = { stop: "STOP", length: "MAX_TOKENS", "content-filter": "SAFETY" }

const usageOf = (usage: Usage) => ({
  promptTokenCount: usage.input,
  candidatesTokenCount: usage.output - (usage.reasoning ?? 0),
  thoughtsTokenCount: usage.reasoning ?? 0,
  cachedContentTokenCount: usage.cacheRead ?? 0,
  totalTokenCount: usage.input + usage.output
})

const errorOf: Wire["error"] = ({ code, message, status }) => ({
  error: { code: status, message: message ?? shown(status), status: code ?? statuses[status] ?? "INTERNAL" }
})

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE"
}
