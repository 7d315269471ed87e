/**
 * The wire contract: every operation of `ProviderService`, `TranscriptArchive` and `HookDeliveries` as an HTTP endpoint,
 * with a path. What an operation takes, answers and fails with is what `Operations` says.
 *
 * It loads in a browser: `HttpApiClient.make(Api)` is a client of it, `OpenApi.fromApi(Api)` its OpenAPI document.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { NotReady } from "./ApiError.ts"
import { hooks, instances } from "./groups/agents.ts"
import { events, snapshots, transcript } from "./groups/history.ts"
import { threads } from "./groups/threads.ts"
import { requests, turns } from "./groups/turns.ts"
import * as Middleware from "./Middleware.ts"
import * as WireError from "./WireError.ts"

/**
 * Every operation, for an `HttpApi` of an app's own: `HttpApi.make("app").addHttpApi(ApiGroups.middleware(MyAuth))`, where
 * `MyAuth` is a middleware that provides {@link Middleware.Caller}. `ApiHandlers` of the server is what they do.
 *
 * @category groups
 * @since 0.1.0
 */
export const ApiGroups = HttpApi.make("effect-coding-agents")
  .add(threads, turns, requests, events, transcript, snapshots, instances, hooks)
  .middleware(Middleware.Gate)

/**
 * Whether the server runs (`/healthz`), and whether it can work: the store answers (`/readyz`). Neither asks for a token.
 *
 * @category groups
 * @since 0.1.0
 */
export const health = HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("healthy", "/healthz", { success: Schema.Struct({ status: Schema.Literal("ok") }) }),
  HttpApiEndpoint.get("ready", "/readyz", {
    success: Schema.Struct({ status: Schema.Literal("ok") }),
    error: WireError.of(NotReady)
  })
)

/**
 * All endpoints.
 *
 * @category api
 * @since 0.1.0
 */
export const Api = ApiGroups.middleware(Middleware.Authorization).add(health).annotateMerge(OpenApi.annotations({
  title: "effect-coding-agents",
  description: "Durable threads on any coding agent"
}))
