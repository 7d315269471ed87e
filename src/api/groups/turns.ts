/** Turns, and answers to what they ask. */
import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { RequestId, ThreadId, TurnId } from "../../domain/Ids.ts"
import { service } from "../../service/Operations.ts"
import * as WireError from "../WireError.ts"

const params = { threadId: ThreadId }

/** The id of the turn is the key: the same request again has the same answer, and does not ask the agent twice. */
const headers = { "idempotency-key": Schema.optional(TurnId) }

const payload = Schema.Struct(Struct.omit(service.sendTurn.payload.fields, ["threadId", "turnId"]))

export const turns = HttpApiGroup.make("turns").add(
  HttpApiEndpoint.post("sendTurn", "/threads/:threadId/turns", {
    params,
    headers,
    payload,
    success: service.sendTurn.success.pipe(HttpApiSchema.status(202)),
    error: WireError.all(service.sendTurn.error.members)
  }),
  HttpApiEndpoint.post("runTurn", "/threads/:threadId/run", {
    params,
    headers,
    payload,
    success: service.runTurn.success,
    error: WireError.all(service.runTurn.error.members)
  }),
  HttpApiEndpoint.post("interruptTurn", "/threads/:threadId/interrupt", {
    params,
    query: Struct.omit(service.interruptTurn.payload.fields, ["threadId"]),
    error: WireError.all(service.interruptTurn.error.members)
  })
)

const request = { threadId: ThreadId, requestId: RequestId }

export const requests = HttpApiGroup.make("requests").add(
  HttpApiEndpoint.post("respondToApproval", "/threads/:threadId/approvals/:requestId", {
    params: request,
    payload: Schema.Struct(Struct.omit(service.respondToApproval.payload.fields, ["threadId", "requestId"])),
    success: service.respondToApproval.success,
    error: WireError.all(service.respondToApproval.error.members)
  }),
  HttpApiEndpoint.post("answerQuestion", "/threads/:threadId/questions/:requestId", {
    params: request,
    payload: Schema.Struct(Struct.omit(service.answerQuestion.payload.fields, ["threadId", "requestId"])),
    error: WireError.all(service.answerQuestion.error.members)
  }),
  HttpApiEndpoint.post("answerElicitation", "/threads/:threadId/elicitations/:requestId", {
    params: request,
    payload: Schema.Struct(Struct.omit(service.answerElicitation.payload.fields, ["threadId", "requestId"])),
    error: WireError.all(service.answerElicitation.error.members)
  })
)
