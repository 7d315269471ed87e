/**
 * The words of snapshots: when one was taken, what it holds, and why there is none.
 */
import { Schema } from "effect"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId } from "./Ids.ts"

/** When a snapshot was taken: before the compaction (the agent was held), while it ran, or after it. */
export const SnapshotTiming = Schema.Literals(["before", "concurrent", "after"])
export type SnapshotTiming = typeof SnapshotTiming.Type

/**
 * What a snapshot holds.
 *
 * - `complete`: the agent's whole history and our log.
 * - `running`: the same, while a tool or an answer was still at work.
 * - `log-only`: our log alone, because the agent's history could not be read.
 */
export const SnapshotCompleteness = Schema.Literals(["complete", "running", "log-only"])
export type SnapshotCompleteness = typeof SnapshotCompleteness.Type

/** A snapshot that is on the disk and was read back. */
export const SnapshotInfo = Schema.Struct({
  snapshotId: Schema.String,
  /** Absolute path of its manifest. */
  path: Schema.String,
  /** Hash of the whole transcript as it was saved. */
  sha256: Schema.String,
  timing: SnapshotTiming,
  completeness: SnapshotCompleteness,
  messages: Schema.Int,
  /** Size of the transcript. */
  bytes: Schema.Int,
  /** Bytes that this snapshot added to the disk; the rest was there from earlier ones. */
  bytesWritten: Schema.Int,
  durationMillis: Schema.Finite
})
export type SnapshotInfo = typeof SnapshotInfo.Type

/**
 * Why there is no snapshot. `code` is the system's error code (`ENOSPC`, `EACCES`, ...) or our own: `REDACTOR`,
 * `DEADLINE`, `VERIFY`, `STORE`, `HISTORY`. `message` is prose.
 */
export const SnapshotFailure = Schema.Struct({
  snapshotId: Schema.String,
  code: Schema.String,
  message: Schema.optionalKey(Schema.String)
})
export type SnapshotFailure = typeof SnapshotFailure.Type

/** A snapshot as the store knows it. */
export const SnapshotRecord = Schema.Struct({
  snapshot: SnapshotInfo,
  threadId: ThreadId,
  epoch: Epoch,
  provider: ProviderName,
  instanceId: InstanceId,
  sessionId: SessionId,
  /** Absolute path of the folder that it was saved under. */
  folder: Schema.String,
  /** Milliseconds since the epoch. */
  createdAt: Schema.Finite,
  compactionId: Schema.optionalKey(Schema.String),
  /** What it takes on the disk beyond what older snapshots of its thread take. */
  diskBytes: Schema.Int
})
export type SnapshotRecord = typeof SnapshotRecord.Type

/** A snapshot by its id, as the store knows it, or by the path of its manifest, also after that was moved elsewhere. */
export const SnapshotRef = Schema.Union([
  Schema.Struct({ snapshotId: Schema.String }),
  Schema.Struct({ path: Schema.String })
])
export type SnapshotRef = typeof SnapshotRef.Type
