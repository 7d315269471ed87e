/**
 * What every endpoint asks for beside its own input: who calls, and whether the request may come in at all.
 *
 * @since 0.1.0
 */
import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { InputInvalid } from "../service/ServiceError.ts"
import * as ApiError from "./ApiError.ts"
import * as WireError from "./WireError.ts"

/**
 * Who calls, as the app's {@link Authorization} says.
 *
 * @category services
 * @since 0.1.0
 */
export class Caller extends Context.Service<Caller, {
  /** A user's name or id. */
  readonly id: string
  /** What else the app knows of them. */
  readonly claims?: unknown
}>()("effect-coding-agents/Caller") {}

/**
 * Says who calls, or fails with `Unauthorized`, and counts the request.
 *
 * @category middlewares
 * @since 0.1.0
 */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller }>()(
  "effect-coding-agents/Authorization",
  {
    error: WireError.all([ApiError.Unauthorized, ApiError.TooManyRequests]),
    security: { bearer: HttpApiSecurity.bearer }
  }
) {}

/**
 * What stands before every endpoint: `Host` and `Origin`, the rate, the size of the body, and the shape of errors.
 *
 * @category middlewares
 * @since 0.1.0
 */
export class Gate extends HttpApiMiddleware.Service<Gate>()("effect-coding-agents/Gate", {
  error: WireError.all([
    InputInvalid,
    ApiError.OriginRefused,
    ApiError.BodyTooLarge,
    ApiError.InternalError
  ])
}) {}
