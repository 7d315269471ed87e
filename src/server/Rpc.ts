/**
 * The operations as RPCs, over WebSocket and HTTP beside the routes of `Server.layer`, or over stdio. `Client.layer` is the
 * other end.
 *
 * **Example** (beside the HTTP api)
 *
 * ```ts
 * const Main = Server.serve(Rpc.layer().pipe(Layer.provideMerge(Server.layer({ token })))).pipe(
 *   Layer.provide(Agents), // CodingAgents.layer({ ... })
 *   Layer.provide(NodeHttpServer.layer(createServer, { port: 4096, host: "127.0.0.1" }))
 * )
 * ```
 *
 * **Gotchas**
 *
 * - A caller that is let in may do what the app's `ThreadAccess` says: without one, everything that the services can do.
 * - A caller that interrupts a call interrupts the operation. If its connection is lost instead, a turn that it waits for
 *   (`runTurn`) runs on, and everything else is interrupted as well.
 *
 * @since 0.1.0
 */
import { ByteSize, Deferred, Effect, Layer, Logger, Option, Stdio, Stream } from "effect"
import { HttpBody, HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RpcServer } from "effect/rpc"
import { Socket } from "effect/socket"
import { Rpcs } from "../api/Rpc.ts"
import * as RpcWire from "../api/RpcWire.ts"
import type { Services } from "./ApiHandlers.ts"
import { Drain } from "./Drain.ts"
import * as parent from "./internal/parent.ts"
import * as rpcAccess from "./internal/rpcAccess.ts"
import * as rpcHandlers from "./internal/rpcHandlers.ts"

/**
 * Where the RPCs are.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Default: `/rpc`. */
  readonly path?: HttpRouter.PathInput | undefined
  /**
   * How long a call may be. A WebSocket on which a longer one comes is closed. Default: 96 MiB, which holds a turn with all the
   * attachments that the service takes.
   */
  readonly maxBody?: ByteSize.Input | undefined
}

/** A defect of one call is that call's alone. */
const one = { disableFatalDefects: true } as const

/** A page sees the code of a close, and nothing of an answer that refuses. */
const refuse = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const socket = yield* request.upgrade
  yield* socket.reader
  const { write } = yield* socket.writer
  yield* write(new Socket.CloseEvent(RpcWire.unauthorizedCode, "unauthorized"))
  return HttpServerResponse.empty()
}).pipe(Effect.scoped, Effect.orElseSucceed(() => HttpServerResponse.empty({ status: 401 })))

type Answer<R> = Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>

/** A server waits for its answers, and a reader of events never ends its own. */
const endingWith = (response: HttpServerResponse.HttpServerResponse, stopping: Effect.Effect<void>) =>
  response.body._tag === "Stream"
    ? HttpServerResponse.setBody(
      response,
      HttpBody.stream(Stream.interruptWhen(response.body.stream, stopping), response.body.contentType)
    )
    : response

/**
 * Serves the RPCs over WebSocket (`GET`) and HTTP (`POST`), to whom `Admission` lets in.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = ({ maxBody = RpcWire.longestCall, path = RpcWire.defaultPath }: Options = {}) => {
  const size = ByteSize.fromInputUnsafe(maxBody)
  const routes = Effect.gen(function*() {
    const router = yield* HttpRouter.HttpRouter
    const caller = yield* rpcAccess.make
    const stopping = yield* Drain
    const overSocket = Effect.raceFirst(
      yield* RpcServer.toHttpEffectWebsocket(Rpcs, one),
      Effect.as(stopping, HttpServerResponse.empty())
    )
    const overHttp = (yield* RpcServer.toHttpEffect(Rpcs, one)).pipe(
      Effect.map((response) => endingWith(response, stopping)),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, size)
    )
    const answer = <R>(served: Answer<R>, refused: Answer<R>) =>
      Effect.flatMap(
        caller,
        Option.match({
          onNone: () => refused,
          onSome: (known) => Effect.provideService(served, rpcAccess.RpcCaller, known)
        })
      )
    yield* router.add("GET", path, answer(overSocket, refuse))
    yield* router.add("POST", path, answer(overHttp, Effect.succeed(HttpServerResponse.empty({ status: 401 }))))
  })
  return Layer.effectDiscard(routes).pipe(
    Layer.provide([rpcHandlers.layer, RpcWire.serialization(ByteSize.toNumberUnsafe(size))])
  )
}

/**
 * Serves the RPCs to the one program that has started this one, over stdin and stdout. Nothing else may be written there. It
 * serves until its scope closes, also where stdin has ended: {@link runStdio} ends then.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStdio = RpcServer.layer(Rpcs, one).pipe(
  Layer.provide([rpcHandlers.layer, RpcServer.layerProtocolStdio]),
  Layer.provide(RpcWire.serialization(RpcWire.longestCall))
)

/**
 * Serves the RPCs over stdin and stdout until stdin ends, or the process that has started this one is gone. Calls that are
 * under way then are interrupted, and what the services hold is closed in order. Logs go to stderr.
 *
 * **Example** (a program whose app speaks to it by its pipes)
 *
 * ```ts
 * Rpc.runStdio(Agents).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain) // CodingAgents.layer({ ... })
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const runStdio = Effect.fnUntraced(function*<E, R>(services: Layer.Layer<Services, E, R>) {
  const stdio = yield* Stdio.Stdio
  const ended = yield* Deferred.make<void>()
  // Told by the stream itself: a second reader of stdin would take from the first.
  const told = Stdio.Stdio.of({ ...stdio, stdin: Stream.ensuring(stdio.stdin, Deferred.succeed(ended, undefined)) })
  yield* layerStdio.pipe(Layer.provide(services), Layer.provide(Layer.succeed(Stdio.Stdio, told)), Layer.build)
  yield* Effect.raceFirst(Deferred.await(ended), parent.replaced)
}, (effect) => Effect.scoped(effect).pipe(Effect.provideService(Logger.LogToStderr, true)))
