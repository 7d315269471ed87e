/**
 * A stand-in for the model behind a real agent: an OpenAI-compatible chat-completions server on 127.0.0.1 whose answers
 * are a script. The agent (its loop, tools, permissions, storage) stays real, so what a test sees is what a user sees.
 *
 * The script gets every request decoded and returns a {@link Reply}, or an Effect of one. An Effect is how a test holds
 * the model: wait on a Latch before replying, or give `text` as a Stream and offer one chunk at a time. When the client
 * hangs up, the script and its stream are interrupted. Nothing here sleeps or polls, so it runs under TestClock.
 *
 * Where it hurts:
 * - Title requests (OpenCode asks for a title in a session that has none) are answered here, neither seen by the script
 *   nor counted. Summaries for compaction are ordinary requests and do reach the script.
 * - Agents retry. One prompt answered with a 429, a 5xx or a `Drop` becomes six requests in OpenCode 1.18.33 over 65 s,
 *   unless the reply carries `retry-after-ms`. A script that dies is a 400, which is not retried.
 * - `awaitRequest` looks at the past too: match on something unique, or on `index`.
 * - A script must end by itself: one that always answers with tool calls loops for ever.
 */
import { Data, Effect, FiberSet, Schema, type Scope, Stream, SubscriptionRef } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

const Content = Schema.NullOr(Schema.Union([
  Schema.String,
  Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optionalKey(Schema.String) }))
]))

/** One message of the request, as OpenAI writes it. */
export const Message = Schema.Struct({
  role: Schema.String,
  content: Schema.optionalKey(Content),
  reasoning_content: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tool_call_id: Schema.optionalKey(Schema.String),
  tool_calls: Schema.optionalKey(Schema.Array(Schema.Struct({
    id: Schema.String,
    function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
  })))
})
export type Message = typeof Message.Type

const Body = Schema.fromJsonString(Schema.Struct({
  model: Schema.String,
  messages: Schema.Array(Message),
  stream: Schema.optionalKey(Schema.Boolean),
  reasoning_effort: Schema.optionalKey(Schema.String),
  tools: Schema.optionalKey(Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) })))
}))

/** One call of the model. */
export interface ModelRequest {
  /** Position in `requests`. */
  readonly index: number
  /** The agent's session, from OpenCode's `x-session-id` or `x-session-affinity` header. */
  readonly sessionId: string | undefined
  readonly model: string
  readonly reasoningEffort: string | undefined
  readonly messages: ReadonlyArray<Message>
  /** All system messages, joined. */
  readonly systemText: string
  /** The text parts of the last user message, joined by newlines; empty when there is none. */
  readonly lastUserText: string
  readonly toolNames: ReadonlyArray<string>
  /** Whether the last message is a tool's result, so this call continues a tool loop. */
  readonly afterToolResult: boolean
  readonly lastToolResult: string | undefined
  readonly stream: boolean
}

/** Tokens; `input` includes the cached ones, as OpenAI counts. */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number
  readonly reasoning?: number
}

/** One chunk, or as many as the stream yields, when it yields them. */
export type Chunks = string | Stream.Stream<string>

export interface ToolCall {
  readonly id?: string
  readonly name: string
  /** An object is sent as JSON; a string is sent as it is, so that broken JSON can be scripted. */
  readonly arguments: Readonly<Record<string, unknown>> | string
}

