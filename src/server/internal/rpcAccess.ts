/**
 * Who may use the RPCs: a caller that `Admission` lets in, by a token in a header or, from a page, among the subprotocols of
 * a WebSocket. Where the app decides thread by thread (`ThreadAccess`), it is a caller that may operate: an RPC can name
 * any thread.
 */
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import * as RpcWire from "../../api/RpcWire.ts"
import { Admission } from "../Admission.ts"
import { ThreadAccess } from "../ThreadAccess.ts"

/** The request, with its token where every check looks for it. */
const withToken = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const token = RpcWire.tokenOf(request.headers["sec-websocket-protocol"] ?? "")
  if (token === undefined || request.headers["authorization"] !== undefined) return request
  return request.modify({ headers: { ...request.headers, authorization: `Bearer ${token}` } })
}

/** Answers whether the current request may use the RPCs. */
export const make = Effect.map(
  Effect.all({ admission: Admission, decide: ThreadAccess }),
  ({ admission: { authorize, fromHere }, decide }) =>
    Effect.gen(function*() {
      const request = withToken(yield* HttpServerRequest.HttpServerRequest)
      yield* fromHere(request)
      const caller = yield* authorize(request)
      return decide === undefined || (yield* decide({ caller, operation: "rpc", action: "operate", input: {} }))
    }).pipe(Effect.orElseSucceed(() => false))
)
