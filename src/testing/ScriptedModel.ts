/**
 * A stand-in for the model behind a real agent: one server on 127.0.0.1 that speaks chat completions, the Responses API,
 * the Messages API and Gemini's API, and answers by a script. It needs no key and no network. The agent (its loop, tools,
 * permissions, storage) stays real, so what a test sees is what a user sees.
 *
 * The script is given every request in one shape ({@link ModelRequest}) and answers with a reply, or an Effect of one.
 * Answers are chosen in this order: `next`, `on`, the script. When the client hangs up, the answer and its Stream are
 * interrupted. Nothing here sleeps or polls, except for a reply's `Wait`.
 *
 * **Gotchas**
 *
 * - Agents repeat requests. OpenCode 1.18.33 makes six of one that is answered with a 429, a 5xx or a cut stream, over
 *   65 seconds, unless the reply has the header `retry-after-ms`. Claude Code 2.1.332 asks again after a stream that
 *   broke, also with `stream: false`. Each takes an answer of `next`.
 * - Agents also ask for what is not the conversation. Requests that `aside` answers are seen neither by the script nor
 *   in `requests`; by default these are OpenCode's for the title of a session. Summaries for compaction are ordinary
 *   requests.
 * - `awaitRequest` looks at the past too: match on something unique, or on `index`.
 * - A script must end by itself: one that always calls tools loops for ever. `ModelScript.steps` ends.
 *
 * **Example**
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const model = yield* ScriptedModel
 *   yield* model.on("What is here?", ModelScript.steps(ModelReply.call("bash", { command: "ls" }), ModelReply.text("This.")))
 *   // ... start an agent with `model.url` as the address of its model, and send it "What is here?"
 *   const request = yield* model.awaitRequest((request) => request.afterToolResult)
 *   return request.lastToolResult
 * }).pipe(Effect.provide(ScriptedModel.layer()))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Deferred, Effect, Layer, Result, Schema, type Scope, Stream, SubscriptionRef } from "effect"
import * as Http from "./model/http.ts"
import { type Arrival, describe, type ModelRequest } from "./model/ModelRequest.ts"
import { fail, respond } from "./model/respond.ts"
import { route, wires } from "./model/route.ts"
import type { Reply } from "./ModelReply.ts"
import * as ModelReply from "./ModelReply.ts"
import { echo, type ModelScript } from "./ModelScript.ts"

export type { Message, ModelApi, ModelRequest } from "./model/ModelRequest.ts"

/**
 * An answer that waits to be let go.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeldAnswer {
  /** The request, once it has come. */
  readonly request: Effect.Effect<ModelRequest>
  /** Lets the answer go, before or after the request has come. */
  readonly release: Effect.Effect<void>
  /** Waits until the client hangs up without an answer. */
  readonly abandoned: Effect.Effect<void>
}

/**
 * Settings of a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptedModelOptions {
  /** Default: one that is free. */
  readonly port?: number | undefined
  /** What a list of models holds. Default: `scripted-1`. */
  readonly models?: ReadonlyArray<string> | undefined
  /** Answers requests that are not part of the conversation. Default: OpenCode's for a title. */
  readonly aside?: ((request: ModelRequest) => Reply | undefined) | undefined
}

/**
 * The model, as a test holds it.
 *
 * @category services
 * @since 0.1.0
 */
export class ScriptedModel extends Context.Service<ScriptedModel, {
  readonly port: number
  /** `http://127.0.0.1:<port>`, for clients of Anthropic's and Gemini's API. */
  readonly origin: string
  /** `http://127.0.0.1:<port>/v1`, for clients of OpenAI's APIs and compatible ones. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<ModelRequest>>
  /** Requests that were no call of the model, or could not be read: `METHOD url`. */
  readonly others: Effect.Effect<ReadonlyArray<string>>
  /** The requests that brought this prompt: with it as the user's last text, and no tool's result since. */
  readonly asked: (prompt: string) => Effect.Effect<ReadonlyArray<ModelRequest>>
  /** The first request, past or future, that satisfies the predicate. */
  readonly awaitRequest: (predicate: (request: ModelRequest) => boolean) => Effect.Effect<ModelRequest>
  /** Replaces the script. */
  readonly script: (script: ModelScript) => Effect.Effect<void>
  /** What the model answers whenever this is the user's last text. Replaces an earlier one. */
  readonly on: (prompt: string, answer: ModelScript | Reply) => Effect.Effect<void>
  /** What the model answers to the next requests, one each. */
  readonly next: (...answers: ReadonlyArray<ModelScript | Reply>) => Effect.Effect<void>
  /** As `next`, with an answer that waits for its `release`. */
  readonly hold: (answer: ModelScript | Reply) => Effect.Effect<HeldAnswer>
}>()("effect-coding-agents/testing/ScriptedModel") {
  /**
   * Starts the server; it stops, and cuts all connections, when the scope closes. Default script: `echo: <prompt>`.
   */
  static readonly make = (
    script: ModelScript = echo,
    options: ScriptedModelOptions = {}
  ): Effect.Effect<ScriptedModel["Service"], never, Scope.Scope> => make(script, options)

  /** One server for as long as the Layer is open. */
  static readonly layer = (script?: ModelScript, options?: ScriptedModelOptions): Layer.Layer<ScriptedModel> =>
    Layer.effect(this, ScriptedModel.make(script, options))
}

