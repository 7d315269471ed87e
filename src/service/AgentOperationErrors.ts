/**
 * What can go wrong with what is asked of an agent apart from any thread.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import { door, found, session } from "./errorGroups.ts"
import * as Service from "./ServiceError.ts"

/**
 * Of `listOffers`.
 *
 * @category errors
 * @since 0.1.0
 */
export const OffersErrors = Schema.Union([
  ...door,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Service.DirectoryInvalid,
  Adapter.CapabilityMissing,
  ...found
])

/**
 * @category models
 * @since 0.1.0
 */
export type OffersErrors = typeof OffersErrors.Type

/**
 * Of `signIn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const SignInErrors = Schema.Union([
  ...door,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Adapter.SignInFailed,
  Adapter.CapabilityMissing,
  ...found
])

/**
 * @category models
 * @since 0.1.0
 */
export type SignInErrors = typeof SignInErrors.Type

/**
 * Of `checkAgent`. An agent that is not installed is an answer; `AgentUnreachable` says that there was none in time.
 *
 * @category errors
 * @since 0.1.0
 */
export const CheckErrors = Schema.Union([
  ...door,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Adapter.CapabilityMissing,
  Adapter.AgentUnreachable
])

/**
 * @category models
 * @since 0.1.0
 */
export type CheckErrors = typeof CheckErrors.Type

/**
 * Of `listAgents`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AgentsErrors = Schema.Union(door)

/**
 * @category models
 * @since 0.1.0
 */
export type AgentsErrors = typeof AgentsErrors.Type

/**
 * Of `ask`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AskErrors = Schema.Union([
  ...door,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Service.DirectoryInvalid,
  Service.ThreadNotFound,
  Service.PromptEmpty,
  Service.PromptTooLong,
  Service.AttachmentTooLarge,
  Service.AskNotCompleted,
  Service.AskOutputInvalid,
  ...session,
  Adapter.TurnRefused,
  Adapter.DeliveryUncertain,
  Adapter.AttachmentRefused,
  Adapter.GateMissing,
  Store.StoreFailed
])

/**
 * @category models
 * @since 0.1.0
 */
export type AskErrors = typeof AskErrors.Type
