/**
 * How often a caller may ask, by Effect's `RateLimiter`. Without it: as often as it likes.
 *
 * Requests are counted for each caller; those without the right token for each address. Beyond the limit the answer is 429
 * with `Retry-After`. An open stream is one request, and so is a WebSocket with all the calls on it.
 *
 * **Example** (in memory; `RateLimiter.layerStoreRedis` counts for several servers)
 *
 * ```ts
 * const Limited = RateLimit.layer({ limit: 600, window: "1 minute" }).pipe(
 *   Layer.provide(RateLimiter.layer),
 *   Layer.provide(RateLimiter.layerStoreMemory)
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { TooManyRequests } from "../api/ApiError.ts"

/**
 * Counts a request of this key, or refuses it.
 *
 * @category models
 * @since 0.1.0
 */
export type Count = (key: string) => Effect.Effect<void, TooManyRequests>

/**
 * The limit of the server, if there is one.
 *
 * @category services
 * @since 0.1.0
 */
export const RateLimit = Context.Reference<Count | undefined>("effect-coding-agents/RateLimit", {
  defaultValue: () => undefined
})

/**
 * So many requests in each window. A limiter whose store does not answer lets requests in.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: {
  readonly limit: number
  readonly window: Duration.Input
}): Layer.Layer<never, never, RateLimiter.RateLimiter> =>
  Layer.effect(
    RateLimit,
    Effect.map(RateLimiter.RateLimiter, (limiter) => (key) =>
      limiter.consume({ ...options, key: `effect-coding-agents/${key}`, onExceeded: "fail" }).pipe(
        Effect.asVoid,
        Effect.catch(({ reason }) =>
          reason._tag === "RateLimitExceeded"
            ? new TooManyRequests({ retryAfter: Duration.toMillis(reason.retryAfter) })
            : Effect.logWarning("The rate limiter does not answer, so the request is let in", reason)
        )
      ))
  )
