/**
 * Why a turn failed (2.1.332): by the result's terminal reason, the name of the error and its HTTP status, never by the
 * message.
 */
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import type { Of } from "./Frame.ts"

/** What else was heard of a failure during its turn. */
export interface Heard {
  /** `error` of the message that stands for the failed call of the model. */
  readonly error: string | undefined
  /** A quota of the account that is used up. */
  readonly limit: { readonly resetsAt?: number; readonly scope?: string } | undefined
}

/** `undefined` for a turn that did not fail. */
export const failure = (result: Of<"result">, { error, limit }: Heard): TurnFailure | undefined => {
  const { api_error_status: status, errors, is_error, result: said, stop_reason, subtype, terminal_reason } = result
  const text = said ?? errors?.join("\n") ?? ""
  const message = text === "" ? {} : { message: text }
  // Claude tells of a refusal as of a request that is not valid.
  if (stop_reason === "refusal") return { _tag: "OutputFiltered" }
  if (is_error !== true && subtype === "success") {
    return stop_reason === "max_tokens" ? { _tag: "OutputTruncated" } : undefined
  }
  if (terminal_reason === "prompt_too_long" || terminal_reason === "blocking_limit") return { _tag: "ContextOverflow" }
  switch (error) {
    case "authentication_failed":
    case "oauth_org_not_allowed":
    case "account_on_hold":
    case "verification_required":
      return { _tag: "LoginRequired", methods: [] }
    case "billing_error":
      return { _tag: "UsageLimit" }
    case "max_output_tokens":
      return { _tag: "OutputTruncated" }
    case "overloaded":
      return { _tag: "Overloaded", ...message }
    case "model_not_found":
      return { _tag: "Refused", name: error, ...message }
    case "rate_limit":
      if (limit !== undefined) return { _tag: "UsageLimit", ...limit }
  }
  if (status === 529) return { _tag: "Overloaded", ...message }
  if (terminal_reason !== "api_error" && terminal_reason !== "model_error") {
    return { _tag: "Other", name: terminal_reason ?? subtype, ...message }
  }
  return {
    _tag: "ModelFailed",
    name: error ?? terminal_reason,
    // Without a status the connection was refused or cut.
    retryable: status == null || status === 408 || status === 429 || status >= 500,
    ...message,
    ...(status == null ? {} : { status })
  }
}
