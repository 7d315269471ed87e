/** `node:http` as Effects: a server on loopback, bodies as agents send them, and writes that wait until they have left. */
import { Effect, FiberSet, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib"

export interface Exchange {
  readonly incoming: IncomingMessage
  readonly response: ServerResponse
}

/** Serves until the scope closes; answers the port. An exchange is interrupted when its client hangs up. */
export const serve = Effect.fnUntraced(function*(
  port: number,
  handle: (exchange: Exchange) => Effect.Effect<void>
): Effect.fn.Return<number, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((incoming, response) => {
        // A client that hangs up while it sends is seen by `closed`.
        incoming.on("error", () => {})
        run(Effect.raceFirst(handle({ incoming, response }), closed(response)))
      })
      server.once("error", (error) => resume(Effect.die(error)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : port
})

const closed = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    if (response.closed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })

/** The body as text; some agents compress it. Dies where it is not what its headers say. */
export const readText = ({ incoming }: Exchange): Effect.Effect<string> =>
  Effect.callback<Buffer>((resume) => {
    const parts: Array<Buffer> = []
    incoming.on("data", (part) => parts.push(part))
    incoming.once("end", () => resume(Effect.sync(() => Buffer.concat(parts))))
  }).pipe(
    Effect.map((body) => (decoders[incoming.headers["content-encoding"] ?? ""] ?? same)(body).toString("utf8"))
  )

const same = (body: Buffer) => body

const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  br: brotliDecompressSync,
  deflate: inflateSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync
}

export const headersOf = ({ incoming }: Exchange): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]]
    )
  )

export const begin = ({ response }: Exchange, status: number, headers: Readonly<Record<string, string>>) =>
  Effect.sync(() => {
    response.writeHead(status, headers)
    response.flushHeaders()
  })

/** Returns when the text has left, so a socket that is cut afterwards cannot take it back. */
export const write = ({ response }: Exchange, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    response.write(text, () => resume(Effect.void))
  })

export const end = ({ response }: Exchange, last?: string | Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    response.end(last, () => resume(Effect.void))
  })

export const json = (
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<void> =>
  Effect.andThen(
    begin(exchange, status, { "content-type": "application/json", ...headers }),
    end(exchange, typeof body === "string" ? body : JSON.stringify(body))
  )

export const cut = ({ response }: Exchange): Effect.Effect<void> => Effect.sync(() => void response.destroy())
