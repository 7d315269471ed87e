/**
 * Tokens and money of one turn, as the provider reports them.
 *
 * `input` excludes cached tokens, which are in `cacheRead`. `costUsd` is absent if the provider does not price the
 * turn, which is not the same as zero.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Tokens and money of one turn.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Usage = Schema.Struct({
  input: Schema.Finite,
  output: Schema.Finite,
  reasoning: Schema.Finite,
  cacheRead: Schema.Finite,
  cacheWrite: Schema.Finite,
  costUsd: Schema.optionalKey(Schema.Finite)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Usage = typeof Usage.Type

/**
 * No tokens, and no known cost.
 *
 * @since 0.1.0
 * @category constants
 */
export const zero: Usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

/**
 * Sums two usages. The cost is known if either is.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (a: Usage, b: Usage): Usage => ({
  input: a.input + b.input,
  output: a.output + b.output,
  reasoning: a.reasoning + b.reasoning,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
  ...(a.costUsd === undefined && b.costUsd === undefined ? {} : { costUsd: (a.costUsd ?? 0) + (b.costUsd ?? 0) })
})
