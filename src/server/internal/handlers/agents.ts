/** Agents apart from any thread, deliveries to hooks, and whether the server is well. */
import { type Duration, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../../../api/Api.ts"
import { NotReady } from "../../../api/ApiError.ts"
import { HookDeliveries } from "../../../service/HookDeliveries.ts"
import { ProviderService } from "../../../service/ProviderService.ts"
import * as Events from "../../Events.ts"
import * as Access from "../access.ts"

export const instances = (keepAlive: Duration.Input) =>
  HttpApiBuilder.group(
    Api,
    "instances",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* ProviderService
      const { on, operate } = yield* Access.make
      return handlers.handleAll({
        listAgents: () => agents.listAgents({}),
        checkAgent: ({ params }) => agents.checkAgent(params),
        listOffers: ({ params, query }) => agents.listOffers({ ...params, ...query }),
        watchOffers: ({ params, query }) =>
          Effect.gen(function*() {
            const input = { ...params, ...query }
            // Once the answer has begun it can have no other status.
            yield* agents.listOffers(input)
            return yield* Events.response(agents.watchOffers(input), { keepAlive })
          }),
        signIn: ({ params, payload }) =>
          operate("signIn", { ...params, ...payload }, (input) => Events.response(agents.signIn(input), { keepAlive })),
        listSessions: ({ params, query }) => operate("listSessions", { ...params, ...query }, agents.listSessions),
        ask: ({ payload }) =>
          operate("ask", payload, (input) =>
            input.about === undefined
              ? agents.ask(input)
              : on("see")("ask", { ...input, threadId: input.about }, () => agents.ask(input)))
      })
    })
  )

export const hooks = HttpApiBuilder.group(
  Api,
  "hooks",
  Effect.fnUntraced(function*(handlers) {
    const deliveries = yield* HookDeliveries
    const { operate } = yield* Access.make
    return handlers.handleAll({
      givenUp: ({ query }) => operate("givenUp", query, deliveries.givenUp),
      resend: ({ payload }) => operate("resend", payload, deliveries.resend)
    })
  })
)

const ok = { status: "ok" } as const

export const health = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function*(handlers) {
    const agents = yield* ProviderService
    return handlers.handleAll({
      healthy: () => Effect.succeed(ok),
      ready: () => agents.listThreads({ limit: 1 }).pipe(Effect.as(ok), Effect.catch(() => new NotReady()))
    })
  })
)
