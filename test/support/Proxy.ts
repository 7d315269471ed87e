/** A wire that can be cut, and that can keep back what the server says. */
import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"

export interface Proxy {
  readonly url: string
  /** Ends every connection that is open now. */
  readonly cut: Effect.Effect<void>
  /** From now on nothing of the server reaches the client, on the connections that are open now. */
  readonly mute: Effect.Effect<void>
  /** How many connections were made. */
  readonly connections: Effect.Effect<number>
}

/** In front of the server on this port. */
export const make = Effect.fnUntraced(function*(port: number) {
  const open = new Set<{ readonly client: Socket; readonly server: Socket; muted: boolean }>()
  let connections = 0
  const listening = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((client) => {
        connections++
        const pair = { client, server: connect(port, "127.0.0.1"), muted: false }
        open.add(pair)
        const end = () => {
          open.delete(pair)
          client.destroy()
          pair.server.destroy()
        }
        client.on("data", (data) => pair.server.write(data)).on("close", end).on("error", end)
        pair.server.on("data", (data) => pair.muted || client.write(data)).on("close", end).on("error", end)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        for (const { client, server } of open) {
          client.destroy()
          server.destroy()
        }
        server.close(() => resume(Effect.void))
      })
  )
  const address = listening.address()
  const proxy: Proxy = {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    cut: Effect.sync(() => {
      for (const { client, server } of open) {
        client.destroy()
        server.destroy()
      }
    }),
    mute: Effect.sync(() => {
      for (const pair of open) pair.muted = true
    }),
    connections: Effect.sync(() => connections)
  }
  return proxy
})
