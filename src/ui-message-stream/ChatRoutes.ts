/**
 * Routes for a page of the AI SDK (`useChat`, assistant-ui) on Effect's `HttpRouter`.
 *
 * - `POST /chat` sends the last message as a turn and streams the assistant's. Where that message is an assistant's with
 *   answers to approvals, they are given, and the stream begins the message anew (`reset-step`).
 * - `GET /chat/:id/stream` streams the turn that runs from its start, to a page that was reloaded; 204 where none does.
 * - `POST /chat/:id/stop` interrupts the turn. A page that only leaves does not.
 * - `POST /chat/:id/answer` answers a question, an elicitation or an approval ({@link ChatRequest.ChatAnswer}).
 *
 * Errors are the public form of ours, with their statuses. **The routes do not check who calls**: mount them behind
 * the app's own middleware. Where the app decides thread by thread (`ThreadAccess`), that middleware must provide `Caller`, as
 * whom each request is made; without one they answer 500.
 *
 * **Example**
 *
 * ```ts
 * const Chat = ChatRoutes.layer({ newThread: { instanceId: InstanceId.make("opencode"), directory: "/repo" } })
 * const Server = HttpRouter.serve(Chat).pipe(Layer.provide(App), Layer.provide(NodeHttpServer.layer(createServer, { port })))
 * ```
 *
 * @since 0.1.0
 */
