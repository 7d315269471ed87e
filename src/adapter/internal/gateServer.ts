/**
 * The HTTP of a gate: requests that are bounded in size and time, and replies that each close their connection.
 */
import { Effect, Option, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { ListenOptions } from "node:net"
import { errorCode } from "../../process/ErrorCode.ts"

/** How long a client may take to send its question. Node checks it once a second. */
const questionMillis = 10_000

/** How long replies may take to be written when the gate closes. */
const flushMillis = 1000

const maxConnections = 1024

/**
 * Listens until the Scope closes. Closing waits for what is being replied. Fails with the system's error code.
 */
export const listen = (
  options: ListenOptions,
  onRequest: (incoming: IncomingMessage, response: ServerResponse) => void
): Effect.Effect<Server, string, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server, string>((resume) => {
      const server = createServer({
        requestTimeout: questionMillis,
        headersTimeout: questionMillis,
        connectionsCheckingInterval: 1000
      }, onRequest)
      server.maxConnections = maxConnections
      server.once("error", (error) => resume(Effect.fail(errorCode(error) ?? "LISTEN")))
      server.listen(options, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        const timer = setTimeout(() => server.closeAllConnections(), flushMillis)
        server.close(() => {
          clearTimeout(timer)
          resume(Effect.void)
        })
      })
  )

/** The body; `None` if it is longer than that many bytes. */
export const readBody = (incoming: IncomingMessage, maxBytes: number): Effect.Effect<Option.Option<string>> =>
  Effect.callback((resume) => {
    const parts: Array<Buffer> = []
    let length = 0
    incoming.on("data", (part: Buffer) => {
      length += part.length
      if (length > maxBytes) resume(Effect.succeedNone)
      else parts.push(part)
    })
    incoming.once("end", () => resume(Effect.sync(() => Option.some(Buffer.concat(parts).toString("utf8")))))
  })

/**
 * Each question has a connection of its own. A kept-alive one might be closed here at the very moment at which the agent
 * sends its next question over it, and that question would fail (OpenCode 1.18.33).
 */
export const reply = (response: ServerResponse, status: number, json: string): void => {
  response.writeHead(status, { "content-type": "application/json", "connection": "close" })
  response.end(json)
}

/** Completes when the client has the reply, or no longer waits for one. */
export const closed = (response: ServerResponse): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (response.closed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })
