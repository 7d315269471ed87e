/** The server of `eca serve` and `eca mock`: the API, the RPCs, the routes of the AI SDK and the page, behind one token. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, type Redacted } from "effect"
import { HttpMiddleware, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import * as Inspector from "../inspector/Inspector.ts"
import * as Admission from "../server/Admission.ts"
import * as Rpc from "../server/Rpc.ts"
import * as Server from "../server/Server.ts"
import { toPublic } from "../service/ServiceError.ts"
import * as ChatRoutes from "../ui-message-stream/ChatRoutes.ts"
import type { Services } from "./App.ts"

export interface Options {
  readonly host: string
  readonly port: number
  readonly token: Redacted.Redacted | undefined
  /** Origins of pages that may call beside the server's own. */
  readonly origins: ReadonlyArray<string>
  /** How a chat of the AI SDK that is new becomes a thread. */
  readonly newThread: ChatRoutes.ChatOptions["newThread"]
}

const cors = (origins: ReadonlyArray<string>) => HttpMiddleware.cors({ allowedOrigins: origins, maxAge: 600 })

/** Routes beside the API ask for the same token, and are open to pages of the same origins. */
const admitted = HttpRouter.middleware(
  Effect.map(
    Admission.Admission,
    (admission) => (app) => {
      const answer = Effect.matchEffect(Effect.provideService(Admission.admit, Admission.Admission, admission), {
        onFailure: (error) => {
          const shown = toPublic(error)
          return Effect.succeed(HttpServerResponse.jsonUnsafe(shown, { status: shown.status }))
        },
        onSuccess: () => app
      })
      return admission.origins.length === 0 ? answer : cors(admission.origins)(answer)
    }
  )
).layer

/** Answers a browser that asks whether a page of another origin may call. */
const preflights = (origins: ReadonlyArray<string>) =>
  origins.length === 0 ? Layer.empty : Layer.mergeAll(
    Layer.empty,
    ...(["/chat", "/chat/:id/stream", "/chat/:id/stop", "/chat/:id/answer"] as const).map((path) =>
      HttpRouter.add("OPTIONS", path, cors(origins)(Effect.succeed(HttpServerResponse.empty())))
    )
  )

const rpcs: Layer.Layer<never, never, HttpRouter.HttpRouter | Admission.Admission | Services> = Rpc.layer()

/** Serves until its scope closes. Gives the server, which knows its port. */
export const layer = ({ host, newThread, origins, port, token }: Options) =>
  Server.serve(
    Layer.mergeAll(
      rpcs,
      Inspector.layer({ path: "/ui", write: true }),
      ChatRoutes.layer({ newThread }).pipe(Layer.provide(admitted)),
      preflights(origins),
      HttpRouter.add("GET", "/", HttpServerResponse.redirect("/ui/"))
    ).pipe(
      Layer.provideMerge(Server.layer({ token, origins }))
    ),
    { disableListenLog: true, disableLogger: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port, host }))
  )

/** As a browser on this machine finds it. */
export const urlOf = Effect.map(HttpServer.HttpServer, ({ address }) => {
  const found = HttpServer.formatAddress(address)
  return found.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
})
