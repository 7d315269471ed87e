/** Turns, and answers to what they ask. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../../../api/Api.ts"
import { ProviderService } from "../../../service/ProviderService.ts"
import * as Access from "../access.ts"

export const turns = HttpApiBuilder.group(
  Api,
  "turns",
  Effect.fnUntraced(function*(handlers) {
    const agents = yield* ProviderService
    const send = (yield* Access.make).on("send")
    return handlers.handleAll({
      sendTurn: ({ headers, params, payload }) =>
        send("sendTurn", { ...params, ...payload, turnId: headers["idempotency-key"] }, agents.sendTurn),
      runTurn: ({ headers, params, payload }) =>
        send("runTurn", { ...params, ...payload, turnId: headers["idempotency-key"] }, agents.runTurn),
      interruptTurn: ({ params, query }) => send("interruptTurn", { ...params, ...query }, agents.interruptTurn)
    })
  })
)

export const requests = HttpApiBuilder.group(
  Api,
  "requests",
  Effect.fnUntraced(function*(handlers) {
    const agents = yield* ProviderService
    const answer = (yield* Access.make).on("answer")
    return handlers.handleAll({
      respondToApproval: ({ params, payload }) =>
        answer("respondToApproval", { ...params, ...payload }, agents.respondToApproval),
      answerQuestion: ({ params, payload }) =>
        answer("answerQuestion", { ...params, ...payload }, agents.answerQuestion),
      answerElicitation: ({ params, payload }) =>
        answer("answerElicitation", { ...params, ...payload }, agents.answerElicitation)
    })
  })
)
