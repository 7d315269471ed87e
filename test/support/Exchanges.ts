/** HTTP answers of a real server: kept by a server in between, given again by one that knows nothing else. */
import { Effect, Schema, type Scope } from "effect"
import type { ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import * as Loopback from "./Loopback.ts"

export const Exchange = Schema.Struct({
  /** Method and path, without the query. */
  request: Schema.String,
  status: Schema.Int,
  contentType: Schema.optionalKey(Schema.String),
  body: Schema.String
})
export type Exchange = typeof Exchange.Type

const named = (method: string | undefined, url: string | undefined) =>
  `${method} ${new URL(url ?? "", "http://localhost").pathname}`

/** Passes every request on and keeps what comes back, in the order of arrival. */
export const keeper = Effect.fnUntraced(function*(
  target: string
): Effect.fn.Return<{ readonly url: string; readonly take: () => ReadonlyArray<Exchange> }, never, Scope.Scope> {
  const kept: Array<Exchange> = []
  const url = yield* Loopback.http((incoming, response) => {
    const pass = async () => {
      const body = await text(incoming)
      const passed = ["authorization", "content-type", "x-opencode-directory"].flatMap((name) => {
        const value = incoming.headers[name]
        return typeof value === "string" ? [[name, value] as const] : []
      })
      const answer = await fetch(`${target}${incoming.url}`, {
        method: incoming.method ?? "GET",
        headers: Object.fromEntries(passed),
        ...(body === "" ? {} : { body })
      })
      const type = answer.headers.get("content-type")
      const exchange = {
        request: named(incoming.method, incoming.url),
        status: answer.status,
        ...(type === null ? {} : { contentType: type }),
        body: await answer.text()
      }
      kept.push(exchange)
      give(response, exchange)
    }
    pass().catch(() => response.destroy())
  })
  return { url, take: () => kept.splice(0) }
})

/** Answers each request with the next exchange kept for it, the last of them as often as it is asked for. */
export const replayer = Effect.fnUntraced(function*(exchanges: ReadonlyArray<Exchange>) {
  const left = [...exchanges]
  return yield* Loopback.http((incoming, response) => {
    const request = named(incoming.method, incoming.url)
    const exchange = left.find((exchange) => exchange.request === request)
    if (exchange === undefined) return response.writeHead(599).end(`nothing was kept for ${request}`)
    const more = left.filter((exchange) => exchange.request === request).length > 1
    if (more) left.splice(left.indexOf(exchange), 1)
    return give(response, exchange)
  })
})

const give = (response: ServerResponse, { body, contentType, status }: Exchange) => {
  response.writeHead(status, contentType === undefined ? {} : { "content-type": contentType })
  response.end(status === 204 ? undefined : body)
}
