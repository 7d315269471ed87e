/**
 * Tokens and money of one turn, as the provider reports them.
 *
 * `input` excludes cached tokens; those are in `cacheRead`. `costUsd` is absent where the provider does not price the
 * turn, which is not the same as zero.
 */
import { Schema } from "effect"

export const Usage = Schema.Struct({
  input: Schema.Finite,
  output: Schema.Finite,
  reasoning: Schema.Finite,
  cacheRead: Schema.Finite,
  cacheWrite: Schema.Finite,
  costUsd: Schema.optionalKey(Schema.Finite)
})
export type Usage = typeof Usage.Type

export const zero: Usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

/** Sums two usages; the cost is known if either is. */
export const add = (a: Usage, b: Usage): Usage => ({
  input: a.input + b.input,
  output: a.output + b.output,
  reasoning: a.reasoning + b.reasoning,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
  ...(a.costUsd === undefined && b.costUsd === undefined ? {} : { costUsd: (a.costUsd ?? 0) + (b.costUsd ?? 0) })
})
