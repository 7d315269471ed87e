/**
 * What can go wrong with a turn, and with answers to what it asks.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import { agent, change, door, epoch, start, stored } from "./errorGroups.ts"
import * as Service from "./ServiceError.ts"

const send = [
  ...door,
  ...start,
  Adapter.TurnRefused,
  Adapter.DeliveryUncertain,
  Adapter.AttachmentRefused,
  Adapter.GateMissing,
  Adapter.CommandUnavailable,
  Adapter.CommandResets,
  Adapter.SkillUnavailable,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Store.TurnExists,
  Service.PromptEmpty,
  Service.PromptTooLong,
  Service.AttachmentTooLarge,
  Service.CompactionInProgress,
  Service.TurnVetoed
] as const

const settle = [
  ...door,
  Service.ThreadNotFound,
  Service.RequestNotFound,
  Service.RequestSettled,
  ...agent,
  ...epoch
] as const

/**
 * Of `sendTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const SendErrors = Schema.Union(send)

/**
 * @category models
 * @since 0.1.0
 */
export type SendErrors = typeof SendErrors.Type

/**
 * Of `runTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RunErrors = Schema.Union([...send, Service.TurnNotCompleted])

/**
 * @category models
 * @since 0.1.0
 */
export type RunErrors = typeof RunErrors.Type

/**
 * Of `interruptTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const InterruptErrors = Schema.Union([
  ...door,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Store.TurnUnreadable,
  ...epoch
])

/**
 * @category models
 * @since 0.1.0
 */
export type InterruptErrors = typeof InterruptErrors.Type

/**
 * Of `respondToApproval`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RespondErrors = Schema.Union([...settle, Service.ChoiceNotFound, ...change])

/**
 * @category models
 * @since 0.1.0
 */
export type RespondErrors = typeof RespondErrors.Type

/**
 * Of `answerQuestion`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AnswerErrors = Schema.Union([...settle, Service.AnswerInvalid])

/**
 * @category models
 * @since 0.1.0
 */
export type AnswerErrors = typeof AnswerErrors.Type

/**
 * Of `answerElicitation`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ElicitationErrors = Schema.Union(settle)

/**
 * @category models
 * @since 0.1.0
 */
export type ElicitationErrors = typeof ElicitationErrors.Type

/**
 * Of `annotate`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AnnotateErrors = Schema.Union([
  ...door,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  ...epoch
])

/**
 * @category models
 * @since 0.1.0
 */
export type AnnotateErrors = typeof AnnotateErrors.Type

/**
 * Of `stopTask`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StopTaskErrors = Schema.Union([
  ...door,
  Service.ThreadNotFound,
  Service.TaskNotFound,
  Adapter.CapabilityMissing,
  ...agent,
  ...stored
])

/**
 * @category models
 * @since 0.1.0
 */
export type StopTaskErrors = typeof StopTaskErrors.Type
