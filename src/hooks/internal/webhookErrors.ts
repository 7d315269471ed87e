/**
 * What can go wrong with a webhook, for its sender and for its receiver. No part of a request is in an error.
 */
import { Schema } from "effect"

/**
 * The receiver answered with a status other than 2xx and 410. Retried.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookRefused
  extends Schema.TaggedError<WebhookRefused>("effect-coding-agents/WebhookRefused")("WebhookRefused", {
    hook: Schema.String,
    status: Schema.Int
  }, { httpApiStatus: 502 })
{
  readonly retryable = true
  override get message() {
    return `The receiver of the webhook ${this.hook} answered with status ${this.status}`
  }
}

/**
 * The receiver answered 410: it wants no more events. Not retried.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookGone extends Schema.TaggedError<WebhookGone>("effect-coding-agents/WebhookGone")("WebhookGone", {
  hook: Schema.String
}, { httpApiStatus: 410 }) {
  readonly retryable = false
  override get message() {
    return `The receiver of the webhook ${this.hook} wants no more events (status 410)`
  }
}

/**
 * No answer. `code` is the system's or the HTTP client's (`ECONNREFUSED`, `UND_ERR_SOCKET`, ...). Retried.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookUnreachable
  extends Schema.TaggedError<WebhookUnreachable>("effect-coding-agents/WebhookUnreachable")("WebhookUnreachable", {
    hook: Schema.String,
    code: Schema.String
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  override get message() {
    return `The receiver of the webhook ${this.hook} did not answer (${this.code})`
  }
}

/**
 * A secret is empty, or begins with `whsec_` and is not base64 after that.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookSecretInvalid
  extends Schema.TaggedError<WebhookSecretInvalid>("effect-coding-agents/WebhookSecretInvalid")(
    "WebhookSecretInvalid",
    {},
    { httpApiStatus: 500 }
  )
{
  readonly retryable = false
  override get message() {
    return "A webhook's secret is empty, or not base64 after whsec_; give the secret as the receiver shows it"
  }
}

/**
 * A request cannot be trusted. `header`: a header is missing or malformed. `time`: it was sent too long ago, or in the
 * future. `signature`: no signature matches.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookUntrusted
  extends Schema.TaggedError<WebhookUntrusted>("effect-coding-agents/WebhookUntrusted")("WebhookUntrusted", {
    reason: Schema.Literals(["header", "time", "signature"])
  }, { httpApiStatus: 401 })
{
  readonly retryable = false
  override get message() {
    return `A webhook request cannot be trusted (${this.reason}); do not process it`
  }
}

/**
 * The receiver answered a question with text that is no answer, or with more than 64 KiB.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebhookAnswerInvalid
  extends Schema.TaggedError<WebhookAnswerInvalid>("effect-coding-agents/WebhookAnswerInvalid")(
    "WebhookAnswerInvalid",
    {
      hook: Schema.String
    },
    { httpApiStatus: 502 }
  )
{
  readonly retryable = false
  override get message() {
    return `The receiver of the webhook ${this.hook} gave an unusable answer; answer with one JSON object, or nothing`
  }
}
