/**
 * What reads and keeps what a thread has been: events, transcripts, snapshots, and deliveries to hooks.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"
import { Sha256 } from "../domain/Blob.ts"
import { InstanceId, Position, ThreadId, TurnId } from "../domain/Ids.ts"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { SnapshotRef } from "../domain/Snapshot.ts"
import { ThreadEvent } from "../domain/ThreadEvent.ts"
import { Text, WellFormed } from "../domain/WellFormed.ts"
import * as EventPosition from "../store/EventPosition.ts"
import { OneThread } from "./ThreadCommands.ts"

/**
 * Of `streamEvents`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StreamEvents = Schema.Struct({
  threadId: ThreadId,
  /** `seq` of the last event that is known. Default 0: from the start. */
  after: Schema.optional(Schema.Natural),
  /**
   * Deltas of one item are one event where only deltas of others came between them, and are shown at most so many
   * milliseconds after the first of them: at once with whatever else happens. Default: each as it comes.
   */
  coalesce: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60_000 })))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamEvents extends Schema.Schema.Type<typeof StreamEvents> {}

const eventKinds = Struct.keys(ThreadEvent.cases)

/**
 * Of `streamAllEvents`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StreamAllEvents = Schema.Struct({
  /** The `position` of the last event that is known. Default: from the start. */
  after: Schema.optional(Position.check(Schema.isPattern(EventPosition.pattern))),
  /** Events of these kinds only, and each `Gap`. Default: all. */
  kinds: Schema.optional(Schema.NonEmptyArray(Schema.Literals(eventKinds))),
  /** Whether what is not stored comes too: new text of items, progress of tasks, diffs. Of threads of this process. */
  deltas: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamAllEvents extends Schema.Schema.Type<typeof StreamAllEvents> {}

/**
 * Of `readBlob`: bytes by their hash, as an event of this thread names them.
 *
 * @category commands
 * @since 0.1.0
 */
export const ReadBlob = Schema.Struct({ threadId: ThreadId, sha256: Sha256 })

/**
 * @category models
 * @since 0.1.0
 */
export interface ReadBlob extends Schema.Schema.Type<typeof ReadBlob> {}

/**
 * Of `readTranscript`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ReadTranscript = Schema.Struct({
  threadId: ThreadId,
  /** Only turns that began after this one. */
  after: Schema.optional(TurnId),
  /** Only turns that began before this one. */
  before: Schema.optional(TurnId),
  /**
   * `start`: the oldest of these turns first. `end`: the newest first. Default: `end` where only `before` is given, else
   * `start`.
   */
  from: Schema.optional(Schema.Literals(["start", "end"])),
  /** Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ReadTranscript extends Schema.Schema.Type<typeof ReadTranscript> {}

/**
 * Of `streamTranscript`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StreamTranscript = Schema.Struct({
  threadId: ThreadId,
  /** The last turn that is known. Default: from the start. */
  after: Schema.optional(TurnId)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamTranscript extends Schema.Schema.Type<typeof StreamTranscript> {}

/**
 * A snapshot and the shape that it is wanted in.
 *
 * @category commands
 * @since 0.1.0
 */
export const ExportSnapshot = Schema.Struct({
  snapshot: SnapshotRef,
  format: Schema.Literals(["markdown", "jsonl", "opencode"])
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ExportSnapshot extends Schema.Schema.Type<typeof ExportSnapshot> {}

/**
 * One snapshot, or all of a thread.
 *
 * @category commands
 * @since 0.1.0
 */
export const WhichSnapshots = Schema.Union([Schema.Struct({ snapshotId: WellFormed }), OneThread])

/**
 * @category models
 * @since 0.1.0
 */
export type WhichSnapshots = typeof WhichSnapshots.Type

/**
 * Of the archive's `restore`.
 *
 * @category commands
 * @since 0.1.0
 */
export const RestoreThread = Schema.Struct({
  snapshot: SnapshotRef,
  /** A new thread. */
  threadId: ThreadId,
  /** Default: the instance that the snapshot is of. */
  instanceId: Schema.optional(InstanceId),
  /** Absolute path. Default: the directory that the snapshot is of. */
  directory: Schema.optional(WellFormed),
  runtimeMode: Schema.optional(RuntimeMode),
  /** Default: what the instance, the app's `trust`, or the mode says. */
  projectConfig: Schema.optional(ProjectConfig),
  title: Schema.optional(Text)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface RestoreThread extends Schema.Schema.Type<typeof RestoreThread> {}

/**
 * Deliveries of one hook or of all.
 *
 * @category commands
 * @since 0.1.0
 */
export const WhichDeliveries = Schema.Struct({
  /** The hook's name. Default: all hooks. */
  hook: Schema.optional(WellFormed),
  /** At most so many, 1 to 1000. Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
  /** `next` of the page before. */
  after: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface WhichDeliveries extends Schema.Schema.Type<typeof WhichDeliveries> {}

/**
 * Which deliveries to send again.
 *
 * @category commands
 * @since 0.1.0
 */
export const ResendDeliveries = Schema.Struct({
  hook: WellFormed,
  /** Default: every one of the hook that was given up. */
  eventId: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ResendDeliveries extends Schema.Schema.Type<typeof ResendDeliveries> {}
