/**
 * A server that calls instead of being called: in a sandbox, behind a firewall, on a laptop. It opens a WebSocket to a hub,
 * again whenever it is lost, and serves there the RPCs that `Rpc.layer` serves. A warning is logged when the hub is away, or does
 * not take the call. `DialledServers` is the hub's side. Where this app decides thread by thread (`ThreadAccess`), the hub is
 * the caller `hub`.
 *
 * **Example** (in the sandbox)
 *
 * ```ts
 * const Main = Server.dial({ url: "wss://hub.example.com", token, name: "sandbox-7" }).pipe(Layer.provide(Agents))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, Layer, type Redacted, Schedule } from "effect"
import { NetAddress } from "effect/net"
import { RpcServer } from "effect/rpc"
import { Socket, SocketServer } from "effect/socket"
import { Rpcs } from "../api/Rpc.ts"
import * as RpcWire from "../api/RpcWire.ts"
import * as rpcAccess from "./internal/rpcAccess.ts"
import * as rpcHandlers from "./internal/rpcHandlers.ts"

/**
 * Where the hub is, and who calls it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** As `wss://hub.example.com`. Without a path: `/dial`. */
  readonly url: string
  /** What the hub asks for. Default: none. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** What the hub knows this server by. */
  readonly name: string
}

/** The hub pings every 5 seconds; one that is silent for longer is gone. */
const patience = "20 seconds"

const silent = new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: new Error("The hub is silent") }) })

const backoff = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

const addressOf = ({ name, url }: Options): string => {
  const parsed = new URL(url)
  if (parsed.pathname === "/") parsed.pathname = RpcWire.dialPath
  parsed.searchParams.set("name", name)
  return parsed.href.replace(/^http/, "ws")
}

/** Each connection that we open is a client. */
const dialler = (options: Options) =>
  Effect.gen(function*() {
    const construct = yield* Socket.WebSocketConstructor
    const url = addressOf(options)
    const { token } = options
    const protocols = [RpcWire.subprotocol, ...(token === undefined ? [] : [RpcWire.tokenProtocol(token)])]
    return SocketServer.SocketServer.of({
      address: NetAddress.unixPathAddress(url),
      run: <R, E, _>(handler: (socket: Socket.Socket) => Effect.Effect<_, E, R>) => {
        let isConnected = false
        let isTold = false
        // Not why: the request has the token.
        const away = Effect.suspend(() => {
          if (isConnected || isTold) return Effect.void
          isTold = true
          return Effect.logWarning(
            `The hub at ${new URL(url).host} is away, or does not take this server's call; it is tried again`
          )
        })
        const once = Effect.gen(function*() {
          isConnected = false
          const socket = yield* Socket.fromWebSocket(
            Effect.acquireRelease(
              Effect.sync(() => construct(url, protocols)),
              (opened) => Effect.sync(() => opened.close(1000))
            )
          )
          const reader = Effect.map(socket.reader, ({ pull, upgrade }) => {
            isConnected = true
            isTold = false
            return {
              upgrade,
              pull: Effect.timeoutOrElse(pull, { duration: patience, orElse: () => Effect.fail(silent) })
            }
          })
          yield* handler(Socket.make({ reader, writer: socket.writer })).pipe(
            Effect.provideService(rpcAccess.RpcCaller, { id: "hub" }),
            Effect.catchCause(() => away)
          )
        })
        // From the shortest wait again after each connection.
        const until = Effect.repeat(once, { schedule: backoff, until: () => isConnected })
        return Effect.forever(Effect.andThen(until, Effect.sleep("100 millis")))
      }
    })
  })

/**
 * Serves the RPCs to the hub.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options) =>
  RpcServer.layer(Rpcs, { disableFatalDefects: true }).pipe(
    Layer.provide([rpcHandlers.layer, RpcServer.layerProtocolSocketServer]),
    Layer.provide([
      RpcWire.serialization(RpcWire.longestCall),
      Layer.effect(SocketServer.SocketServer, dialler(options)).pipe(
        Layer.provide(Socket.layerWebSocketConstructorGlobal)
      )
    ])
  )
