/**
 * What the server itself answers with, before or beside the operation.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

export { AccessDenied } from "../service/AccessDenied.ts"

/**
 * There is no token, or not the right one.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized
  extends Schema.TaggedError<Unauthorized>("effect-coding-agents/Unauthorized")("Unauthorized", {}, {
    httpApiStatus: 401
  })
{
  readonly retryable = false
  override get message() {
    return "Give the token of the server, as \"Authorization: Bearer <token>\""
  }
}

/**
 * The request names another host than this server answers for, or comes from a page of another origin.
 *
 * @category errors
 * @since 0.1.0
 */
export class OriginRefused
  extends Schema.TaggedError<OriginRefused>("effect-coding-agents/OriginRefused")("OriginRefused", {
    header: Schema.Literals(["host", "origin"])
  }, { httpApiStatus: 403 })
{
  readonly retryable = false
  override get message() {
    return `This server does not answer a request with this ${this.header} header`
  }
}

/**
 * The body is larger than the server takes. In bytes.
 *
 * @category errors
 * @since 0.1.0
 */
export class BodyTooLarge
  extends Schema.TaggedError<BodyTooLarge>("effect-coding-agents/BodyTooLarge")("BodyTooLarge", {
    limit: Schema.Int
  }, { httpApiStatus: 413 })
{
  readonly retryable = false
  override get message() {
    return `The body is larger than ${this.limit} bytes`
  }
}

/**
 * The caller has made too many requests.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyRequests
  extends Schema.TaggedError<TooManyRequests>("effect-coding-agents/TooManyRequests")("TooManyRequests", {
    /** In milliseconds. */
    retryAfter: Schema.Finite
  }, { httpApiStatus: 429 })
{
  readonly retryable = true
  override get message() {
    return `Too many requests; try again in ${Math.ceil(this.retryAfter / 1000)} s`
  }
}

/**
 * The server runs and cannot work: its store does not answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReady
  extends Schema.TaggedError<NotReady>("effect-coding-agents/NotReady")("NotReady", {}, { httpApiStatus: 503 })
{
  readonly retryable = true
  override get message() {
    return "The store does not answer"
  }
}

/**
 * Something went wrong that no operation speaks of. What it was is in the log of the server.
 *
 * @category errors
 * @since 0.1.0
 */
export class InternalError
  extends Schema.TaggedError<InternalError>("effect-coding-agents/InternalError")("InternalError", {}, {
    httpApiStatus: 500
  })
{
  readonly retryable = false
  override get message() {
    return "Internal error"
  }
}
