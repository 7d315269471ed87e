/**
 * What a turn may spend before the service ends it, whatever agent it runs on.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

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
  /** Turns that the agent begins in a row, without one of the user. Default 20. */
  ownTurns: Schema.optionalKey(AtLeastOne)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface TurnLimits extends Schema.Schema.Type<typeof TurnLimits> {}

/**
 * The limits that hold; `Infinity` where there is none.
 *
 * @since 0.1.0
 * @category models
 */
export type Resolved = Required<TurnLimits>

/**
 * The given limits over the defaults. A key with the value `undefined` counts as absent.
 *
 * @since 0.1.0
 * @category resolving
 */
export const resolve = (
  given: { readonly [K in keyof TurnLimits]?: TurnLimits[K] | undefined } = {}
): Resolved => ({
  emptySteps: given.emptySteps ?? 5,
  warnCalls: given.warnCalls ?? 10,
  identicalCalls: given.identicalCalls ?? Number.POSITIVE_INFINITY,
  tokens: given.tokens ?? Number.POSITIVE_INFINITY,
  costUsd: given.costUsd ?? Number.POSITIVE_INFINITY,
  ownTurns: given.ownTurns ?? 20
})
