/**
 * What is asked of an agent apart from any thread.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId } from "../domain/Ids.ts"
import { WellFormed } from "../domain/WellFormed.ts"

/**
 * Of `listOffers`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListOffers = Schema.Struct({
  instanceId: InstanceId,
  /** Absolute path of a directory whose own configuration may add to what is offered. Default: none. */
  directory: Schema.optional(WellFormed),
  /** Ask the agent, whatever was answered before. Default: an answer of the last five minutes is good enough. */
  refresh: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListOffers extends Schema.Schema.Type<typeof ListOffers> {}

/**
 * Of `watchOffers`.
 *
 * @category commands
 * @since 0.1.0
 */
export const WatchOffers = Schema.Struct({
  instanceId: InstanceId,
  /** As of `listOffers`. */
  directory: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface WatchOffers extends Schema.Schema.Type<typeof WatchOffers> {}

/**
 * Of `signIn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const SignIn = Schema.Struct({
  instanceId: InstanceId,
  /** The `id` of one of the methods that `checkAgent` lists. */
  method: WellFormed
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SignIn extends Schema.Schema.Type<typeof SignIn> {}

/**
 * Of `checkAgent`.
 *
 * @category commands
 * @since 0.1.0
 */
export const OneInstance = Schema.Struct({ instanceId: InstanceId })

/**
 * @category models
 * @since 0.1.0
 */
export interface OneInstance extends Schema.Schema.Type<typeof OneInstance> {}

/**
 * Of `listAgents`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListAgents = Schema.Struct({})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListAgents extends Schema.Schema.Type<typeof ListAgents> {}