const asEffect = (answer: ModelScript | Reply, request: ModelRequest): Effect.Effect<Reply> =>
  Effect.suspend(() => {
    const reply = typeof answer === "function" ? answer(request) : answer
    return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
  })

/** OpenCode asks for the title of a session that has none. */
const titles = (request: ModelRequest) =>
  request.systemText.includes("title generator") ? ModelReply.text("Scripted title") : undefined

const Json = Schema.fromJsonString(Schema.Unknown)

let servers = 0

const make = Effect.fnUntraced(function*(first: ModelScript, options: ScriptedModelOptions) {
  const { aside = titles, models = ["scripted-1"], port: wanted = 0 } = options
  const seen = yield* SubscriptionRef.make<ReadonlyArray<ModelRequest>>([])
  const others: Array<string> = []
  const queue: Array<ModelScript | Reply> = []
  const prompts = new Map<string, ModelScript | Reply>()
  let script = first
  // Agents keep calls and messages by their ids, on disks that outlive this server.
  const server = `${process.pid.toString(36)}${++servers}`
  let answers = 0

  const handle = Effect.fnUntraced(function*(exchange: Http.Exchange) {
    const { method = "", url = "" } = exchange.incoming
    const headers = Http.headersOf(exchange)
    const found = route(method, url, headers, models)
    if (found._tag !== "Model") others.push(`${method} ${url}`)
    if (found._tag === "Fixed") return yield* Http.json(exchange, 200, found.body)
    if (found._tag === "Unknown") {
      return yield* fail(exchange, wires.chat, { status: 404, message: `no ${method} ${url} here` })
    }
    const wire = wires[found.api]
    const body = yield* Http.readText(exchange)
    const decoded = yield* Schema.decodeEffect(Json)(body).pipe(
      Effect.flatMap((raw) => {
        const arrival: Arrival = { api: found.api, url, headers, raw }
        return Effect.map(wire.decode(arrival), (asked) => describe(arrival, asked))
      }),
      Effect.result
    )
    if (Result.isFailure(decoded)) {
      others.push(`${method} ${url}`)
      return yield* fail(exchange, wire, { status: 400, message: decoded.failure.message })
    }
    const id = `${server}_${++answers}`
    const apart = { ...decoded.success, index: -1 }
    const beside = aside(apart)
    if (beside !== undefined) return yield* respond(exchange, wire, apart, id, beside)
    const request = yield* SubscriptionRef.modify(seen, (requests) => {
      const request = { ...decoded.success, index: requests.length }
      return [request, [...requests, request]]
    })
    const answer = queue.shift() ?? prompts.get(request.lastUserText) ?? script
    yield* asEffect(answer, request).pipe(
      Effect.flatMap((reply) => respond(exchange, wire, request, id, reply)),
      Effect.catchDefect((defect) =>
        exchange.response.headersSent
          ? Http.cut(exchange)
          : fail(exchange, wire, { status: 400, message: `the script died: ${defect}` })
      )
    )
  })

  const port = yield* Http.serve(wanted, (exchange) =>
    Effect.catchDefect(handle(exchange), (defect) => {
      others.push(`${exchange.incoming.method} ${exchange.incoming.url}`)
      return fail(exchange, wires.chat, { status: 400, message: String(defect) })
    }))
  const requests = SubscriptionRef.get(seen)
  return ScriptedModel.of({
    port,
    origin: `http://127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    others: Effect.sync(() => others.slice()),
    asked: (prompt) =>
      Effect.map(
        requests,
        (all) => all.filter((request) => request.lastUserText === prompt && !request.afterToolResult)
      ),
    awaitRequest: (predicate) =>
      SubscriptionRef.changes(seen).pipe(
        Stream.flattenIterable,
        Stream.filter(predicate),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption),
        Effect.orDie
      ),
    script: (next) =>
      Effect.sync(() => {
        script = next
      }),
    on: (prompt, answer) => Effect.sync(() => void prompts.set(prompt, answer)),
    next: (...answers) => Effect.sync(() => void queue.push(...answers)),
    hold: (answer) =>
      Effect.sync(() => {
        const held = holding(answer)
        queue.push(held.script)
        return held.answer
      })
  })
})

const holding = (answer: ModelScript | Reply) => {
  const came = Deferred.makeUnsafe<ModelRequest>()
  const released = Deferred.makeUnsafe<void>()
  const abandoned = Deferred.makeUnsafe<void>()
  const script: ModelScript = (request) =>
    Deferred.succeed(came, request).pipe(
      Effect.andThen(Deferred.await(released)),
      Effect.onInterrupt(() => Deferred.succeed(abandoned, undefined)),
      Effect.andThen(asEffect(answer, request))
    )
  const held: HeldAnswer = {
    request: Deferred.await(came),
    release: Effect.asVoid(Deferred.succeed(released, undefined)),
    abandoned: Deferred.await(abandoned)
  }
  return { script, answer: held }
}
