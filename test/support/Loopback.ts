/** Small servers on 127.0.0.1 that stand in for a broken or interrupted network. Closed, connections included, with the scope. */
import { Effect, type Scope } from "effect"
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server as HttpServer,
  type ServerResponse
} from "node:http"
import { connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net"

/** An HTTP server; answers its URL. */
export const http = (listener: RequestListener): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    listening(() => createServer(listener)),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(Effect.map(urlOf))

/** Passes requests on to `target`, a URL, but for those that `answer` answers itself. */
export const between = (target: string, answer: (request: IncomingMessage, response: ServerResponse) => boolean) =>
  http((incoming, response) => {
    if (answer(incoming, response)) return
    const { headers, method, url } = incoming
    const outgoing = request(new URL(url ?? "/", target), { agent: false, method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers)
      answered.pipe(response)
    })
    outgoing.on("error", () => response.destroy())
    response.on("close", () => outgoing.destroy())
    incoming.pipe(outgoing)
  })

interface Trap {
  /** What a client says that springs it. */
  readonly text: string
  /** Whether the target still hears it; then its answer springs the trap, and nobody hears that. */
  readonly delivered: boolean
  /** Whether nobody gets through any more, until it is mended. */
  readonly down: boolean
}

/**
 * Passes TCP through to `target`, a URL, until it is told to cut every connection, now or as soon as a client says
 * something in particular.
 */
export const proxy = Effect.fnUntraced(function*(target: string) {
  const sockets = new Set<Socket>()
  let trap: Trap | undefined
  let down = false
  let refused: string | undefined
  let garbled: string | undefined
  const listeners = new Set<(said: Buffer) => void>()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const spring = (sprung: Trap) => {
    trap = undefined
    down = sprung.down
    cut()
  }
  const port = Number(new URL(target).port)
  const server = yield* Effect.acquireRelease(
    listening(() =>
      createTcpServer((incoming) => {
        const outgoing = connect(port, "127.0.0.1")
        for (const socket of [incoming, outgoing]) {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            incoming.destroy()
            outgoing.destroy()
          })
        }
        if (down) incoming.destroy()
        let sprung: Trap | undefined
        incoming.on("data", (chunk) => {
          for (const listener of listeners) listener(chunk)
          if (refused !== undefined && chunk.includes(refused)) return void incoming.destroy()
          if (trap !== undefined && chunk.includes(trap.text)) sprung = trap
          if (sprung?.delivered === false) spring(sprung)
          else outgoing.write(chunk)
        })
        outgoing.on("data", (chunk) => {
          if (sprung !== undefined) spring(sprung)
          else incoming.write(garbled === undefined ? chunk : garble(chunk, garbled))
        })
      })
    ),
    (server) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  return {
    url: urlOf(server),
    cut: Effect.sync(cut),
    /** Cuts every connection, and every new one until it is mended. */
    cutOff: Effect.sync(() => {
      down = true
      cut()
    }),
    cutAt: (when: Trap) =>
      Effect.sync(() => {
        trap = when
      }),
    /** From now on whoever says this is cut, until it is mended. */
    refuse: (text: string) =>
      Effect.sync(() => {
        refused = text
      }),
    /** From now on the target never says this: other text of the same length comes instead, until it is mended. */
    garble: (text: string) =>
      Effect.sync(() => {
        garbled = text
      }),
    /** Waits until clients have said this so many times more. */
    hear: (text: string, times: number) =>
      Effect.callback<void>((resume) => {
        let left = times
        const listener = (said: Buffer) => {
          if (said.includes(text) && --left === 0) resume(Effect.void)
        }
        listeners.add(listener)
        return Effect.sync(() => listeners.delete(listener))
      }),
    mend: Effect.sync(() => {
      down = false
      refused = undefined
      garbled = undefined
    })
  }
})

const garble = (chunk: Buffer, text: string) =>
  Buffer.from(chunk.toString("latin1").replaceAll(text, "x".repeat(text.length)), "latin1")

/** A URL where nobody listens. */
export const nobody = Effect.suspend(() => Effect.scoped(http(() => {})))

const listening = <A extends HttpServer | TcpServer>(make: () => A) =>
  Effect.callback<A>((resume) => {
    const server = make()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  })

const urlOf = (server: HttpServer | TcpServer) => {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
}
