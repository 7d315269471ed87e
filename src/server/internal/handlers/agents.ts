/** Agents apart from any thread, deliveries to hooks, and whether the server is well. */
import { type Duration, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Api } from "../../../api/Api.ts"
import { NotReady } from "../../../api/ApiError.ts"
import { ProviderService } from "../../../service/ProviderService.ts"
import * as Events from "../../Events.ts"
import * as access from "../access.ts"

export const instances = (api: typeof Api, keepAlive: Duration.Input) =>
  HttpApiBuilder.group(
    api,
    "instances",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      const may = yield* access.streams
      return handlers.handleAll({
        listAgents: () => agents.listAgents({}),
        checkAgent: ({ params }) => agents.checkAgent(params),
        listOffers: ({ params, query }) => agents.listOffers({ ...params, ...query }),
        watchOffers: ({ params, query }) =>
          Effect.gen(function*() {
            const input = { ...params, ...query }
            // Once the answer has begun it can have no other status.
            yield* agents.listOffers(input)
            return yield* Events.response(yield* access.ofCaller(agents.watchOffers(input)), { keepAlive })
          }),
        signIn: ({ params, payload }) =>
          Effect.gen(function*() {
            const input = { ...params, ...payload }
            yield* may.signIn(input)
            return yield* Events.response(yield* access.ofCaller(agents.signIn(input)), { keepAlive })
          }),
        listSessions: ({ params, query }) => agents.listSessions({ ...params, ...query }),
        ask: ({ payload }) => agents.ask(payload)
      })
    })
  )

export const hooks = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "hooks",
    Effect.fnUntraced(function*(handlers) {
      const deliveries = yield* access.deliveries
      return handlers.handleAll({
        waiting: ({ query }) => deliveries.waiting(query),
        givenUp: ({ query }) => deliveries.givenUp(query),
        resend: ({ payload }) => deliveries.resend(payload)
      })
    })
  )

const ok = { status: "ok" } as const

export const health = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "health",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* ProviderService
      return handlers.handleAll({
        healthy: () => Effect.succeed(ok),
        ready: () => agents.listThreads({ limit: 1 }).pipe(Effect.as(ok), Effect.catch(() => new NotReady()))
      })
    })
  )
