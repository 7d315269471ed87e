/**
 * What can go wrong with reading and keeping what a thread has been.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Store from "../store/StoreError.ts"
import * as Snapshot from "../transcript/SnapshotError.ts"
import { door, epoch, every, start, stored } from "./errorGroups.ts"
import * as Service from "./ServiceError.ts"

const damaged = [
  Snapshot.SnapshotUnknown,
  Snapshot.SnapshotCorrupt,
  Snapshot.SnapshotNewer,
  Snapshot.SnapshotUnreadable
] as const

const find = [...every, ...damaged, Store.StoreFailed] as const

/**
 * Of reading one thread.
 *
 * @category errors
 * @since 0.1.0
 */
export const ReadErrors = Schema.Union([...every, Service.ThreadNotFound, ...stored])

/**
 * @category models
 * @since 0.1.0
 */
export type ReadErrors = typeof ReadErrors.Type

/**
 * Of `readTranscript` and `streamTranscript`.
 *
 * @category errors
 * @since 0.1.0
 */
export const TranscriptErrors = Schema.Union([
  ...every,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Store.StoreFailed,
  Store.TurnUnreadable
])

/**
 * @category models
 * @since 0.1.0
 */
export type TranscriptErrors = typeof TranscriptErrors.Type

/**
 * Of `readBlob`.
 *
 * @category errors
 * @since 0.1.0
 */
export const BlobErrors = Schema.Union([...every, Service.BlobNotFound, Store.StoreFailed])

/**
 * @category models
 * @since 0.1.0
 */
export type BlobErrors = typeof BlobErrors.Type

/**
 * Of taking a snapshot.
 *
 * @category errors
 * @since 0.1.0
 */
export const SnapshotErrors = Schema.Union([
  ...door,
  Snapshot.NothingToSave,
  Snapshot.SnapshotNotWritten,
  Service.ThreadNotFound,
  ...epoch
])

/**
 * @category models
 * @since 0.1.0
 */
export type SnapshotErrors = typeof SnapshotErrors.Type

/**
 * Of finding a snapshot and reading it.
 *
 * @category errors
 * @since 0.1.0
 */
export const FindErrors = Schema.Union(find)

/**
 * @category models
 * @since 0.1.0
 */
export type FindErrors = typeof FindErrors.Type

/**
 * Of exporting a snapshot.
 *
 * @category errors
 * @since 0.1.0
 */
export const ExportErrors = Schema.Union([...find, Snapshot.ExportUnsupported])

/**
 * @category models
 * @since 0.1.0
 */
export type ExportErrors = typeof ExportErrors.Type

/**
 * Of removing snapshots.
 *
 * @category errors
 * @since 0.1.0
 */
export const PurgeErrors = Schema.Union([...door, Snapshot.SnapshotUnreadable, Store.StoreFailed])

/**
 * @category models
 * @since 0.1.0
 */
export type PurgeErrors = typeof PurgeErrors.Type

/**
 * Of restoring a snapshot into a new thread.
 *
 * @category errors
 * @since 0.1.0
 */
export const RestoreErrors = Schema.Union([
  ...door,
  ...damaged,
  ...start,
  Service.ThreadExists,
  Service.TurnInProgress
])

/**
 * @category models
 * @since 0.1.0
 */
export type RestoreErrors = typeof RestoreErrors.Type

/**
 * Of the deliveries' `resend`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ResendErrors = Schema.Union([...door, Store.StoreFailed])

/**
 * @category models
 * @since 0.1.0
 */
export type ResendErrors = typeof ResendErrors.Type
