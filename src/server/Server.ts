/**
 * Threads over HTTP: every operation of `ProviderService`, `TranscriptArchive` and `HookDeliveries`, events as server-sent
 * events, `/openapi.json`, `/docs`, `/healthz` and `/readyz`.
 *
 * **Example** (alone)
 *
 * ```ts
 * const Main = Server.serve(Server.layer({ token: Redacted.make("a long random text") })).pipe(
 *   Layer.provide(Agents), // CodingAgents.layer({ ... })
 *   Layer.provide(NodeHttpServer.layer(createServer, { port: 4096, host: "127.0.0.1" }))
 * )
 * ```
 *
 * **Example** (beside an app's own routes)
 *
 * ```ts
 * const Routes = Layer.mergeAll(MyRoutes, Server.layer({ authorize: bySession, prefix: "/agents" }))
 * const Main = Server.serve(Routes).pipe(Layer.provide(Agents), Layer.provide(NodeHttpServer.layer(createServer, { port: 80 })))
 * ```
 *
 * **Gotchas**
 *
 * - A caller may have an agent run commands on this machine. Without `token` or `authorize` the server starts on loopback
 *   alone.
 * - `HttpRouter.serve` in place of `Server.serve` waits 20 seconds for open streams when it stops, and refuses ids that are
 *   longer than 100 characters.
 *
 * @since 0.1.0
 */
import { type ByteSize, type Duration, Effect, Layer } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiScalar, OpenApi } from "effect/http-api"
import { Api } from "../api/Api.ts"
import * as Admission from "./Admission.ts"
import * as ApiHandlers from "./ApiHandlers.ts"
import { drained } from "./Drain.ts"
import * as gate from "./internal/gate.ts"

export { layer as dial, type Options as DialOptions } from "./Dial.ts"

/**
 * How the server answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Admission.AdmissionOptions {
  /** Goes before every path, as `/agents`. Default: none. */
  readonly prefix?: `/${string}` | undefined
  /** How long a body may be, but for that of an import. Default: 32 MiB. */
  readonly maxBody?: ByteSize.Input | undefined
  /** How long a stream of events may be quiet before a `ping` is sent. Default: 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
  /** Whether there are `/openapi.json` and `/docs`, which ask for no token. Default: yes. */
  readonly docs?: boolean | undefined
}

/**
 * The routes of the server. It also gives the `Admission` that it lets requests in by, for routes beside them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  { docs = true, keepAlive = "15 seconds", maxBody = "32 MiB", prefix, ...options }: Options = {}
) => {
  const handlers = ApiHandlers.layer(Api, { keepAlive }).pipe(Layer.provide([gate.layer(maxBody), gate.authorization]))
  const routes = Layer.mergeAll(
    Layer.provide(HttpApiBuilder.layer(Api), handlers),
    preflights,
    docs ? documents(prefix ?? "") : Layer.empty
  )
  return (prefix === undefined ? routes : Layer.provide(routes, prefixed(prefix))).pipe(
    Layer.provideMerge(Admission.layer(options))
  )
}

const paths = new Set(
  Object.values(Api.groups).flatMap(({ endpoints }) => Object.values(endpoints).map(({ path }) => path))
)

/** Answers a browser that asks whether a page of another origin may call. */
const preflights = HttpRouter.use(Effect.fnUntraced(function*(router) {
  const { origins } = yield* Admission.Admission
  if (origins.length === 0) return
  const answer = HttpMiddleware.cors({ allowedOrigins: origins, maxAge: 600 })(
    Effect.succeed(HttpServerResponse.empty())
  )
  yield* Effect.forEach(paths, (path) => router.add("OPTIONS", path, answer), { discard: true })
}))

const documents = (prefix: string) => {
  const api = prefix === "" ? Api : Api.annotate(OpenApi.Servers, [{ url: prefix }])
  return Layer.merge(
    // Printed once: it is large, and who asks for it has no token.
    HttpRouter.use((router) => router.add("GET", "/openapi.json", HttpServerResponse.jsonUnsafe(OpenApi.fromApi(api)))),
    // Its fonts would come from elsewhere.
    HttpApiScalar.layer(api, { path: "/docs", scalar: { withDefaultFonts: false } })
  )
}

const prefixed = (prefix: string) =>
  Layer.effect(HttpRouter.HttpRouter, Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed(prefix)))

/** A thread's id has 512 characters at most; in a path each may be nine. */
const maxParamLength = 8192

/**
 * `HttpRouter.serve` for routes of which some are streams: those are ended first when the server stops, so that it stops at
 * once. Paths may have ids of any length.
 *
 * @category layers
 * @since 0.1.0
 */
export const serve = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  options: Parameters<typeof HttpRouter.serve<A, E, R, never>>[1] = {}
) => drained(HttpRouter.serve(routes, { ...options, routerConfig: { maxParamLength, ...options.routerConfig } }))
