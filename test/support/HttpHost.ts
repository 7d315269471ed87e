/** The server on a real socket of this machine, with a real SQLite file and the mock agent, and a client of it. */
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import { HttpClient, HttpClientRequest, type HttpMethod, type HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { HookDeliveries } from "../../src/hooks/index.ts"
import type { ProviderService, TranscriptArchive } from "../../src/index.ts"
import { type Admission, Server } from "../../src/server/index.ts"
import * as Agents from "./Agents.ts"

type Needs = HttpRouter.HttpRouter | ProviderService | TranscriptArchive | HookDeliveries | Admission.Admission

export interface Options extends Agents.Options {
  readonly server?: Server.Options | undefined
  /** `ThreadAccess` and `RateLimit`. */
  readonly beside?: Layer.Layer<never> | undefined
  /** Routes of an app's own. */
  readonly routes?: Layer.Layer<never, never, Needs> | undefined
  readonly listen?: NodeHttpServer.Options | undefined
}

const loopback = { port: 0, host: "127.0.0.1" }

/** The server and its app, without a client. */
export const layer = (
  { beside = Layer.empty, listen = loopback, routes = Layer.empty, server, ...options }: Options = {}
) =>
  Server.serve(Layer.provideMerge(routes, Server.layer(server)), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(beside),
    Layer.provideMerge(Agents.layer(options)),
    Layer.provideMerge(NodeHttpServer.layer(createServer, listen))
  )

type Method = HttpMethod.HttpMethod

export interface Asked {
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** JSON. */
  readonly body?: unknown
  /** Text as it is. */
  readonly text?: string | undefined
  /** The text in pieces, of which the request does not say how many bytes they are. */
  readonly chunked?: boolean | undefined
}

/** What came back: the body as JSON, if it is, or as text. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: unknown
}

const json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const requestOf = (method: Method, url: string, { body, chunked = false, headers = {}, text }: Asked) => {
  const request = HttpClientRequest.make(method)(url).pipe(HttpClientRequest.setHeaders(headers))
  const contentType = headers["content-type"] ?? "application/json"
  if (text === undefined) return body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body)
  if (!chunked) return HttpClientRequest.bodyText(request, text, contentType)
  const pieces = Stream.encodeText(Stream.fromIterable(text.match(/[^]{1,512}/g) ?? []))
  return HttpClientRequest.bodyStream(request, pieces, { contentType })
}

/** A client of the server at this address. */
const clientOf = (url: string) => ({
  url,
  ask: (method: Method, path: string, asked: Asked = {}) =>
    Effect.gen(function*() {
      const response = yield* HttpClient.execute(requestOf(method, `${url}${path}`, asked))
      const text = yield* response.text
      const decoded = json(text)
      const answer: Answer = {
        status: response.status,
        headers: response.headers,
        body: decoded._tag === "Some" ? decoded.value : text
      }
      return answer
    }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp), Effect.orDie),
  /** The events of a stream, until it ends. */
  read: (path: string, { headers = {}, method = "GET", ...asked }: Asked & { readonly method?: Method } = {}) =>
    Stream.unwrap(Effect.map(
      HttpClient.execute(requestOf(method, `${url}${path}`, { headers, ...asked })),
      (response) => response.stream
    )).pipe(
      Stream.decodeText,
      Stream.pipeThroughChannel(Sse.decode()),
      Stream.provide(NodeHttpClient.layerNodeHttp),
      Stream.orDie
    )
})

/** Starts a server that stops with the scope. */
export const start = (options: Options = {}) =>
  Effect.map(Layer.build(layer(options)), (context) => ({
    ...clientOf(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)),
    context
  }))

/** Event data, as JSON. */
export const dataOf = ({ data }: Sse.Event): unknown => JSON.parse(data)
