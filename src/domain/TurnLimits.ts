/**
 * What a turn may spend before the service ends it, whatever agent it runs on.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"

const AtLeastOne = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/**
 * Limits of turns. One that is met interrupts the turn, which then ends as `TurnFailed` with `LimitReached`, or, after
 * empty steps, with `ModelFailed`. An absent key has its default; those without one are not limited.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnLimits = Schema.Struct({
  /** Calls of the model in a row that bring neither text nor tool. Needs an agent that tells its steps. Default 5. */
  emptySteps: Schema.optionalKey(AtLeastOne),
  /** Identical calls of a tool in a row after which there is a `Warning` (`repeated-call`). Default 10. */
  warnCalls: Schema.optionalKey(AtLeastOne),
  /** Identical calls of a tool in a row that end the turn. Default: none. */
  identicalCalls: Schema.optionalKey(AtLeastOne),
  /** Tokens of one turn, cached ones included. Default: none. */
  tokens: Schema.optionalKey(AtLeastOne),
  /** US dollars of one turn. Default: none. */
  costUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  /** Tokens of all turns of a thread together. Default: none. */
  threadTokens: Schema.optionalKey(AtLeastOne),
  /** US dollars of all turns of a thread together. Default: none. */
  threadCostUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  /** Turns that the agent begins in a row, without one of the user. Default 20. */
  ownTurns: Schema.optionalKey(AtLeastOne)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface TurnLimits extends Schema.Schema.Type<typeof TurnLimits> {}

/**
 * @since 0.1.0
 * @category models
 */
export type Limit = keyof TurnLimits

/**
 * The limits that hold; `Infinity` where there is none. `given`: those that the app has set.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resolved extends Required<TurnLimits> {
  readonly given: ReadonlyArray<Limit>
}

const defaults: Required<TurnLimits> = {
  emptySteps: 5,
  warnCalls: 10,
  identicalCalls: Number.POSITIVE_INFINITY,
  tokens: Number.POSITIVE_INFINITY,
  costUsd: Number.POSITIVE_INFINITY,
  threadTokens: Number.POSITIVE_INFINITY,
  threadCostUsd: Number.POSITIVE_INFINITY,
  ownTurns: 20
}

const names = Struct.keys(defaults)

/**
 * The given limits over the defaults. A key with the value `undefined` counts as absent.
 *
 * @since 0.1.0
 * @category resolving
 */
export const resolve = (given: { readonly [K in Limit]?: TurnLimits[K] | undefined } = {}): Resolved => ({
  emptySteps: given.emptySteps ?? defaults.emptySteps,
  warnCalls: given.warnCalls ?? defaults.warnCalls,
  identicalCalls: given.identicalCalls ?? defaults.identicalCalls,
  tokens: given.tokens ?? defaults.tokens,
  costUsd: given.costUsd ?? defaults.costUsd,
  threadTokens: given.threadTokens ?? defaults.threadTokens,
  threadCostUsd: given.threadCostUsd ?? defaults.threadCostUsd,
  ownTurns: given.ownTurns ?? defaults.ownTurns,
  given: names.filter((name) => given[name] !== undefined)
})

const ofTokens: ReadonlySet<Limit> = new Set<Limit>(["tokens", "threadTokens"])
const ofCost: ReadonlySet<Limit> = new Set<Limit>(["costUsd", "threadCostUsd"])

/**
 * The first of the limits that the app has set which an agent cannot be held to, because it does not tell of its steps, its
 * tokens or its costs.
 *
 * @since 0.1.0
 * @category predicates
 */
export const unenforceable = (
  { given }: Resolved,
  agent: { readonly steps: boolean; readonly usage: "tokens-and-cost" | "tokens" | "none" }
): Limit | undefined =>
  given.find((limit) =>
    (limit === "emptySteps" && !agent.steps) ||
    (ofTokens.has(limit) && agent.usage === "none") ||
    (ofCost.has(limit) && agent.usage !== "tokens-and-cost")
  )