import { ByteSize, type Duration, Effect, type Layer, Option, Schema, Stream } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { BodyTooLarge, InternalError } from "../api/ApiError.ts"
import { Caller } from "../api/Middleware.ts"
import { ThreadId, type TurnId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import type { Described } from "../domain/PublicError.ts"
import * as CallerService from "../server/CallerService.ts"
import { Drain } from "../server/Drain.ts"
import { ThreadAccess } from "../server/ThreadAccess.ts"
import type * as Commands from "../service/Commands.ts"
import { ProviderService } from "../service/ProviderService.ts"
import type { ThreadInfo } from "../service/Results.ts"
import { InputInvalid, toPublic } from "../service/ServiceError.ts"
import { ChatAnswer, ChatRequest, saidBy } from "./ChatRequest.ts"
import { encode } from "./encode.ts"
import { startOf } from "./internal/turnStart.ts"
import type { MessageMetadata, UIMessageChunk } from "./UIMessageChunk.ts"

type Agents = ProviderService["Service"]

/** What a request works with. */
interface Chat {
  /** The service, for the caller of the request. */
  readonly agents: Agents
  readonly options: ChatOptions
  readonly maxBody: ByteSize.ByteSize
  /** Succeeds once the server begins to stop. */
  readonly stopping: Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ChatOptions {
  /** Default: `/chat`. */
  readonly path?: `/${string}` | undefined
  /** How the thread of a chat that is new is made. Default: it fails with `ThreadNotFound`. */
  readonly newThread?: Omit<Commands.CreateThread, "threadId"> | undefined
  /** How long an approval is open before the stream is ended, so that the page can answer. Default: 250 ms. */
  readonly pauseAfter?: Duration.Input | undefined
  /** How often a stream without news says that it is there. Default: 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
  /** How large a request may be. Default: 16 MiB. */
  readonly maxBody?: ByteSize.ByteSize | undefined
}

const headers = {
  "cache-control": "no-cache",
  "x-vercel-ai-ui-message-stream": "v1",
  // Proxies such as nginx would hold the stream back.
  "x-accel-buffering": "no"
}

/**
 * A UI message stream as a response: Server-Sent Events, closed by `[DONE]`, with a comment from time to time.
 *
 * @since 0.1.0
 * @category encoding
 */
export const toResponse = (
  chunks: Stream.Stream<UIMessageChunk>,
  keepAlive: Duration.Input = "15 seconds"
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    chunks.pipe(
      Stream.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`),
      Stream.concat(Stream.make("data: [DONE]\n\n")),
      Stream.merge(Stream.map(Stream.drop(Stream.tick(keepAlive), 1), () => ": here\n\n"), { haltStrategy: "left" }),
      Stream.encodeText
    ),
    { contentType: "text/event-stream", headers }
  )

const failed = (error: Described) => {
  const shown = toPublic(error)
  return HttpServerResponse.jsonUnsafe(shown, { status: shown.status })
}

/** The service for the caller of a request: of every one where the app does not decide thread by thread. */
const agentsOf = Effect.gen(function*() {
  const service = yield* ProviderService
  const decide = yield* ThreadAccess
  if (decide === undefined) return Effect.succeed(service)
  return Effect.flatMap(
    Effect.serviceOption(Caller),
    Option.match({
      onNone: () =>
        Effect.andThen(
          Effect.logError("The routes of the AI SDK have no Caller: put them behind a middleware that provides one"),
          new InternalError()
        ),
      onSome: (caller) =>
        CallerService.make(caller).pipe(
          Effect.provideService(ThreadAccess, decide),
          Effect.provideService(ProviderService, service)
        )
    })
  )
})

const body = <A, I>(operation: string, schema: Schema.Codec<A, I>, maxBody: ByteSize.ByteSize) => {
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all" })
  const invalid = (issues: ReadonlyArray<InputIssue.InputIssue>) =>
    new InputInvalid({ operation, ...InputIssue.bounded(issues) })
  return Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    // A form of another site can post text without asking first, and nothing but text.
    if (!request.headers["content-type"]?.startsWith("application/json")) {
      return yield* invalid([{ path: "content-type", reason: "Expected application/json" }])
    }
    const json = yield* request.json.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBody),
      Effect.mapError(({ reason }) =>
        reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
          ? new BodyTooLarge({ limit: ByteSize.toNumberUnsafe(maxBody) })
          : invalid([{ path: "", reason: "Expected JSON" }])
      )
    )
    return yield* Effect.mapError(decode(json), (error) => invalid(InputIssue.of(error)))
  })
}

const threadOf = Effect.flatMap(HttpRouter.params, ({ id }) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(ThreadId)(id),
    (error) => new InputInvalid({ operation: "chat", issues: InputIssue.of(error) })
  ))

/** The turn from its start, as it was and goes on; a server that stops breaks it off, and the page may resume. */
const turnFrom = (
  { agents, options: { pauseAfter = "250 millis" }, stopping }: Chat,
  from: {
    readonly threadId: ThreadId
    readonly turnId: TurnId
    readonly after: number
    readonly replaces?: boolean
    readonly metadata?: MessageMetadata
  }
): Stream.Stream<UIMessageChunk> =>
  agents.streamEvents({ threadId: from.threadId, after: from.after }).pipe(
    Stream.interruptWhen(stopping),
    (events) => encode(events, { ...from, pauseAfter }),
    Stream.catch((error) => Stream.make<[UIMessageChunk]>({ type: "error", errorText: toPublic(error)._tag }))
  )

/** The thread of the chat, made where it is new and the app says how. */
const threadFor = (agents: Agents, threadId: ThreadId, { newThread }: ChatOptions) => {
  const found = agents.getThread({ threadId })
  if (newThread === undefined) return found
  return Effect.catchTag(found, "ThreadNotFound", () =>
    agents.createThread({ ...newThread, threadId }).pipe(
      Effect.asVoid,
      Effect.catchTag("ThreadExists", () => Effect.void),
      Effect.andThen(found)
    ))
}

const historyOf = ({ lastTurn }: ThreadInfo, before: TurnId | undefined): MessageMetadata =>
  before === undefined ? {} : { history: before === lastTurn?.turnId ? "same" : "differs" }

/** Where the turn begins: at the end of the log, unless the page asks again for an answer that it has not seen. */
const beforeTurn = (agents: Agents, thread: ThreadInfo, turnId: TurnId) =>
  agents.readTranscript({ threadId: thread.threadId, after: turnId, limit: 1 }).pipe(
    Effect.andThen(startOf(agents, thread, turnId)),
    Effect.catchTag("TurnNotFound", () => Effect.succeed(thread.lastSeq))
  )

const post = (chat: Chat) =>
  Effect.gen(function*() {
    const { agents, maxBody, options } = chat
    const request = yield* body("chat", ChatRequest, maxBody)
    const threadId = request.id
    const said = saidBy(request)
    if (said._tag === "Invalid") return failed(new InputInvalid({ operation: "chat", issues: said.issues }))
    const thread = yield* threadFor(agents, threadId, options)
    if (said._tag === "Turn") {
      const { attachments, before, prompt, turnId } = said
      const metadata = historyOf(thread, before)
      const after = yield* beforeTurn(agents, thread, turnId)
      yield* agents.sendTurn({ threadId, turnId, prompt, ...(attachments.length === 0 ? {} : { attachments }) })
      return toResponse(turnFrom(chat, { threadId, turnId, after, metadata }), options.keepAlive)
    }
    const { answers, turnId } = said
    const after = yield* startOf(agents, thread, turnId)
    const open = new Set(thread.openRequests.map(({ request }) => request.requestId))
    yield* Effect.forEach(
      answers.filter(({ requestId }) => open.has(requestId)),
      ({ decision, requestId }) => agents.respondToApproval({ threadId, requestId, decision }),
      { discard: true }
      // Settled by then: what became of it is in the stream.
    ).pipe(Effect.catchTags({ RequestSettled: () => Effect.void, RequestNotFound: () => Effect.void }))
    return toResponse(turnFrom(chat, { threadId, turnId, after, replaces: true }), options.keepAlive)
  })

const resume = (chat: Chat) =>
  Effect.gen(function*() {
    const { agents, options } = chat
    const threadId = yield* threadOf
    const thread = yield* agents.getThread({ threadId })
    if (thread.lastTurn?.status !== "running") return HttpServerResponse.empty({ status: 204 })
    const { turnId } = thread.lastTurn
    const after = yield* startOf(agents, thread, turnId)
    return toResponse(turnFrom(chat, { threadId, turnId, after }), options.keepAlive)
  })

const stop = ({ agents }: Chat) =>
  Effect.gen(function*() {
    const threadId = yield* threadOf
    yield* agents.interruptTurn({ threadId })
    return HttpServerResponse.empty({ status: 204 })
  })

const answer = ({ agents, maxBody }: Chat) =>
  Effect.gen(function*() {
    const threadId = yield* threadOf
    const given = yield* body("answer", ChatAnswer, maxBody)
    const { requestId } = given
    if ("decision" in given) yield* agents.respondToApproval({ threadId, requestId, decision: given.decision })
    else if ("answer" in given) yield* agents.answerQuestion({ threadId, requestId, answer: given.answer })
    else yield* agents.answerElicitation({ threadId, requestId, answer: given.elicitation })
    return HttpServerResponse.empty({ status: 204 })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: ChatOptions = {}
): Layer.Layer<never, never, HttpRouter.HttpRouter | ProviderService> =>
  HttpRouter.use((router) =>
    Effect.gen(function*() {
      const all = {
        options,
        maxBody: options.maxBody ?? ByteSize.mebibytes(16),
        stopping: yield* Drain
      }
      const service = yield* agentsOf
      const answering = <E extends Described, R>(
        respond: (chat: Chat) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
      ) =>
        Effect.catch(
          Effect.flatMap(service, (agents) => respond({ ...all, agents })),
          (error) => Effect.succeed(failed(error))
        )
      const path = options.path ?? "/chat"
      yield* router.addAll([
        HttpRouter.route("POST", path, answering(post)),
        HttpRouter.route("GET", `${path}/:id/stream`, answering(resume)),
        HttpRouter.route("POST", `${path}/:id/stop`, answering(stop)),
        HttpRouter.route("POST", `${path}/:id/answer`, answering(answer))
      ])
    })
  )
