/** Our groups in an `HttpApi` of an app's own: its middleware, its prefix, one client and one OpenAPI document. */
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import { createServer } from "node:http"
import { InstanceId } from "../../src/index.ts"
import { ApiGroups, ApiHandlers, Caller, Server, ThreadAccess } from "../../src/server/index.ts"
import * as Agents from "../support/Agents.ts"

const { threadId } = Agents

class NotSignedIn extends Schema.TaggedError<NotSignedIn>()("NotSignedIn", {}, { httpApiStatus: 401 }) {}

class SignedIn extends HttpApiMiddleware.Service<SignedIn, { provides: Caller }>()("test/SignedIn", {
  error: NotSignedIn,
  security: { session: HttpApiSecurity.apiKey({ in: "cookie", key: "session" }) }
}) {}

const reports = HttpApiGroup.make("reports").add(HttpApiEndpoint.get("who", "/who", { success: Schema.String }))

const MyApi = HttpApi.make("app").add(reports).addHttpApi(ApiGroups).middleware(SignedIn).prefix("/v1")

const signedIn = Layer.succeed(SignedIn, {
  session: (handler, { credential }) => {
    const id = Redacted.value(credential)
    return id === "" ? new NotSignedIn() : Effect.provideService(handler, Caller, { id })
  }
})

const mine = HttpApiBuilder.group(
  MyApi,
  "reports",
  (handlers) => handlers.handle("who", () => Effect.map(Caller, ({ id }) => id))
)

const annsOnly = ThreadAccess.layer(({ caller }) => Effect.succeed(caller.id === "ann"))

const app = <R>(handlers: Layer.Layer<never, never, R>) =>
  Server.serve(handlers, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(Agents.layer()),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )

const served = app(
  HttpApiBuilder.layer(MyApi, { openapiPath: "/openapi.json" }).pipe(
    Layer.provide([mine, ApiHandlers.layer(MyApi, { keepAlive: "1 second" })]),
    Layer.provide([signedIn, ApiHandlers.gate({ maxBody: "1 MiB" }), annsOnly])
  )
)

const start = Effect.gen(function*() {
  const context = yield* Layer.build(served)
  const baseUrl = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  const as = (cookie: string) =>
    HttpApiClient.make(MyApi, {
      baseUrl,
      transformClient: HttpClient.mapRequest(HttpClientRequest.setHeader("cookie", cookie))
    })
  return { as, baseUrl, directory: yield* Agents.folder }
})

const run = Effect.provide([NodeHttpClient.layerNodeHttp, Agents.platform])

describe("an HttpApi of an app's own that has our groups", () => {
  it.live("lets callers in by its own middleware, who are those that ThreadAccess is asked about", () =>
    Effect.gen(function*() {
      const { as, directory } = yield* start
      const [ann, bob, guest] = [yield* as("session=ann"), yield* as("session=bob"), yield* as("other=1")]
      assert.strictEqual(yield* ann.reports.who(), "ann")
      assert.strictEqual((yield* Effect.flip(guest.reports.who()))._tag, "NotSignedIn")
      const input = { params: { threadId }, payload: { instanceId: InstanceId.make("mock"), directory } }
      assert.strictEqual((yield* Effect.flip(guest.threads.startSession(input)))._tag, "NotSignedIn")
      const denied = yield* Effect.flip(bob.threads.startSession(input))
      assert.deepInclude({ ...denied }, { _tag: "AccessDenied", operation: "startSession", threadId })
      assert.strictEqual((yield* ann.threads.startSession(input)).threadId, threadId)
      const turn = yield* ann.turns.runTurn({ params: { threadId }, headers: {}, payload: { prompt: "hi" } })
      assert.strictEqual(turn.text, "echo: hi")
      const events = yield* ann.events.streamEvents({ params: { threadId }, headers: {}, query: {} })
      const first = yield* events.pipe(Stream.take(1), Stream.runCollect)
      assert.deepInclude(first[0], { event: "message", id: "1" })
    }).pipe(Effect.scoped, run))

  it.live("P15: refuses what does not fit as our own server does, with its own limits", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* start
      const post = (body: string) =>
        HttpClientRequest.post(`${baseUrl}/v1/threads/${threadId}/turns`).pipe(
          HttpClientRequest.bodyText(body, "application/json"),
          HttpClientRequest.setHeader("cookie", "session=ann"),
          HttpClient.execute,
          Effect.flatMap((response) => response.json)
        )
      assert.deepInclude(yield* post("{}"), { _tag: "InputInvalid", status: 400 })
      const large = yield* post(JSON.stringify({ prompt: "a".repeat(2 ** 20) }))
      assert.deepInclude(large, { _tag: "BodyTooLarge", status: 413 })
    }).pipe(Effect.scoped, run))

  it.live("has one OpenAPI document, which asks for the app's own credential", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* start
      const document = yield* Effect.flatMap(HttpClient.get(`${baseUrl}/openapi.json`), ({ json }) => json)
      const { components, paths } = OpenApi.fromApi(MyApi)
      assert.deepStrictEqual(document, JSON.parse(JSON.stringify(OpenApi.fromApi(MyApi))))
      assert.includeMembers(Object.keys(paths), ["/v1/who", "/v1/threads/{threadId}/turns"])
      assert.deepStrictEqual(Object.keys(components.securitySchemes), ["session"])
    }).pipe(Effect.scoped, run))

  it.live("P14: answers nothing where no middleware of it says who calls", () =>
    Effect.gen(function*() {
      const Bare = HttpApi.make("bare").addHttpApi(ApiGroups)
      const handlers = HttpApiBuilder.layer(Bare).pipe(
        Layer.provide(ApiHandlers.layer(Bare)),
        Layer.provide(ApiHandlers.gate())
      )
      const context = yield* Layer.build(app(handlers))
      const baseUrl = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
      for (const path of ["/threads", "/events", "/changes", "/instances", `/threads/${threadId}`]) {
        const { status } = yield* HttpClient.get(`${baseUrl}${path}`)
        assert.strictEqual(status, 500, path)
      }
    }).pipe(Effect.scoped, run))
})
