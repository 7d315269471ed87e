/**
 * Who calls over a connection: a caller that `Admission` lets in, by a token in a header or, from a page, among the
 * subprotocols of a WebSocket.
 */
import { Context, Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import type { Caller } from "../../api/Middleware.ts"
import * as RpcWire from "../../api/RpcWire.ts"
import { Admission } from "../Admission.ts"

/** The caller of the RPCs of this connection. Default: the program at the other end of stdio. */
export const RpcCaller = Context.Reference<Caller["Service"]>("effect-coding-agents/RpcCaller", {
  defaultValue: () => ({ id: "stdio" })
})

/** The request, with its token where every check looks for it. */
const withToken = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const token = RpcWire.tokenOf(request.headers["sec-websocket-protocol"] ?? "")
  if (token === undefined || request.headers["authorization"] !== undefined) return request
  return request.modify({ headers: { ...request.headers, authorization: `Bearer ${token}` } })
}

/** Answers who calls with the current request; nothing where it is not let in. */
export const make = Effect.map(Admission, ({ authorize, fromHere }) =>
  Effect.gen(function*() {
    const request = withToken(yield* HttpServerRequest.HttpServerRequest)
    yield* fromHere(request)
    return yield* authorize(request)
  }).pipe(Effect.option))
