/** Turns, and answers to what they ask. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Api } from "../../../api/Api.ts"
import * as access from "../access.ts"

export const turns = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "turns",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      return handlers.handleAll({
        sendTurn: ({ headers, params, payload }) =>
          agents.sendTurn({ ...params, ...payload, turnId: headers["idempotency-key"] }),
        runTurn: ({ headers, params, payload }) =>
          agents.runTurn({ ...params, ...payload, turnId: headers["idempotency-key"] }),
        interruptTurn: ({ params, query }) => agents.interruptTurn({ ...params, ...query })
      })
    })
  )

export const requests = (api: typeof Api) =>
  HttpApiBuilder.group(
    api,
    "requests",
    Effect.fnUntraced(function*(handlers) {
      const agents = yield* access.agents
      return handlers.handleAll({
        respondToApproval: ({ params, payload }) => agents.respondToApproval({ ...params, ...payload }),
        answerQuestion: ({ params, payload }) => agents.answerQuestion({ ...params, ...payload }),
        answerElicitation: ({ params, payload }) => agents.answerElicitation({ ...params, ...payload })
      })
    })
  )
