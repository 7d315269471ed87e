/** A server on this machine, and a client of it in place of the services that it serves. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Client } from "../../src/client/index.ts"
import type { HookDeliveries } from "../../src/hooks/index.ts"
import type { ProviderService, TranscriptArchive } from "../../src/index.ts"
import * as Admission from "../../src/server/Admission.ts"
import * as Rpc from "../../src/server/Rpc.ts"

export const token = Redacted.make("a token of the tests")

export type Services = ProviderService | TranscriptArchive | HookDeliveries

/** An empty page of the server's own, for a browser to run a client in. */
const page = HttpRouter.add("GET", "/page", HttpServerResponse.html("<!doctype html><title>app</title>"))

/** Serves the services on a free port of this machine, or on that one. */
export const served = (
  options: { readonly port?: number; readonly token?: typeof token | undefined; readonly rpc?: Rpc.Options } = { token }
) =>
  HttpRouter.serve(
    Layer.merge(page, Rpc.layer(options.rpc).pipe(Layer.provide(Admission.layer({ token: options.token })))),
    {
      disableLogger: true,
      disableListenLog: true
    }
  ).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, {
        port: options.port ?? 0,
        host: "127.0.0.1",
        gracefulShutdownTimeout: 1
      })
    )
  )

/** The address of the server that is there. */
export const address = Effect.map(HttpServer.HttpServer, ({ address }) => {
  if (!("port" in address)) throw new Error("the server listens on no port")
  return `http://127.0.0.1:${address.port}`
})

/** A client of the server that is there. */
export const client = (options: Partial<Client.Options> = {}) =>
  Layer.unwrap(Effect.map(address, (url) => Client.layer({ url, token, ...options })))

/** The same services, by way of a socket. */
export const over = <E, R>(local: Layer.Layer<Services, E, R>, options: Partial<Client.Options> = {}) =>
  client(options).pipe(
    Layer.provide(Layer.orDie(served())),
    Layer.provide(local)
  )
