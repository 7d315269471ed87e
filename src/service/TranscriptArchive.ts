/**
 * Snapshots of whole conversations, on the disk: every message with its tool calls and their output, the agent's
 * reasoning, attachments and token usage, as they were before a compaction or whenever one was asked for.
 *
 * A snapshot outlives the thread, the session and the agent. It is found by its id, which the store knows, or by the path
 * of its manifest, also after its directory was moved elsewhere.
 *
 * **Gotchas**
 *
 * - What is saved is a copy without known secrets (`manifest.redaction` says what was done). A restored conversation, or
 *   an exported one, is that copy.
 * - A damaged snapshot is an error (`SnapshotCorrupt`) and never half of a conversation.
 *
 * @since 0.1.0
 */
import { Context, type Effect } from "effect"
import type { Redactor } from "../domain/Redaction.ts"
import type { SnapshotInfo, SnapshotRecord, SnapshotRef } from "../domain/Snapshot.ts"
import type { SnapshotManifest } from "../domain/SnapshotManifest.ts"
import type { Retention } from "../transcript/SnapshotRetention.ts"
import type * as Commands from "./Commands.ts"
import type * as Errors from "./OperationErrors.ts"
import type * as Results from "./Results.ts"

/**
 * What is saved, and for how long.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** Default: `Redaction.knownSecrets`. `Redaction.none` saves everything as it is. */
  readonly redactor?: Redactor | undefined
  /** Default: the last 20 of each thread. */
  readonly retention?: Retention | undefined
}

/**
 * What needs the running service.
 *
 * @category models
 * @since 0.1.0
 */
export interface Live {
  /**
   * Saves the conversation as it stands, with the agent's own history where it can be had. Of a thread that never had a
   * session there is `NothingToSave`.
   */
  readonly snapshot: (input: Commands.OneThread) => Effect.Effect<SnapshotInfo, Errors.SnapshotErrors>
  /** A new thread, in a new session that is handed the conversation of a snapshot. */
  readonly restore: (input: Commands.RestoreThread) => Effect.Effect<Results.SessionInfo, Errors.RestoreErrors>
}

/**
 * Snapshots of conversations: list, read, verify, export, purge, restore.
 *
 * @category services
 * @since 0.1.0
 */
export class TranscriptArchive extends Context.Service<
  TranscriptArchive,
  Live & {
    /** Of a thread, newest first, also of a deleted one; or the one of this id. Reads nothing but the store. */
    readonly list: (input: Commands.WhichSnapshots) => Effect.Effect<ReadonlyArray<SnapshotRecord>, Errors.ListErrors>
    readonly read: (input: SnapshotRef) => Effect.Effect<Results.SavedTranscript, Errors.FindErrors>
    /** Reads and hashes everything, attachments included. */
    readonly verify: (input: SnapshotRef) => Effect.Effect<SnapshotManifest, Errors.FindErrors>
    readonly export: (input: Commands.ExportSnapshot) => Effect.Effect<Results.ExportFile, Errors.ExportErrors>
    /** Removes one snapshot, or all of a thread, whatever retention says. Answers how many. */
    readonly purge: (input: Commands.WhichSnapshots) => Effect.Effect<number, Errors.PurgeErrors>
  }
>()("effect-coding-agents/TranscriptArchive") {}
