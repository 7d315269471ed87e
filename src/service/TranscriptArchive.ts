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
 */
import { Context, type Effect } from "effect"
import type { InstanceId, ThreadId } from "../domain/Ids.ts"
import type { Redactor } from "../domain/Redaction.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { SnapshotInfo, SnapshotRef } from "../domain/Snapshot.ts"
import type { SavedMessage, SnapshotManifest } from "../domain/SnapshotManifest.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { SnapshotRecord } from "../store/SnapshotIndex.ts"
import type { EpochFenced, StoreFailed } from "../store/StoreError.ts"
import type {
  ExportUnsupported,
  FindError,
  SnapshotNotWritten,
  SnapshotUnreadable
} from "../transcript/SnapshotError.ts"
import type * as SnapshotExport from "../transcript/SnapshotExport.ts"
import type { Retention } from "../transcript/SnapshotRetention.ts"
import type { SessionInfo, StartError } from "./ProviderService.ts"
import type { HookReentrant, ThreadExists, ThreadNotFound, TurnInProgress } from "./ServiceError.ts"

/** What is saved, and for how long. */
export interface Settings {
  /** Default: `Redaction.knownSecrets`. `Redaction.none` saves everything as it is. */
  readonly redactor?: Redactor | undefined
  /** Default: the last 20 of each thread. */
  readonly retention?: Retention | undefined
}

/** A snapshot read back, every file of it hashed again. */
export interface SavedTranscript {
  /** Absolute path of the manifest. */
  readonly path: string
  readonly manifest: SnapshotManifest
  readonly messages: ReadonlyArray<SavedMessage>
  /**
   * The same turn by turn, as a transcript is. A turn that our log did not know has the id of its first message; what
   * came before the user's first words is left out.
   */
  readonly turns: ReadonlyArray<TranscriptTurn>
}

export type RestoreInput = SnapshotRef & {
  /** A new thread. */
  readonly threadId: ThreadId
  /** Default: the instance that the snapshot is of. */
  readonly instanceId?: InstanceId | undefined
  /** Default: the directory that the snapshot is of. */
  readonly directory?: string | undefined
  readonly runtimeMode?: RuntimeMode | undefined
  readonly title?: string | undefined
}

export type SnapshotError = SnapshotNotWritten | ThreadNotFound | StoreFailed | EpochFenced
export type RestoreError = FindError | StartError | ThreadNotFound | ThreadExists | TurnInProgress | HookReentrant

/** What needs the running service. */
export interface Live {
  /** Saves the conversation as it stands, with the agent's own history where it can be had. */
  readonly snapshot: (threadId: ThreadId) => Effect.Effect<SnapshotInfo, SnapshotError>
  /** A new thread, in a new session that is handed the conversation of a snapshot. */
  readonly restore: (input: RestoreInput) => Effect.Effect<SessionInfo, RestoreError>
}

export class TranscriptArchive extends Context.Service<
  TranscriptArchive,
  Live & {
    /** Newest first, also those of a deleted thread. */
    readonly list: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
    readonly read: (ref: SnapshotRef) => Effect.Effect<SavedTranscript, FindError>
    /** Reads and hashes everything, attachments included. */
    readonly verify: (ref: SnapshotRef) => Effect.Effect<SnapshotManifest, FindError>
    readonly export: (
      ref: SnapshotRef,
      format: SnapshotExport.ExportFormat
    ) => Effect.Effect<SnapshotExport.ExportFile, FindError | ExportUnsupported>
    /** Removes one snapshot, or all of a thread, whatever retention says. Answers how many. */
    readonly purge: (
      which: { readonly snapshotId: string } | { readonly threadId: ThreadId }
    ) => Effect.Effect<number, SnapshotUnreadable | StoreFailed>
  }
>()("effect-coding-agents/TranscriptArchive") {}
