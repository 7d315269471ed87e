/**
 * OpenAI's Responses API: events in the documented order, each with its number. Codex 0.171.0 reads it.
 *
 * An id of an item is unique in the server and over servers, because agents keep items by their ids.
 */
import { Effect, Option, Schema } from "effect"
import type { Usage } from "../ModelReply.ts"
import { openAiError } from "./ChatWire.ts"
import { Content, type Message, message, type ModelRequest, shown, texts } from "./ModelRequest.ts"
import { event, type Frames, type Whole, type Wire, type WireCall } from "./Wire.ts"

const named = { type: Schema.String, name: Schema.optionalKey(Schema.String) }

/** A tool, or a namespace of tools. */
const Tool = Schema.Struct({ ...named, tools: Schema.optionalKey(Schema.Array(Schema.Struct(named))) })

/** What an agent says to its subagent is sealed by the provider. We are the provider, and our seal is none. */
const Part = Schema.Struct({
  text: Schema.optionalKey(Schema.Unknown),
  encrypted_content: Schema.optionalKey(Schema.String)
})

const Item = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  role: Schema.optionalKey(Schema.String),
  content: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Part)]))),
  call_id: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  arguments: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Schema.Unknown),
  tools: Schema.optionalKey(Schema.Array(Tool))
})

const Body = Schema.Struct({
  model: Schema.String,
  instructions: Schema.optionalKey(Schema.NullOr(Schema.String)),
  input: Schema.Union([Schema.String, Schema.Array(Item)]),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  prompt_cache_key: Schema.optionalKey(Schema.NullOr(Schema.String)),
  reasoning: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ effort: Schema.optionalKey(Schema.NullOr(Schema.String)) }))
  ),
  tools: Schema.optionalKey(Schema.NullOr(Schema.Array(Tool)))
})

const decode = Schema.decodeUnknownEffect(Body)

const itemsIn = ({ input }: typeof Body.Type): ReadonlyArray<typeof Item.Type> =>
  typeof input === "string" ? [{ role: "user", content: input }] : input

const toolsIn = (body: typeof Body.Type): ReadonlyArray<typeof Tool.Type> => [
  ...body.tools ?? [],
  ...itemsIn(body).flatMap(({ tools }) => tools ?? [])
]

/** The namespace of each tool that is in one, by the tool's name. */
type Namespaces = ReadonlyMap<string, string>

/** A call of a tool in a namespace must name it. `functions` is where tools without one are. */
const namespacesOf = ({ raw }: ModelRequest): Namespaces => {
  const tools = Option.match(Schema.decodeUnknownOption(Body)(raw), { onNone: () => [], onSome: toolsIn })
  return new Map(
    tools.flatMap(({ name, tools: inside }) =>
      name === undefined || name === "functions" ? [] : (inside ?? []).map((tool) => [tool.name ?? tool.type, name])
    )
  )
}

/** Reasoning and items of kinds that are not known are no messages. */
const messageOf = (item: typeof Item.Type): ReadonlyArray<Message> => {
  switch (item.type ?? "message") {
    case "message":
      return [message(roleOf(item.role), texts(item.content))]
    case "agent_message":
      return [message("user", opened(item.content))]
    case "function_call":
    case "custom_tool_call":
      return [message("assistant", [], {
        toolCalls: [{ id: item.call_id ?? "", name: item.name ?? "", arguments: item.arguments ?? item.input ?? "" }]
      })]
    case "function_call_output":
    case "custom_tool_call_output":
      return [message("tool", [resultOf(item.output)], { toolCallId: item.call_id })]
    default:
      return []
  }
}

const opened = (content: typeof Item.Type["content"]): ReadonlyArray<string> =>
  typeof content === "string"
    ? [content]
    : (content ?? []).map(({ encrypted_content, text }) => encrypted_content ?? shown(text))

const roleOf = (role: string | undefined) => role === "assistant" || role === "user" ? role : "system"

const isContent = Schema.is(Content)
const resultOf = (output: unknown) => isContent(output) ? texts(output).join("\n") : shown(output)

export const responses: Wire = {
  decode: ({ raw }) =>
    Effect.map(decode(raw), (body) => {
      const items = itemsIn(body)
      return {
        model: body.model,
        stream: body.stream ?? false,
        sessionId: body.prompt_cache_key ?? undefined,
        reasoningEffort: body.reasoning?.effort ?? undefined,
        toolNames: toolsIn(body).flatMap((tool) => tool.tools ?? [tool]).map((tool) => tool.name ?? tool.type),
        messages: [
          ...(body.instructions ? [message("system", [body.instructions])] : []),
          ...items.flatMap(messageOf)
        ]
      }
    }),
  frames: (request, id) => framesOf(request.model, id, namespacesOf(request)),
  whole: (request, id, answer) =>
    responseOf(request.model, id, statusOf(answer), {
      ...incomplete(answer),
      output: itemsOf(id, answer, namespacesOf(request)),
      usage: usageOf(answer.usage)
    }),
  error: openAiError
}

// --- the stream ---

interface OpenItem {
  readonly kind: "Text" | "Reasoning"
  readonly id: string
  text: string
}

