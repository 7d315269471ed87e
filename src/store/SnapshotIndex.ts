/**
 * Which snapshots there are, as the store knows it: what is listed and found by id without looking at the disk.
 *
 * The manifests on the disk are what counts. A sweep adds a row for a manifest that has none (the host died between the
 * two) and removes the row of one that is gone. Deleting a thread keeps its snapshots.
 */
import { Context, type Effect, type Option } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { SnapshotRecord } from "../domain/Snapshot.ts"
import type { StoreFailed } from "./StoreError.ts"

export { SnapshotRecord } from "../domain/Snapshot.ts"

export interface SnapshotTotals {
  readonly snapshots: number
  readonly bytes: number
}

export class SnapshotIndex extends Context.Service<SnapshotIndex, {
  /** In place of the one of the same id, if there is one. */
  readonly add: (record: SnapshotRecord) => Effect.Effect<void, StoreFailed>
  readonly get: (snapshotId: string) => Effect.Effect<Option.Option<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByThread: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByFolder: (folder: string) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** Every folder that a snapshot was saved under. */
  readonly folders: Effect.Effect<ReadonlyArray<string>, StoreFailed>
  readonly remove: (snapshotId: string) => Effect.Effect<void, StoreFailed>
  readonly totals: (folder: string) => Effect.Effect<SnapshotTotals, StoreFailed>
}>()("effect-coding-agents/SnapshotIndex") {}
