/**
 * Why a turn failed (0.171.0): by `codexErrorInfo`, its name and its HTTP status, never by the message.
 */
import { Schema } from "effect"
import type { TurnFailure } from "../../domain/TurnFailure.ts"

export const TurnError = Schema.Struct({
  message: Schema.optionalKey(Schema.String),
  codexErrorInfo: Schema.optionalKey(Schema.NullOr(Schema.Union([
    Schema.String,
    Schema.Record(Schema.String, Schema.Unknown)
  ])))
})

export type TurnError = typeof TurnError.Type

const Detail = Schema.Struct({ httpStatusCode: Schema.optionalKey(Schema.NullOr(Schema.Int)) })

const decodeDetail = Schema.decodeUnknownOption(Detail)

export const nameOf = ({ codexErrorInfo }: TurnError): string =>
  typeof codexErrorInfo === "string" ? codexErrorInfo : Object.keys(codexErrorInfo ?? {})[0] ?? "unknown"

const statusOf = ({ codexErrorInfo }: TurnError): number | undefined => {
  if (typeof codexErrorInfo !== "object" || codexErrorInfo === null) return undefined
  const detail = decodeDetail(Object.values(codexErrorInfo)[0])
  return detail._tag === "Some" ? detail.value.httpStatusCode ?? undefined : undefined
}

export const failure = (error: TurnError): TurnFailure => {
  const name = nameOf(error)
  const status = statusOf(error)
  const message = error.message === undefined ? {} : { message: error.message }
  switch (name) {
    case "contextWindowExceeded":
      return { _tag: "ContextOverflow" }
    case "usageLimitExceeded":
    case "sessionBudgetExceeded":
      return { _tag: "UsageLimit" }
    case "serverOverloaded":
    case "flexUnavailable":
    case "policyCapacityUnavailable":
      return { _tag: "Overloaded", ...message }
    case "cyberPolicy":
    case "bioPolicy":
    case "misalignmentPolicyViolation":
      return { _tag: "OutputFiltered" }
    case "badRequest":
    case "modelNotFound":
    case "sandboxError":
    case "tooManyDenials":
    case "inferenceHookDenied":
      return { _tag: "Refused", name, ...message }
    case "unauthorized":
      return { _tag: "LoginRequired", methods: [] }
    case "internalServerError":
    case "rateLimitExceeded":
      return { _tag: "ModelFailed", name, retryable: true, ...message }
    default:
      return {
        _tag: "ModelFailed",
        name,
        // Without a status the connection was cut, or it is an error that Codex has no name for.
        retryable: status === undefined ? name.startsWith("responseStream") : status === 429 || status >= 500,
        ...message,
        ...(status === undefined ? {} : { status })
      }
  }
}