const framesOf = (model: string, id: string, namespaces: Namespaces): Frames => {
  let sequence = 0
  let index = 0
  let current: OpenItem | undefined
  const output: Array<unknown> = []
  const send = (type: string, value: object) => event(type, { sequence_number: sequence++, ...value })

  const finished = (item: object) => {
    output.push(item)
    return send("response.output_item.done", { output_index: index++, item })
  }
  const endItem = (): ReadonlyArray<string> => {
    if (current === undefined) return []
    const { id, kind, text } = current
    const at = { item_id: id, output_index: index, ...place[kind] }
    current = undefined
    return kind === "Text"
      ? [
        send("response.output_text.done", { ...at, text, logprobs: [] }),
        send("response.content_part.done", { ...at, part: textPart(text) }),
        finished(messageItem(id, text))
      ]
      : [
        send("response.reasoning_summary_text.done", { ...at, text }),
        send("response.reasoning_summary_part.done", { ...at, part: summaryPart(text) }),
        finished(reasoningItem(id, text))
      ]
  }
  const beginItem = (kind: OpenItem["kind"]): ReadonlyArray<string> => {
    if (current?.kind === kind) return []
    const ended = endItem()
    const item: OpenItem = { kind, id: `${prefixes[kind]}_${id}_${index}`, text: "" }
    current = item
    const at = { item_id: item.id, output_index: index, ...place[kind] }
    const [added, part] = kind === "Text"
      ? [{ ...messageItem(item.id, ""), status: "in_progress", content: [] }, textPart("")]
      : [{ ...reasoningItem(item.id, ""), summary: [] }, summaryPart("")]
    return [
      ...ended,
      send("response.output_item.added", { output_index: index, item: added }),
      send(kind === "Text" ? "response.content_part.added" : "response.reasoning_summary_part.added", { ...at, part })
    ]
  }

  return {
    open: () => {
      const response = responseOf(model, id, "in_progress", { output: [] })
      return [send("response.created", { response }), send("response.in_progress", { response })]
    },
    piece: (piece) => {
      if (piece._tag === "Call") {
        const ended = endItem()
        const item = callItem(id, index, piece.call, namespaces)
        const at = { item_id: item.id, output_index: index }
        const written = piece.call.arguments
        const [name, key, empty] = piece.call.freeform
          ? ["custom_tool_call_input", "input", { ...item, status: "in_progress", input: "" }] as const
          : ["function_call_arguments", "arguments", { ...item, status: "in_progress", arguments: "" }] as const
        return [
          ...ended,
          send("response.output_item.added", { output_index: index, item: empty }),
          send(`response.${name}.delta`, { ...at, delta: written }),
          send(`response.${name}.done`, { ...at, [key]: written }),
          finished(item)
        ]
      }
      const begun = beginItem(piece._tag)
      if (current === undefined) return begun
      current.text += piece.text
      const type = piece._tag === "Text" ? "response.output_text.delta" : "response.reasoning_summary_text.delta"
      const at = { item_id: current.id, output_index: index, ...place[piece._tag] }
      return [...begun, send(type, { ...at, delta: piece.text, ...(piece._tag === "Text" ? { logprobs: [] } : {}) })]
    },
    close: (closing) => {
      if (closing._tag === "Failed") {
        const { code, message, status } = closing.failure
        const error = { code: code ?? codes[status] ?? "server_error", message: message ?? shown(status) }
        return [send("response.failed", { response: responseOf(model, id, "failed", { output, error }) })]
      }
      const ended = endItem()
      const status = statusOf(closing)
      return [
        ...ended,
        send(`response.${status}`, {
          response: responseOf(model, id, status, { ...incomplete(closing), output, usage: usageOf(closing.usage) })
        })
      ]
    }
  }
}

const codes: Readonly<Record<number, string>> = { 429: "rate_limit_exceeded", 503: "server_is_overloaded" }

// --- what is in it ---

const prefixes = { Text: "msg", Reasoning: "rs" } as const
const place = { Text: { content_index: 0 }, Reasoning: { summary_index: 0 } } as const

const textPart = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] })
const summaryPart = (text: string) => ({ type: "summary_text", text })

const messageItem = (id: string, text: string) => ({
  type: "message",
  id,
  role: "assistant",
  status: "completed",
  content: [textPart(text)]
})

const reasoningItem = (id: string, text: string) => ({ type: "reasoning", id, summary: [summaryPart(text)] })

const callItem = (id: string, index: number, call: WireCall, namespaces: Namespaces) => {
  const namespace = namespaces.get(call.name)
  const common = {
    call_id: call.id,
    name: call.name,
    status: "completed",
    ...(namespace === undefined ? {} : { namespace })
  }
  return call.freeform
    ? { type: "custom_tool_call", id: `ctc_${id}_${index}`, ...common, input: call.arguments }
    : { type: "function_call", id: `fc_${id}_${index}`, ...common, arguments: call.arguments }
}

const itemsOf = (id: string, { calls, reasoning, text }: Whole, namespaces: Namespaces) => {
  const items: Array<unknown> = []
  if (reasoning !== "") items.push(reasoningItem(`rs_${id}_0`, reasoning))
  if (text !== "") items.push(messageItem(`msg_${id}_${items.length}`, text))
  for (const call of calls) items.push(callItem(id, items.length, call, namespaces))
  return items
}

const responseOf = (model: string, id: string, status: string, more: object) => ({
  id: `resp_${id}`,
  object: "response",
  created_at: 1_700_000_000,
  status,
  model,
  error: null,
  incomplete_details: null,
  ...more
})

const statusOf = ({ finish }: Pick<Whole, "finish">) => finish === "stop" ? "completed" : "incomplete"

const incomplete = ({ finish }: Pick<Whole, "finish">) =>
  finish === "stop"
    ? {}
    : { incomplete_details: { reason: finish === "length" ? "max_output_tokens" : "content_filter" } }

const usageOf = (usage: Usage) => ({
  input_tokens: usage.input,
  input_tokens_details: { cached_tokens: usage.cacheRead ?? 0 },
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
  total_tokens: usage.input + usage.output
})
