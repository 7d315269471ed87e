/**
 * What can go wrong with what makes, moves and ends threads and their sessions.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import { agent, change, door, epoch, every, found, start, stored } from "./errorGroups.ts"
import * as Service from "./ServiceError.ts"

/** Of cutting a conversation at a turn. */
const cut = [
  ...start,
  Adapter.TurnNotInSession,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Store.TurnUnreadable
] as const

/**
 * Of making a session live.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartErrors = Schema.Union(start)

/**
 * @category models
 * @since 0.1.0
 */
export type StartErrors = typeof StartErrors.Type

/**
 * Of `startSession`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartSessionErrors = Schema.Union([
  ...door,
  ...start,
  Service.StartIncomplete,
  Service.TurnInProgress,
  Service.CompactionInProgress
])

/**
 * @category models
 * @since 0.1.0
 */
export type StartSessionErrors = typeof StartSessionErrors.Type

/**
 * Of `createThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const CreateErrors = Schema.Union([
  ...door,
  Service.ThreadExists,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Service.DirectoryInvalid,
  ...stored
])

/**
 * @category models
 * @since 0.1.0
 */
export type CreateErrors = typeof CreateErrors.Type

/**
 * Of `importThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ImportErrors = Schema.Union([
  ...CreateErrors.members,
  Service.ImportedTurnInvalid,
  Service.ImportTooLarge,
  Service.ImportSourceFailed,
  Service.SessionTaken,
  Service.ThreadStopping
])

/**
 * @category models
 * @since 0.1.0
 */
export type ImportErrors = typeof ImportErrors.Type

/**
 * Of `stopSession` and `deleteThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StopErrors = Schema.Union([
  ...door,
  Service.ThreadNotFound,
  ...epoch
])

/**
 * @category models
 * @since 0.1.0
 */
export type StopErrors = typeof StopErrors.Type

/**
 * Of `resetThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ResetErrors = Schema.Union([
  ...door,
  ...start,
  Service.ThreadNotFound,
  Service.CompactionInProgress
])

/**
 * @category models
 * @since 0.1.0
 */
export type ResetErrors = typeof ResetErrors.Type

/**
 * Of `refreshSetup`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RefreshErrors = Schema.Union([
  ...door,
  ...start,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress
])

/**
 * @category models
 * @since 0.1.0
 */
export type RefreshErrors = typeof RefreshErrors.Type

/**
 * Of `compactThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const CompactErrors = Schema.Union([
  ...door,
  ...start,
  Adapter.GateMissing,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.CompactionRefused
])

/**
 * @category models
 * @since 0.1.0
 */
export type CompactErrors = typeof CompactErrors.Type

/**
 * Of `forkThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ForkErrors = Schema.Union([
  ...door,
  ...cut,
  Service.ThreadExists
])

/**
 * @category models
 * @since 0.1.0
 */
export type ForkErrors = typeof ForkErrors.Type

/**
 * Of `configureThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ConfigureErrors = Schema.Union([
  ...door,
  Service.ThreadNotFound,
  ...change,
  ...agent,
  ...epoch
])

/**
 * @category models
 * @since 0.1.0
 */
export type ConfigureErrors = typeof ConfigureErrors.Type

/**
 * Of `rewindThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RewindErrors = Schema.Union([...door, ...cut])

/**
 * @category models
 * @since 0.1.0
 */
export type RewindErrors = typeof RewindErrors.Type

/**
 * Of `listSessions`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ListSessionsErrors = Schema.Union([
  ...door,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Service.DirectoryInvalid,
  Adapter.CapabilityMissing,
  ...found,
  Store.StoreFailed
])

/**
 * @category models
 * @since 0.1.0
 */
export type ListSessionsErrors = typeof ListSessionsErrors.Type

/**
 * Of `adoptSession`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AdoptErrors = Schema.Union([
  ...door,
  ...start,
  Service.ThreadExists,
  Service.SessionTaken
])

/**
 * @category models
 * @since 0.1.0
 */
export type AdoptErrors = typeof AdoptErrors.Type

/**
 * Of lists.
 *
 * @category errors
 * @since 0.1.0
 */
export const ListErrors = Schema.Union([...every, Store.StoreFailed])

/**
 * @category models
 * @since 0.1.0
 */
export type ListErrors = typeof ListErrors.Type
