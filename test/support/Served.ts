/** A server that is started and stopped while its services go on, and clients of it. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { HttpServer } from "effect/http"
import { Client } from "../../src/client/index.ts"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { ProviderService, TranscriptArchive } from "../../src/index.ts"
import type * as Rpc from "../../src/server/Rpc.ts"
import * as Remote from "./Remote.ts"

export interface Started {
  readonly port: number
  readonly url: string
  readonly stop: Effect.Effect<void>
}

/** Serves what is there, until it is stopped or the test ends. */
export const start = Effect.fnUntraced(function*(port = 0, rpc: Rpc.Options = {}) {
  const services = Layer.mergeAll(
    Layer.succeed(ProviderService, yield* ProviderService),
    Layer.succeed(TranscriptArchive, yield* TranscriptArchive),
    Layer.succeed(HookDeliveries, yield* HookDeliveries)
  )
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const built = yield* Layer.buildWithScope(
    Remote.served({ port, token: Remote.token, rpc }).pipe(Layer.provide(services), Layer.orDie),
    scope
  )
  const { address } = Context.get(built, HttpServer.HttpServer)
  const actual = "port" in address ? address.port : 0
  const started: Started = { port: actual, url: `http://127.0.0.1:${actual}`, stop: Scope.close(scope, Exit.void) }
  return started
})

/** The services of the server at this address. */
export const client = (url: string, options: Partial<Client.Options> = {}) =>
  Effect.map(Layer.build(Client.layer({ url, token: Remote.token, ...options })), (context) => ({
    agents: Context.get(context, ProviderService),
    archive: Context.get(context, TranscriptArchive),
    deliveries: Context.get(context, HookDeliveries),
    connection: Context.get(context, Client.Connection)
  }))
