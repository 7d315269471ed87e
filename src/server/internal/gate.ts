/** What stands before every endpoint, and the form that refusals and failures have. */
import { ByteSize, Cause, Effect, Layer, Predicate } from "effect"
import {
  HttpEffect,
  HttpIncomingMessage,
  HttpMiddleware,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  ProblemDetails
} from "effect/http"
import { HttpApiError } from "effect/http-api"
import { BodyTooLarge, InternalError } from "../../api/ApiError.ts"
import { Authorization, Caller, Gate } from "../../api/Middleware.ts"
import * as InputIssue from "../../domain/InputIssue.ts"
import * as PublicError from "../../domain/PublicError.ts"
import { InputInvalid } from "../../service/ServiceError.ts"
import { Admission } from "../Admission.ts"

/** What a request that could not be read is told; nothing for what went wrong here. */
const refusalOf = (operation: string, limit: number, found: unknown): InputInvalid | BodyTooLarge | undefined => {
  if (HttpApiError.HttpApiSchemaError.is(found)) {
    if (found.kind === "Body" || found.kind === "ResponseHeaders") return undefined
    return new InputInvalid({ operation, ...InputIssue.bounded(InputIssue.of(found.cause)) })
  }
  if (HttpApiError.HttpApiPayloadTooLarge.is(found)) {
    return new BodyTooLarge({ limit: ByteSize.toNumberUnsafe(found.size) })
  }
  if (!HttpServerError.isHttpServerError(found) || found.reason._tag !== "RequestParseError") return undefined
  return found.reason.reason === "BodyTooLarge"
    ? new BodyTooLarge({ limit })
    : new InputInvalid({ operation, issues: [{ path: "", reason: "Expected a body that can be read" }] })
}

const isDescribed = (error: unknown): error is PublicError.Described =>
  Predicate.hasProperty(error, "_tag") && Predicate.hasProperty(error, "message") &&
  Predicate.hasProperty(error, "retryable")

const wantsProblem = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  (headers["accept"] ?? "").includes(ProblemDetails.contentType)

/** RFC 9457. */
const problem = (error: PublicError.Described): HttpServerResponse.HttpServerResponse => {
  const { _tag, details, message, retryable, status } = PublicError.of(error)
  return HttpServerResponse.jsonUnsafe(
    { type: `urn:effect-coding-agents:${_tag}`, title: _tag, status, detail: message, retryable, details },
    { status, contentType: ProblemDetails.contentType }
  )
}

const withHeaders = (headers: Readonly<Record<string, string>>) =>
  HttpEffect.appendPreResponseHandler((_, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, { ...headers, ...response.headers }))
  )

const harmless = withHeaders({ "cache-control": "no-store", "x-content-type-options": "nosniff" })

/** The import is read line by line, each of which has its own limit. */
const hasOwnLimit = (operation: string) => operation === "importThread"

/** Checks where a request comes from and how long its body is, and gives every failure its public form. */
export const make = (
  { fromHere, origins }: Pick<Admission["Service"], "fromHere" | "origins">,
  maxBody: ByteSize.Input
): Gate["Service"] => {
  const size = ByteSize.fromInputUnsafe(maxBody)
  const limit = ByteSize.toNumberUnsafe(size)
  return (handler, { endpoint }) => {
    const operation = endpoint.identifier
    const admitted = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* harmless
      yield* fromHere(request)
      const length = Number(request.headers["content-length"] ?? 0)
      if (length > limit && !hasOwnLimit(operation)) return yield* new BodyTooLarge({ limit })
      return yield* Effect.provideService(handler, HttpIncomingMessage.MaxBodySize, size)
    })
    const answered = Effect.catchCause(admitted, (cause) =>
      Effect.gen(function*() {
        const found = Cause.squash(cause)
        if (Cause.hasInterruptsOnly(cause) || HttpServerResponse.isHttpServerResponse(found)) {
          return yield* Effect.failCause(cause)
        }
        const refusal = refusalOf(operation, limit, found)
        const known = refusal ?? (Cause.hasFails(cause) && isDescribed(found) ? found : undefined)
        if (known === undefined) yield* Effect.logError(`${operation} failed over HTTP`, cause)
        const request = yield* HttpServerRequest.HttpServerRequest
        if (wantsProblem(request)) return problem(known ?? new InternalError())
        if (known === undefined) return yield* new InternalError()
        return yield* refusal ?? Effect.failCause(cause)
      }))
    return origins.length === 0 ? answered : HttpMiddleware.cors({ allowedOrigins: origins })(answered)
  }
}

/** As `Admission` says. */
export const layer = (maxBody: ByteSize.Input): Layer.Layer<Gate, never, Admission> =>
  Layer.effect(Gate, Effect.map(Admission, (admission) => make(admission, maxBody)))

/** Says who calls. */
export const authorization: Layer.Layer<Authorization, never, Admission> = Layer.effect(
  Authorization,
  Effect.map(Admission, ({ authorize }) => ({
    bearer: (handler) =>
      Effect.gen(function*() {
        const caller = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, authorize).pipe(
          Effect.tapError((error) =>
            error._tag === "Unauthorized"
              ? withHeaders({ "www-authenticate": "Bearer" })
              : withHeaders({ "retry-after": String(Math.ceil(error.retryAfter / 1000)) })
          )
        )
        return yield* Effect.provideService(handler, Caller, caller)
      })
  }))
)