export type Reply = Data.TaggedEnum<{
  Text: { readonly text: Chunks; readonly finishReason?: "stop" | "length" | "content_filter"; readonly usage?: Usage }
  Reasoning: { readonly reasoning: Chunks; readonly text: Chunks; readonly usage?: Usage }
  ToolCalls: { readonly calls: ReadonlyArray<ToolCall>; readonly text?: Chunks; readonly usage?: Usage }
  /** An HTTP error. `body` is the provider's error object or any text. */
  Error: { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** Never answers; ends when the client hangs up. */
  Hang: {}
  /** Sends `text`, then cuts the socket. */
  Drop: { readonly text?: Chunks }
}>
export const Reply = Data.taggedEnum<Reply>()

export type Script = (request: ModelRequest) => Reply | Effect.Effect<Reply>

export interface ScriptedModel {
  readonly port: number
  /** The base URL for an OpenAI-compatible client: `http://127.0.0.1:<port>/v1`. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<ModelRequest>>
  /** The first request, past or future, that satisfies the predicate. */
  readonly awaitRequest: (predicate: (request: ModelRequest) => boolean) => Effect.Effect<ModelRequest>
}

/** A plain text reply. */
export const text = (text: Chunks): Reply => Reply.Text({ text })

/** A reply that calls one tool. */
export const call = (name: string, args: ToolCall["arguments"]): Reply =>
  Reply.ToolCalls({ calls: [{ name, arguments: args }] })

/** Answers `echo: <lastUserText>`. */
export const echo: Script = (request) => text(`echo: ${request.lastUserText}`)

/** Starts the server; it stops, and cuts all connections, when the scope closes. */
export const make = Effect.fn("ScriptedModel.make")(function*(
  script: Script,
  options?: { readonly port?: number }
): Effect.fn.Return<ScriptedModel, never, Scope.Scope> {
  const seen = yield* SubscriptionRef.make<ReadonlyArray<ModelRequest>>([])
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const port = yield* listen(options?.port ?? 0, (incoming, response) => {
    run(Effect.raceFirst(handle(script, seen, incoming, response), closed(response)))
  })
  return {
    port,
    url: `http://127.0.0.1:${port}/v1`,
    requests: SubscriptionRef.get(seen),
    awaitRequest: (predicate) =>
      SubscriptionRef.changes(seen).pipe(
        Stream.flattenIterable,
        Stream.filter(predicate),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption),
        Effect.orDie
      )
  }
})

// --- one exchange ---

const handle = Effect.fnUntraced(function*(
  script: Script,
  seen: SubscriptionRef.SubscriptionRef<ReadonlyArray<ModelRequest>>,
  incoming: IncomingMessage,
  response: ServerResponse
) {
  if (incoming.url === "/v1/models") return yield* send(response, 200, { object: "list", data: [{ id: "scripted-1" }] })
  if (incoming.url !== "/v1/chat/completions") return yield* send(response, 404, failure(`no ${incoming.url} here`))
  const decoded = yield* readText(incoming).pipe(Effect.flatMap(Schema.decodeUnknownEffect(Body)), Effect.result)
  if (decoded._tag === "Failure") return yield* send(response, 400, failure(decoded.failure.message))
  const asked = describe(incoming, decoded.success)
  if (asked.systemText.includes("title generator")) return yield* respond(response, { ...asked, index: -1 }, title)
  const request = yield* SubscriptionRef.modify(seen, (requests) => {
    const request = { ...asked, index: requests.length }
    return [request, [...requests, request]]
  })
  const reply = Effect.suspend(() => {
    const scripted = script(request)
    return Effect.isEffect(scripted) ? scripted : Effect.succeed(scripted)
  })
  yield* Effect.flatMap(reply, (reply) => respond(response, request, reply)).pipe(
    Effect.catchDefect((defect) =>
      response.headersSent ? cut(response) : send(response, 400, failure(`the script died: ${defect}`))
    )
  )
})

const title = text("Scripted title")

const describe = (incoming: IncomingMessage, body: typeof Body["Type"]): Omit<ModelRequest, "index"> => {
  const last = body.messages.at(-1)
  const afterToolResult = last?.role === "tool"
  return {
    sessionId: [incoming.headers["x-session-id"], incoming.headers["x-session-affinity"]].flat().find((id) => id),
    model: body.model,
    reasoningEffort: body.reasoning_effort,
    messages: body.messages,
    systemText: body.messages.filter((message) => message.role === "system").map(textOf).join("\n"),
    lastUserText: textOf(body.messages.findLast((message) => message.role === "user")),
    toolNames: (body.tools ?? []).map((tool) => tool.function.name),
    afterToolResult,
    lastToolResult: afterToolResult ? textOf(last) : undefined,
    stream: body.stream ?? false
  }
}

/** The text of a message, whichever of OpenAI's two shapes it has. */
export const textOf = (message: Message | undefined): string => {
  const content = message?.content ?? ""
  return typeof content === "string" ? content : content.flatMap((part) => part.text ?? []).join("\n")
}

// --- replies on the wire ---

interface Delta {
  readonly content?: string
  readonly reasoning_content?: string
  readonly tool_calls?: ReadonlyArray<WireCall>
}

interface WireCall {
  readonly index: number
  readonly id: string
  readonly type: "function"
  readonly function: { readonly name: string; readonly arguments: string }
}

