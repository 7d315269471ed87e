/** Agents apart from any thread, deliveries to hooks, and whether the server is well. */
import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { hooks as hookOperations, service } from "../../service/Operations.ts"
import * as Sse from "../Sse.ts"
import * as WireError from "../WireError.ts"

const params = service.checkAgent.payload.fields

export const instances = HttpApiGroup.make("instances").add(
  HttpApiEndpoint.get("listAgents", "/instances", {
    success: service.listAgents.success,
    error: WireError.all(service.listAgents.error.members)
  }),
  HttpApiEndpoint.get("checkAgent", "/instances/:instanceId/check", {
    params,
    success: service.checkAgent.success,
    error: WireError.all(service.checkAgent.error.members)
  }),
  HttpApiEndpoint.get("listOffers", "/instances/:instanceId/offers", {
    params,
    query: Struct.omit(service.listOffers.payload.fields, ["instanceId"]),
    success: service.listOffers.success,
    error: WireError.all(service.listOffers.error.members)
  }),
  HttpApiEndpoint.get("watchOffers", "/instances/:instanceId/offers/changes", {
    params,
    query: Struct.omit(service.watchOffers.payload.fields, ["instanceId"]),
    success: HttpApiSchema.StreamSse({ events: Sse.frame(service.watchOffers.success) }),
    error: WireError.all(service.watchOffers.error.members)
  }),
  HttpApiEndpoint.post("signIn", "/instances/:instanceId/sign-in", {
    params,
    payload: Schema.Struct(Struct.omit(service.signIn.payload.fields, ["instanceId"])),
    success: HttpApiSchema.StreamSse({ events: Sse.frame(service.signIn.success) }),
    error: WireError.all(service.signIn.error.members)
  }),
  HttpApiEndpoint.get("listSessions", "/instances/:instanceId/sessions", {
    params,
    query: Struct.omit(service.listSessions.payload.fields, ["instanceId"]),
    success: service.listSessions.success,
    error: WireError.all(service.listSessions.error.members)
  }),
  HttpApiEndpoint.post("ask", "/ask", {
    payload: service.ask.payload,
    success: service.ask.success,
    error: WireError.all(service.ask.error.members)
  })
)

export const hooks = HttpApiGroup.make("hooks").add(
  HttpApiEndpoint.get("waiting", "/hooks/waiting", {
    query: hookOperations.waiting.payload.fields,
    success: hookOperations.waiting.success,
    error: WireError.all(hookOperations.waiting.error.members)
  }),
  HttpApiEndpoint.get("givenUp", "/hooks/given-up", {
    query: hookOperations.givenUp.payload.fields,
    success: hookOperations.givenUp.success,
    error: WireError.all(hookOperations.givenUp.error.members)
  }),
  HttpApiEndpoint.post("resend", "/hooks/resend", {
    payload: hookOperations.resend.payload,
    success: hookOperations.resend.success,
    error: WireError.all(hookOperations.resend.error.members)
  })
)
