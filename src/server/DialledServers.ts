/**
 * Servers that have called here (`Server.dial`), each by its name, as the services that it serves.
 *
 * **Example** (a turn in a sandbox)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const dialled = yield* DialledServers
 *   return yield* Effect.flatMap(ProviderService, (agents) => agents.runTurn({ threadId, prompt: "hello" })).pipe(
 *     Effect.provide(dialled.client("sandbox-7"))
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 */
import { Context, Deferred, Effect, Latch, Layer, Option, Queue, RcMap, type Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import * as RpcWire from "../api/RpcWire.ts"
import * as Client from "../client/Client.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import { Drain } from "./Drain.ts"
import * as rpcAccess from "./internal/rpcAccess.ts"
import { ThreadAccess } from "./ThreadAccess.ts"

/** A connection that was made to here. */
interface Call {
  readonly socket: Socket.Socket
  readonly over: Deferred.Deferred<void>
}

/**
 * The servers that call here.
 *
 * @category services
 * @since 0.1.0
 */
export class DialledServers extends Context.Service<DialledServers, {
  /** Those that are connected now or wait to be used. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
  /** The services of the server of this name: of whichever connection it has, and the next. */
  readonly client: (
    name: string,
    patience?: Client.Patience
  ) => Layer.Layer<ProviderService | TranscriptArchive | HookDeliveries | Client.Connection>
}>()("effect-coding-agents/DialledServers") {}

/** The connections of one server, one after the other, as one socket. */
const socketOf = (calls: Queue.Dequeue<Call>): Socket.Socket => {
  const open = Latch.makeUnsafe(false)
  let writer: Socket.Writer | undefined
  const reader = Effect.gen(function*() {
    const { over, socket } = yield* Queue.take(calls)
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        writer = undefined
        open.closeUnsafe()
        return Deferred.succeed(over, undefined)
      })
    )
    const inner = yield* socket.reader
    writer = yield* socket.writer
    open.openUnsafe()
    return inner
  })
  const write = <A>(
    f: (writer: Socket.Writer) => Effect.Effect<A, Socket.SocketError>
  ): Effect.Effect<A, Socket.SocketError> =>
    Effect.suspend(() => writer === undefined ? open.whenOpen(write(f)) : f(writer))
  return Socket.make({
    reader,
    writer: Effect.succeed({
      write: (chunk) => write((to) => to.write(chunk)),
      writeAll: (chunks) => write((to) => to.writeAll(chunks))
    })
  })
}

/**
 * Takes the calls of servers, at `/dial` by default, that `Admission` lets in.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({ path = RpcWire.dialPath }: { readonly path?: HttpRouter.PathInput | undefined } = {}) =>
  Layer.effect(
    DialledServers,
    Effect.gen(function*() {
      const router = yield* HttpRouter.HttpRouter
      const caller = yield* rpcAccess.make
      const decide = yield* ThreadAccess
      /** What this server does is done by those who may operate it. */
      const isAllowed = Effect.flatMap(
        caller,
        Option.match({
          onNone: () => Effect.succeed(false),
          onSome: (known) =>
            decide?.({ caller: known, operation: "dial", action: "operate", input: {} }) ?? Effect.succeed(true)
        })
      )
      const stopping = yield* Drain
      /** The last call of each name that nothing has taken yet, for as long as the name is connected or waited for. */
      const waiting = yield* RcMap.make<string, Queue.Queue<Call>, never, never>({ lookup: () => Queue.sliding(1) })
      const connected = new Map<string, number>()
      const counted = (name: string, by: 1 | -1) =>
        Effect.sync(() => {
          const now = (connected.get(name) ?? 0) + by
          if (now === 0) connected.delete(name)
          else connected.set(name, now)
        })
      const take: Effect.Effect<
        HttpServerResponse.HttpServerResponse,
        never,
        HttpServerRequest.HttpServerRequest | Scope.Scope
      > = Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const name = new URL(request.url, "http://localhost").searchParams.get("name")
        if (name === null || name === "" || !(yield* isAllowed)) return HttpServerResponse.empty({ status: 401 })
        const socket = yield* request.upgrade
        const over = yield* Deferred.make<void>()
        const calls = yield* RcMap.get(waiting, name)
        yield* Effect.acquireRelease(counted(name, 1), () => counted(name, -1))
        yield* Queue.offer(calls, { socket, over })
        yield* Effect.raceFirst(Deferred.await(over), stopping)
        return HttpServerResponse.empty()
      }).pipe(Effect.orElseSucceed(() => HttpServerResponse.empty({ status: 400 })))
      yield* router.add("GET", path, Effect.scoped(take))
      return {
        names: Effect.sync(() => Array.from(connected.keys())),
        client: (name, patience) =>
          Layer.effectContext(
            Effect.flatMap(RcMap.get(waiting, name), (calls) => Client.overSocket(socketOf(calls), patience))
          )
      }
    })
  )