const respond = (response: ServerResponse, request: ModelRequest, reply: Reply): Effect.Effect<void> =>
  Reply.$match(reply, {
    Hang: () => Effect.never,
    Error: ({ status, body, headers }) => send(response, status, body, headers),
    Drop: ({ text }) =>
      Stream.runForEach(content(text ?? ""), (delta) => write(response, request, chunk(request, delta))).pipe(
        Effect.andThen(cut(response))
      ),
    Text: ({ text, finishReason, usage }) => complete(response, request, content(text), finishReason ?? "stop", usage),
    Reasoning: ({ reasoning, text, usage }) =>
      complete(
        response,
        request,
        Stream.concat(Stream.map(chunks(reasoning), (reasoning_content) => ({ reasoning_content })), content(text)),
        "stop",
        usage
      ),
    ToolCalls: ({ calls, text, usage }) =>
      complete(
        response,
        request,
        Stream.concat(content(text ?? ""), Stream.succeed({ tool_calls: calls.map(wireCall(request)) })),
        "tool_calls",
        usage
      )
  })

const wireCall = (request: ModelRequest) => (call: ToolCall, index: number): WireCall => ({
  index,
  id: call.id ?? `call_${request.sessionId ?? ""}_${request.index}_${index}`,
  type: "function",
  function: {
    name: call.name,
    arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments)
  }
})

const chunks = (source: Chunks): Stream.Stream<string> =>
  typeof source !== "string" ? source : source === "" ? Stream.empty : Stream.succeed(source)

const content = (source: Chunks): Stream.Stream<Delta> => Stream.map(chunks(source), (content) => ({ content }))

const complete = Effect.fnUntraced(function*(
  response: ServerResponse,
  request: ModelRequest,
  deltas: Stream.Stream<Delta>,
  finish_reason: string,
  usage: Usage = { input: 10, output: 5 }
) {
  if (request.stream) {
    yield* Stream.runForEach(deltas, (delta) => write(response, request, chunk(request, delta)))
    yield* write(response, request, { ...chunk(request, {}, finish_reason), usage: wireUsage(usage) })
    return yield* end(response, "data: [DONE]\n\n")
  }
  const all = yield* Stream.runCollect(deltas)
  const tool_calls = all.flatMap((delta) => delta.tool_calls ?? [])
  const message = {
    role: "assistant",
    content: all.map((delta) => delta.content ?? "").join(""),
    reasoning_content: all.map((delta) => delta.reasoning_content ?? "").join(""),
    ...(tool_calls.length === 0 ? {} : { tool_calls })
  }
  yield* send(response, 200, {
    ...chunk(request, {}),
    object: "chat.completion",
    choices: [{ index: 0, message, finish_reason }],
    usage: wireUsage(usage)
  })
})

const chunk = (request: ModelRequest, delta: Delta, finish_reason: string | null = null) => ({
  id: `chatcmpl-${request.index}`,
  object: "chat.completion.chunk",
  created: 0,
  model: request.model,
  choices: [{ index: 0, delta: { role: "assistant", ...delta }, finish_reason }]
})

const wireUsage = (usage: Usage) => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
  prompt_tokens_details: { cached_tokens: usage.cacheRead ?? 0 },
  completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 }
})

const failure = (message: string) => ({ error: { message, type: "scripted" } })

// --- node:http as Effects ---

const listen = (port: number, onRequest: (incoming: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(onRequest)
      server.once("error", (error) => resume(Effect.die(error)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : port
  }))

const readText = (incoming: IncomingMessage) =>
  Effect.callback<string>((resume) => {
    const parts: Array<Buffer> = []
    incoming.on("data", (part) => parts.push(part))
    incoming.once("end", () => resume(Effect.sync(() => Buffer.concat(parts).toString("utf8"))))
  })

const closed = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    if (response.closed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })

// Resolves when the frame has left, so a socket cut afterwards cannot take it back.
const write = (response: ServerResponse, request: ModelRequest, frame: unknown) =>
  Effect.callback<void>((resume) => {
    if (!response.headersSent) response.writeHead(200, { "content-type": request.stream ? eventStream : json })
    response.write(`data: ${JSON.stringify(frame)}\n\n`, () => resume(Effect.void))
  })

const send = (response: ServerResponse, status: number, body: unknown, headers?: Readonly<Record<string, string>>) =>
  Effect.suspend(() => {
    response.writeHead(status, { "content-type": json, ...headers })
    return end(response, typeof body === "string" ? body : JSON.stringify(body))
  })

const end = (response: ServerResponse, last: string) =>
  Effect.callback<void>((resume) => {
    response.end(last, () => resume(Effect.void))
  })

const cut = (response: ServerResponse) => Effect.sync(() => void response.destroy())

const json = "application/json"
const eventStream = "text/event-stream"
