/**
 * The services of an app on another machine: the same tags as `CodingAgents.layer` gives, so that an app swaps the local
 * service for a remote one by swapping a Layer. It runs in Node and in a browser.
 *
 * - **Streams** go on by themselves after a lost connection or a restart of the server, after what was seen: without a hole,
 *   and without a durable event twice. Deltas that were shown meanwhile are not repeated; a text that is under way comes
 *   once more from its beginning.
 * - **Calls** that change nothing more the second time are made again by themselves, and so are `sendTurn` and `runTurn`,
 *   which always have a `turnId`. Any other call whose connection is lost fails with `ServerUnreachable`, which says that the
 *   server may have done it (`outcome`).
 * - **Errors** are the server's own, as instances of their classes.
 * - **Interruption** of a call interrupts the operation. A lost connection does not interrupt a turn.
 *
 * **Example** (threads on another machine)
 *
 * ```ts
 * const Remote = Client.layer({ url: "https://agents.example.com", token: Redacted.make("a long secret") })
 *
 * const program = Effect.gen(function*() {
 *   const agents = yield* ProviderService
 *   return yield* agents.runTurn({ threadId: ThreadId.make("t1"), prompt: "What is in this repository?" })
 * }).pipe(Effect.provide(Remote))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer, Redacted, type Stream, SubscriptionRef } from "effect"
import { FetchHttpClient } from "effect/http"
import { Socket } from "effect/socket"
import * as RpcWire from "../api/RpcWire.ts"
import * as link from "./internal/link.ts"
import * as services from "./internal/services.ts"

/**
 * How long the server may be away.
 *
 * @category models
 * @since 0.1.0
 */
export interface Patience {
  /** How long a call waits for a connection, and is made again after a lost one, before it fails. Default: 30 seconds. */
  readonly calls?: Duration.Input | undefined
  /** The same of a stream. Default: forever. */
  readonly streams?: Duration.Input | undefined
}

/**
 * Where the server is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** As `https://agents.example.com`. Without a path: `/rpc`. */
  readonly url: string
  /** What the server asks for; an Effect is asked again for each connection. Default: none. */
  readonly token?: Redacted.Redacted<string> | Effect.Effect<Redacted.Redacted<string>> | undefined
  /**
   * Default: `websocket`, one connection for everything. `http` makes a request of each call, where WebSockets do not come
   * through: browsers have few connections for streams then, and a turn whose call is interrupted learns of it a moment later.
   */
  readonly transport?: "websocket" | "http" | undefined
  readonly patience?: Patience | undefined
}

/**
 * - `connecting`: there is no connection now; one is being made.
 * - `connected`
 * - `unauthorized`: the server is there and does not accept the token. It is tried again.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionState = link.State

/**
 * Whether the server is there, for what an app shows. Over HTTP it is always `connected`.
 *
 * @category services
 * @since 0.1.0
 */
export class Connection extends Context.Service<Connection, {
  readonly state: Effect.Effect<ConnectionState>
  /** The state now, and each after it. */
  readonly changes: Stream.Stream<ConnectionState>
}>()("effect-coding-agents/Connection") {}

/** The address of the RPCs, by the transport. */
const address = (url: string, transport: "websocket" | "http"): string => {
  const parsed = new URL(url)
  if (parsed.pathname === "/") parsed.pathname = RpcWire.defaultPath
  const secure = parsed.protocol === "https:" || parsed.protocol === "wss:"
  const scheme = transport === "http" ? "http" : "ws"
  return parsed.href.replace(/^[a-z]+:/, secure ? `${scheme}s:` : `${scheme}:`)
}

const tokenOf = (token: Options["token"]): link.Token => Effect.isEffect(token) ? token : Effect.succeed(token)

const overLink = (made: link.Link, patience: Patience | undefined) =>
  Effect.map(
    services.make(made, {
      calls: Duration.fromInputUnsafe(patience?.calls ?? "30 seconds"),
      streams: Duration.fromInputUnsafe(patience?.streams ?? Duration.infinity)
    }),
    Context.add(Connection, {
      state: SubscriptionRef.get(made.state),
      changes: SubscriptionRef.changes(made.state)
    })
  )

/**
 * The services at the other end of a socket, which is opened again whenever it is closed: for a transport of your own. The
 * other end serves the RPCs as lines of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const overSocket = (socket: Socket.Socket, patience?: Patience) =>
  Effect.flatMap(link.overSocket(socket), (made) => overLink(made, patience))

/**
 * The services of a server. Succeeds at once, whether the server is there or not.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options) =>
  Layer.provide(layerWith(options), [Socket.layerWebSocketConstructorGlobal, FetchHttpClient.layer])

/**
 * As {@link layer}, with another WebSocket than that of the platform, or another HTTP client.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = ({ patience, token, transport = "websocket", url }: Options) =>
  Layer.effectContext(Effect.gen(function*() {
    const to = address(url, transport)
    if (transport === "http") return yield* overLink(yield* link.overHttp(to, tokenOf(token)), patience)
    return yield* overSocket(yield* link.webSocket(to, tokenOf(token)), patience)
  }))
