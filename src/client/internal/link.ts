/**
 * The way to a server: how messages get there, and whether they do now.
 */
import { type Duration, Effect, Fiber, Option, type Redacted, Schedule, Stream, SubscriptionRef } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { RpcClient } from "effect/rpc"
import { Socket } from "effect/socket"
import * as RpcWire from "../../api/RpcWire.ts"

/**
 * - `connecting`: there is no connection now; one is being made.
 * - `connected`
 * - `unauthorized`: the server is there and does not accept the token. It is tried again.
 */
export type State = "connecting" | "connected" | "unauthorized"

export interface Link {
  readonly protocol: RpcClient.Protocol["Service"]
  readonly state: SubscriptionRef.SubscriptionRef<State>
  /** Whether the server is told that a call was given up, and not only that its connection is gone. */
  readonly tellsInterrupts: boolean
}

/** Read anew for each connection. */
export type Token = Effect.Effect<Redacted.Redacted<string> | undefined>

/** Succeeds once calls can be made; fails where the token is not accepted, or there is no connection in time. */
export const ready = (
  { state }: Link,
  patience: Duration.Duration
): Effect.Effect<void, "away" | "unauthorized"> =>
  Effect.suspend(() => {
    const settled = (now: State) => now === "connected" ? Effect.void : Effect.fail("unauthorized" as const)
    const now = SubscriptionRef.getUnsafe(state)
    if (now !== "connecting") return settled(now)
    return SubscriptionRef.changes(state).pipe(
      Stream.filter((next) => next !== "connecting"),
      Stream.runHead,
      Effect.timeoutOption(patience),
      Effect.flatMap((found) => {
        const head = Option.flatten(found)
        return Option.isNone(head) ? Effect.fail("away" as const) : settled(head.value)
      })
    )
  })

/** The server is there and does not accept the token. */
export const isRefused = ({ state }: Link): boolean => SubscriptionRef.getUnsafe(state) === "unauthorized"

/** In milliseconds, before the jitter: 50, 100, 200, ... */
const delayOf = (failures: number): number => Math.min(5000, 50 * 2 ** Math.min(failures, 10))

/**
 * A slow reader of one stream must not hold up the answers of other calls, which come on the same connection. Its server
 * waits for the reader before it sends more, so that one message of each stream waits here at most.
 */
const inLanes = (protocol: RpcClient.Protocol["Service"]): RpcClient.Protocol["Service"] => ({
  ...protocol,
  run: (clientId, receive) =>
    Effect.scoped(Effect.flatMap(Effect.scope, (scope) => {
      const lanes = new Map<string | number, Fiber.Fiber<void>>()
      const inLane = (requestId: string | number, work: Effect.Effect<void>) =>
        Effect.map(Effect.forkIn(work, scope, { startImmediately: true }), (fiber) => {
          if (fiber.pollUnsafe() !== undefined) return
          lanes.set(requestId, fiber)
          fiber.addObserver(() => {
            if (lanes.get(requestId) === fiber) lanes.delete(requestId)
          })
        })
      return protocol.run(clientId, (message) => {
        if (message._tag !== "Chunk" && message._tag !== "Exit") return receive(message)
        const before = lanes.get(message.requestId)
        if (before === undefined) {
          return message._tag === "Exit" ? receive(message) : inLane(message.requestId, receive(message))
        }
        return inLane(message.requestId, Effect.andThen(Fiber.await(before), receive(message)))
      })
    }))
})

/** The socket, telling of what comes and of the code that it is closed with. */
const watched = (
  socket: Socket.Socket,
  seen: Effect.Effect<void>,
  closed: (code: number) => Effect.Effect<void>
): Socket.Socket =>
  Socket.make({
    writer: socket.writer,
    reader: Effect.map(socket.reader, ({ pull, upgrade }) => ({
      upgrade,
      pull: pull.pipe(
        Effect.tap(seen),
        Effect.tapError(({ reason }) => reason._tag === "SocketCloseError" ? closed(reason.code) : Effect.void)
      )
    }))
  })

const serialization = RpcWire.serialization(RpcWire.longestAnswer)

/** Over one socket, which is opened again whenever it is closed. */
export const overSocket = Effect.fnUntraced(function*(socket: Socket.Socket) {
  const state = yield* SubscriptionRef.make<State>("connecting")
  let failures = 0
  // Until the server says something: its refusal follows the opening.
  let refused = false
  const move = (to: State) =>
    Effect.suspend(() => SubscriptionRef.getUnsafe(state) === to ? Effect.void : SubscriptionRef.set(state, to))
  const protocol = yield* RpcClient.makeProtocolSocket({
    retryTransientErrors: true,
    retryPolicy: Schedule.forever.pipe(
      Schedule.modifyDelay(() => Effect.sync(() => delayOf(failures++))),
      Schedule.jittered
    )
  }).pipe(
    Effect.provideService(
      Socket.Socket,
      watched(
        socket,
        Effect.suspend(() => {
          failures = 0
          refused = false
          return move("connected")
        }),
        (code) =>
          Effect.sync(() => {
            refused = code === RpcWire.unauthorizedCode
          })
      )
    ),
    Effect.provideService(RpcClient.ConnectionHooks, {
      onConnect: Effect.suspend(() => refused ? Effect.void : move("connected")),
      onDisconnect: Effect.suspend(() => move(refused ? "unauthorized" : "connecting"))
    }),
    Effect.provide(serialization)
  )
  const link: Link = { protocol: inLanes(protocol), state, tellsInterrupts: true }
  return link
})

/** The WebSocket at this address. */
export const webSocket = (url: string, token: Token) =>
  Effect.gen(function*() {
    const construct = yield* Socket.WebSocketConstructor
    const protocols = Effect.map(token, (known) => [
      RpcWire.subprotocol,
      ...(known === undefined ? [] : [RpcWire.tokenProtocol(known)])
    ])
    return yield* Socket.fromWebSocket(
      Effect.acquireRelease(
        Effect.map(protocols, (offered) => construct(url, offered)),
        (socket) => Effect.sync(() => socket.close(1000))
      )
    )
  })

/** Over HTTP: a request for each call, so that there is no connection which could be lost beside them. */
export const overHttp = Effect.fnUntraced(function*(url: string, token: Token) {
  const state = yield* SubscriptionRef.make<State>("connected")
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest(HttpClientRequest.prependUrl(url)),
    HttpClient.mapRequestEffect((request) =>
      Effect.map(token, (known) => known === undefined ? request : HttpClientRequest.bearerToken(request, known))
    ),
    HttpClient.filterStatusOk
  )
  const protocol = yield* RpcClient.makeProtocolHttp(client).pipe(Effect.provide(serialization))
  const link: Link = { protocol, state, tellsInterrupts: false }
  return link
})
