/**
 * Which requests come in: by the host that they name, the page that they come from, the token that they bring, and how
 * many there were. `Server.layer` gives one; other routes (an app's own, the inspector's) ask the same one.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Predicate, Redacted, Schema } from "effect"
import { HttpServer, HttpServerRequest } from "effect/http"
import { NetAddress } from "effect/net"
import { createHash, timingSafeEqual } from "node:crypto"
import { type OriginRefused, type TooManyRequests, Unauthorized } from "../api/ApiError.ts"
import type { Caller } from "../api/Middleware.ts"
import * as fromHere from "./internal/fromHere.ts"
import { RateLimit } from "./RateLimit.ts"

/**
 * The server would let in everyone who can reach it, so it was not started.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerUnprotected
  extends Schema.TaggedError<ServerUnprotected>("effect-coding-agents/ServerUnprotected")("ServerUnprotected", {
    reason: Schema.Literals(["not-loopback", "empty-token"]),
    /** Where it listens, if it is known. */
    address: Schema.optionalKey(Schema.String)
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  override get message() {
    return this.reason === "empty-token"
      ? "The token of the server is empty"
      : `The server listens on ${this.address ?? "an address that is not known"} and not on loopback alone; ` +
        "give it a `token`, or say who calls with `authorize`"
  }
}

/**
 * Who calls, by what the request brings: a token, a cookie, a header that a proxy has set.
 *
 * @category models
 * @since 0.1.0
 */
export type Authorize = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<Caller["Service"], Unauthorized>

/**
 * Who may come in. With neither `token` nor `authorize` the server must listen on loopback alone, and every process of this
 * machine may come in, but no page of another site.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdmissionOptions {
  /** What a caller gives as `Authorization: Bearer <token>`. Its caller's id is `token`. */
  readonly token?: Redacted.Redacted | string | undefined
  /** The app's own check; `token` does not count beside it. */
  readonly authorize?: Authorize | undefined
  /**
   * Names of this server, without a port: a request whose `Host` is another one is refused. Default: any name, and the names
   * of loopback for a server without `token` and `authorize`.
   */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** Origins of pages that may call beside the server's own, as `https://app.example.com`. Default: none. */
  readonly origins?: ReadonlyArray<string> | undefined
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Takes as long whatever is given: what is compared are hashes. */
const byToken = (token: string): Authorize => {
  const expected = digest(token)
  return ({ headers }) => {
    const given = /^bearer +(.+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? ""
    return timingSafeEqual(digest(given), expected) ? Effect.succeed({ id: "token" }) : new Unauthorized()
  }
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"]

const isLoopback = (address: NetAddress.SocketAddress): boolean =>
  NetAddress.isUnixPathAddress(address) || NetAddress.isLoopback(address.address)

const peerOf = ({ remoteAddress }: HttpServerRequest.HttpServerRequest): string =>
  remoteAddress._tag === "None" ? "unknown" : remoteAddress.value

/**
 * Decides on requests.
 *
 * @category services
 * @since 0.1.0
 */
export class Admission extends Context.Service<Admission, {
  /** Whether the request names this server, and comes from no page of another site. */
  readonly fromHere: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<void, OriginRefused>
  /** Who calls. Counts the request, where there is a `RateLimit`. */
  readonly authorize: (
    request: HttpServerRequest.HttpServerRequest
  ) => Effect.Effect<Caller["Service"], Unauthorized | TooManyRequests>
  /** Origins of pages that may read the answers. */
  readonly origins: ReadonlyArray<string>
}>()("effect-coding-agents/Admission") {}

/** How a server without a token lets callers in, if it may. */
const loopbackOnly = Effect.gen(function*() {
  const server = yield* Effect.serviceOption(HttpServer.HttpServer)
  if (server._tag === "Some" && isLoopback(server.value.address)) return
  return yield* new ServerUnprotected({
    reason: "not-loopback",
    ...(server._tag === "None" ? {} : { address: HttpServer.formatAddress(server.value.address) })
  })
})

const authorizeOf = Effect.fnUntraced(function*({ authorize, token }: AdmissionOptions) {
  if (authorize !== undefined) return authorize
  if (token === undefined) {
    yield* loopbackOnly
    const local: Authorize = () => Effect.succeed({ id: "loopback" })
    return local
  }
  const secret = Predicate.isString(token) ? token : Redacted.value(token)
  return secret === "" ? yield* new ServerUnprotected({ reason: "empty-token" }) : byToken(secret)
})

/**
 * Lets requests in by these options, or refuses to be built.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: AdmissionOptions): Layer.Layer<Admission, ServerUnprotected> =>
  Layer.effect(
    Admission,
    Effect.gen(function*() {
      const authorize = yield* authorizeOf(options)
      const count = yield* RateLimit
      const isOpen = options.authorize === undefined && options.token === undefined
      const origins = options.origins ?? []
      return {
        fromHere: fromHere.make(options.hosts ?? (isOpen ? loopbackNames : undefined), origins),
        authorize: (request) => {
          if (count === undefined) return authorize(request)
          return authorize(request).pipe(
            Effect.tapError(() => count(`address/${peerOf(request)}`)),
            Effect.tap(({ id }) => count(`caller/${id}`))
          )
        },
        origins
      }
    })
  )

/**
 * Who calls with the current request, if it may come in: for routes beside the server's own.
 *
 * @category operations
 * @since 0.1.0
 */
export const admit: Effect.Effect<
  Caller["Service"],
  OriginRefused | Unauthorized | TooManyRequests,
  Admission | HttpServerRequest.HttpServerRequest
> = Effect.gen(function*() {
  const admission = yield* Admission
  const request = yield* HttpServerRequest.HttpServerRequest
  yield* admission.fromHere(request)
  return yield* admission.authorize(request)
})
