/**
 * Snapshots: when one was taken, what it holds, and why there is none.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId } from "./Ids.ts"
import { WellFormed } from "./WellFormed.ts"

/**
 * When a snapshot was taken: before the compaction (the agent was held), while it ran, or after it. One of a history that
 * lacked what readers had been shown is `concurrent` at best.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotTiming = Schema.Literals(["before", "concurrent", "after"])

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotTiming = typeof SnapshotTiming.Type

/**
 * What a snapshot holds.
 *
 * - `complete`: the agent's whole history and our log.
 * - `running`: the same, while a tool or an answer was still at work.
 * - `log-only`: our log alone, because the agent's history could not be read.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotCompleteness = Schema.Literals(["complete", "running", "log-only"])

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotCompleteness = typeof SnapshotCompleteness.Type

/**
 * A snapshot that is on disk and was read back.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotInfo = Schema.Struct({
  snapshotId: Schema.String,
  /** Absolute path of its manifest. */
  path: Schema.String,
  /** The machine of this path, by the name of its `AgentHost`. Absent: the service's own. */
  machine: Schema.optionalKey(Schema.String),
  /** Hash of the whole transcript as it was saved. */
  sha256: Schema.String,
  timing: SnapshotTiming,
  completeness: SnapshotCompleteness,
  messages: Schema.Int,
  /** Size of the transcript. */
  bytes: Schema.Int,
  /** Bytes that this snapshot added to the disk; the rest is shared with earlier ones. */
  bytesWritten: Schema.Int,
  durationMillis: Schema.Finite
})

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotInfo = typeof SnapshotInfo.Type

/**
 * Why there is no snapshot. `code` is the system's error code (`ENOSPC`, `EACCES`, ...) or our own: `REDACTOR`,
 * `DEADLINE`, `VERIFY`, `STORE`, `HISTORY`. `message` is prose.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotFailure = Schema.Struct({
  snapshotId: Schema.String,
  code: Schema.String,
  message: Schema.optionalKey(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotFailure = typeof SnapshotFailure.Type

/**
 * The store's record of a snapshot.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotRecord = Schema.Struct({
  snapshot: SnapshotInfo,
  threadId: ThreadId,
  epoch: Epoch,
  provider: ProviderName,
  instanceId: InstanceId,
  sessionId: SessionId,
  /** Absolute path of the folder that it was saved under, on the snapshot's machine. */
  folder: Schema.String,
  /** Milliseconds since the epoch. */
  createdAt: Schema.Finite,
  compactionId: Schema.optionalKey(Schema.String),
  /** Bytes on disk that it adds to the older snapshots of its thread. */
  diskBytes: Schema.Int
})

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotRecord = typeof SnapshotRecord.Type

/**
 * Names a snapshot by its id, or by the path of its manifest on the service's machine, which may have been moved.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotRef = Schema.Union([
  Schema.Struct({ snapshotId: WellFormed }),
  Schema.Struct({ path: WellFormed })
])

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotRef = typeof SnapshotRef.Type
