/**
 * Tokens and money of one turn, as the provider reports them. A number that the provider does not report is absent, which
 * is not the same as zero.
 *
 * `input` excludes cached tokens, which are in `cacheRead`. `costUsd` is absent if the provider does not price the turn.
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
  input: Schema.optionalKey(Schema.Finite),
  output: Schema.optionalKey(Schema.Finite),
  reasoning: Schema.optionalKey(Schema.Finite),
  cacheRead: Schema.optionalKey(Schema.Finite),
  cacheWrite: Schema.optionalKey(Schema.Finite),
  costUsd: Schema.optionalKey(Schema.Finite)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Usage extends Schema.Schema.Type<typeof Usage> {}

/**
 * No number is known.
 *
 * @since 0.1.0
 * @category constants
 */
export const unknown: Usage = {}

/**
 * No tokens were used; the cost is not known.
 *
 * @since 0.1.0
 * @category constants
 */
export const zero: Usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

const fields = ["input", "output", "reasoning", "cacheRead", "cacheWrite", "costUsd"] as const

/**
 * Whether it says anything: a number that is neither unknown nor zero.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isTelling = (usage: Usage): boolean => fields.some((field) => (usage[field] ?? 0) !== 0)

/**
 * Sums two usages. Each number is known if either is: the sum of what was reported.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (a: Usage, b: Usage): Usage =>
  Object.fromEntries(
    fields.flatMap((field) => {
      const [one, other] = [a[field], b[field]]
      return one === undefined && other === undefined ? [] : [[field, (one ?? 0) + (other ?? 0)]]
    })
  )

/**
 * All tokens together, cached ones included.
 *
 * @since 0.1.0
 * @category getters
 */
export const tokens = ({ cacheRead = 0, cacheWrite = 0, input = 0, output = 0, reasoning = 0 }: Usage): number =>
  input + output + reasoning + cacheRead + cacheWrite

/**
 * What the turns of a thread have used together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spent {
  readonly tokens: number
  readonly costUsd: number
}

/**
 * Nothing was used.
 *
 * @since 0.1.0
 * @category constants
 */
export const nothingSpent: Spent = { tokens: 0, costUsd: 0 }

/**
 * With one more turn.
 *
 * @since 0.1.0
 * @category combinators
 */
export const spend = (spent: Spent, usage: Usage | undefined): Spent =>
  usage === undefined
    ? spent
    : { tokens: spent.tokens + tokens(usage), costUsd: spent.costUsd + (usage.costUsd ?? 0) }
