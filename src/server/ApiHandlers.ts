/**
 * What the endpoints do, for an `HttpApi` of an app's own that has them among its groups: one OpenAPI document, one client and
 * one middleware for both.
 *
 * **Example** (behind the app's own sign-in)
 *
 * ```ts
 * const MyApi = HttpApi.make("app").add(Reports).addHttpApi(ApiGroups).middleware(SignedIn) // provides `Caller`
 * const Main = Server.serve(HttpApiBuilder.layer(MyApi, { openapiPath: "/openapi.json" })).pipe(
 *   Layer.provide([ReportsLive, ApiHandlers.layer(MyApi)]),
 *   Layer.provide([SignedInLive, ApiHandlers.gate()]),
 *   Layer.provide([Agents, NodeHttpServer.layer(createServer, { port: 80 })])
 * )
 * ```
 *
 * **Gotchas**
 *
 * - A middleware of the api must provide `Caller`: without one every endpoint answers 500.
 * - A group of the app's own must have another name than ours (`threads`, `turns`, `requests`, `events`, `transcript`,
 *   `snapshots`, `instances`, `hooks`, `health`), as in every `HttpApi`.
 * - It asks nothing about where the server listens: what lets callers in is the app's own.
 *
 * @since 0.1.0
 */
import { type ByteSize, type Duration, Layer } from "effect"
import type { HttpApi, HttpApiGroup } from "effect/http-api"
import type { Api } from "../api/Api.ts"
import { Gate } from "../api/Middleware.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import * as fromHere from "./internal/fromHere.ts"
import * as makeGate from "./internal/gate.ts"
import * as agents from "./internal/handlers/agents.ts"
import * as history from "./internal/handlers/history.ts"
import * as threads from "./internal/handlers/threads.ts"
import * as turns from "./internal/handlers/turns.ts"

/**
 * How they answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long a stream of events may be quiet before a `ping` is sent. Default: 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
}

type Name = keyof typeof Api.groups

/**
 * The services that the endpoints hand on to.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = ProviderService | TranscriptArchive | HookDeliveries

const all = (api: typeof Api, keepAlive: Duration.Input) => ({
  threads: () => threads.threads(api),
  turns: () => turns.turns(api),
  requests: () => turns.requests(api),
  events: () => history.events(api, keepAlive),
  transcript: () => history.transcript(api),
  snapshots: () => history.snapshots(api),
  instances: () => agents.instances(api, keepAlive),
  hooks: () => agents.hooks(api),
  health: () => agents.health(api)
})

/**
 * Those of our groups that the api has.
 *
 * @category layers
 * @since 0.1.0
 */
export function layer<Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  options?: Options
): Layer.Layer<
  HttpApiGroup.Service<Id, Extract<HttpApiGroup.Identifier<Groups>, Name>>,
  never,
  Services | HttpApiGroup.MiddlewareServices<Groups>
>
export function layer(api: HttpApi.Constraint, { keepAlive = "15 seconds" }: Options = {}): unknown {
  const asked = ours(api)
  const [first, ...rest] = Object.entries(all(asked, keepAlive)).filter(([name]) => name in asked.groups)
  return first === undefined ? Layer.empty : Layer.mergeAll(first[1](), ...rest.map(([, make]) => make()))
}

/** What differs in the app's api (its name, prefixes, middlewares, groups beside ours) is nothing to the handlers. */
function ours(api: HttpApi.Constraint): typeof Api
function ours(api: unknown): unknown {
  return api
}

/**
 * Where requests may come from, and how long they may be.
 *
 * @category models
 * @since 0.1.0
 */
export interface GateOptions {
  /** Names of this server, without a port: a request whose `Host` is another one is refused. Default: any name. */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** Origins of pages that may call beside the server's own, as `https://app.example.com`. Default: none. */
  readonly origins?: ReadonlyArray<string> | undefined
  /** How long a body may be, but for that of an import. Default: 32 MiB. */
  readonly maxBody?: ByteSize.Input | undefined
}

/**
 * What stands before each of our endpoints, for an app that lets callers in itself.
 *
 * @category layers
 * @since 0.1.0
 */
export const gate = ({ hosts, maxBody = "32 MiB", origins = [] }: GateOptions = {}): Layer.Layer<Gate> =>
  Layer.succeed(Gate, makeGate.make({ fromHere: fromHere.make(hosts, origins), origins }, maxBody))
