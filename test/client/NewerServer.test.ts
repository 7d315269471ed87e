/** P15: a server of a newer release, as a client of this one sees it: over a WebSocket and over HTTP. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { HttpClientError, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { Rpc, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { createServer } from "node:http"
import { Api } from "../../src/api/index.ts"
import { ErrorUnrecognized, PublicError, ThreadNotFound, toPublic } from "../../src/protocol.ts"
import { threadId } from "../support/Agents.ts"
import * as Served from "../support/Served.ts"

const Any = { payload: Schema.Unknown, success: Schema.Unknown, error: Schema.Unknown } as const

/** Two of its operations, whose errors are anything at all. */
const Newer = RpcGroup.make(Rpc.make("getThread", Any), Rpc.make("streamEvents", { ...Any, stream: true }))

const cursed = {
  _tag: "ThreadCursed",
  message: "The thread is cursed",
  status: 418,
  retryable: true,
  details: { by: ["a newer release"] }
}

/** The address of a server of these routes. */
const served = <E>(routes: Layer.Layer<never, E, HttpRouter.HttpRouter>) =>
  Effect.map(
    Layer.build(
      HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      )
    ),
    (context) => HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  )

/** The address of a server on which every operation fails so. */
const failing = Effect.fnUntraced(function*(error: unknown) {
  const handlers = Newer.toLayer({ getThread: () => Effect.fail(error), streamEvents: () => Stream.fail(error) })
  const routes = Layer.effectDiscard(Effect.gen(function*() {
    const router = yield* HttpRouter.HttpRouter
    yield* router.add("GET", "/rpc", yield* RpcServer.toHttpEffectWebsocket(Newer))
    yield* router.add("POST", "/rpc", yield* RpcServer.toHttpEffect(Newer))
  })).pipe(Layer.provide([handlers, RpcSerialization.layerNdjson]))
  return yield* served(routes)
})

describe("a client of a newer server", () => {
  for (const transport of ["websocket", "http"] as const) {
    it.live(`P15: an error that it does not know is a typed one that has it, over ${transport}`, () =>
      Effect.gen(function*() {
        const { agents } = yield* Served.client(yield* failing(cursed), { transport })
        const errors = [
          yield* Effect.flip(agents.getThread({ threadId })),
          yield* Effect.flip(Stream.runDrain(agents.streamEvents({ threadId })))
        ]
        for (const error of errors) {
          assert(error instanceof ErrorUnrecognized)
          assert.deepStrictEqual(error.error, cursed)
          assert.strictEqual(error.message, cursed.message)
          assert.isTrue(error.retryable)
        }
      }).pipe(Effect.scoped))

    it.live(`P15: an error that it knows in another shape is kept, and one that has no public form is a defect, over ${transport}`, () =>
      Effect.gen(function*() {
        const changed = { ...toPublic(new ThreadNotFound({ threadId })), details: { thread: { id: threadId } } }
        const { agents } = yield* Served.client(yield* failing(changed), { transport })
        const error = yield* Effect.flip(agents.getThread({ threadId }))
        assert(error instanceof ErrorUnrecognized)
        assert.deepStrictEqual(error.error, changed)
        const known = yield* Served.client(yield* failing(toPublic(new ThreadNotFound({ threadId }))), { transport })
        assert.instanceOf(yield* Effect.flip(known.agents.getThread({ threadId })), ThreadNotFound)
        const broken = yield* Served.client(yield* failing({ _tag: "ThreadCursed" }), { transport })
        const exit = yield* Effect.exit(broken.agents.getThread({ threadId }))
        assert.isTrue(exit._tag === "Failure" && exit.cause.reasons.every(({ _tag }) => _tag === "Die"))
      }).pipe(Effect.scoped))
  }

  for (const status of [404, 418]) {
    it.live(`P15: over the HTTP API an error that it does not know, of status ${status}, comes with its answer`, () =>
      Effect.gen(function*() {
        const routes = HttpRouter.add(
          "GET",
          `/threads/${threadId}`,
          HttpServerResponse.jsonUnsafe({ ...cursed, status }, { status })
        )
        const api = yield* HttpApiClient.make(Api, { baseUrl: yield* served(routes) })
        const error = yield* Effect.flip(api.threads.getThread({ params: { threadId } }))
        assert(HttpClientError.isHttpClientError(error) && error.response !== undefined)
        assert.strictEqual(error.response.status, status)
        const known = yield* Schema.decodeUnknownEffect(PublicError)(yield* error.response.json)
        assert.deepStrictEqual(known, { ...cursed, status })
      }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp)))
  }
})
