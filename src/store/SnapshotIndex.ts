/**
 * The store's index of snapshots, to list them and find them by id without reading the disk.
 *
 * The manifests on disk are authoritative. A sweep adds a row for a manifest without one (the host died between the
 * two) and removes rows whose manifest is gone. Deleting a thread keeps its snapshots.
 *
 * @since 0.1.0
 */
import { Context, type Effect, type Option } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { SnapshotRecord } from "../domain/Snapshot.ts"
import type { StoreFailed } from "./StoreError.ts"

/**
 * @since 0.1.0
 * @category schemas
 */
export { SnapshotRecord } from "../domain/Snapshot.ts"

/**
 * Number of snapshots and their bytes on disk.
 *
 * @since 0.1.0
 * @category models
 */
export interface SnapshotTotals {
  readonly snapshots: number
  readonly bytes: number
}

/**
 * A folder that snapshots were saved under. Without a machine it is on the service's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface SnapshotPlace {
  readonly folder: string
  readonly machine?: string | undefined
}

/**
 * The index. Each operation fails with `StoreFailed` if the database does.
 *
 * @since 0.1.0
 * @category services
 */
export class SnapshotIndex extends Context.Service<SnapshotIndex, {
  /** Adds a row, or replaces the one with the same id. */
  readonly add: (record: SnapshotRecord) => Effect.Effect<void, StoreFailed>
  readonly get: (snapshotId: string) => Effect.Effect<Option.Option<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByThread: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByPlace: (place: SnapshotPlace) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** All that snapshots were saved under. */
  readonly places: Effect.Effect<ReadonlyArray<SnapshotPlace>, StoreFailed>
  readonly remove: (snapshotId: string) => Effect.Effect<void, StoreFailed>
  /** Totals of the snapshots that were saved under the folder. */
  readonly totals: (place: SnapshotPlace) => Effect.Effect<SnapshotTotals, StoreFailed>
}>()("effect-coding-agents/SnapshotIndex") {}
