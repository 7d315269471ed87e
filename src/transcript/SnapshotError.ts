/**
 * The errors of snapshots. None of them changes a snapshot.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ThreadId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"
import { SnapshotFailure } from "../domain/Snapshot.ts"
import type { StoreFailed } from "../store/StoreError.ts"

/**
 * No snapshot has this id or path.
 *
 * @since 0.1.0
 * @category errors
 */
export class SnapshotUnknown
  extends Schema.TaggedError<SnapshotUnknown>("effect-coding-agents/SnapshotUnknown")("SnapshotUnknown", {
    snapshot: Schema.String
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `There is no snapshot ${this.snapshot}; \`TranscriptArchive.list\` has those of a thread`
  }
}

/**
 * A file of the snapshot is missing or was changed. `what` is `manifest`, `segment <hash>` or `blob <hash>`.
 *
 * @since 0.1.0
 * @category errors
 */
export class SnapshotCorrupt
  extends Schema.TaggedError<SnapshotCorrupt>("effect-coding-agents/SnapshotCorrupt")("SnapshotCorrupt", {
    path: hidden(Schema.String),
    what: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  get publicMessage() {
    return `The snapshot is damaged (${this.what}); it was left as it is`
  }
  override get message() {
    return `The snapshot ${this.path} is damaged (${this.what}); it was not changed, and nothing of it is returned`
  }
}

/**
 * The snapshot was written by a newer release of this package.
 *
 * @since 0.1.0
 * @category errors
 */
export class SnapshotNewer
  extends Schema.TaggedError<SnapshotNewer>("effect-coding-agents/SnapshotNewer")("SnapshotNewer", {
    path: hidden(Schema.String),
    found: Schema.Finite,
    supported: Schema.Int
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  get publicMessage() {
    return `The snapshot has version ${this.found}; this release reads up to ${this.supported}`
  }
  override get message() {
    return `The snapshot ${this.path} has version ${this.found}, this release reads up to ${this.supported}: update the package`
  }
}

/**
 * The system denies access to the snapshot's files. `code` is the system's, or `OTHER_MACHINE`: they are on the machine of
 * an agent, and no instance works there now.
 *
 * @since 0.1.0
 * @category errors
 */
export class SnapshotUnreadable
  extends Schema.TaggedError<SnapshotUnreadable>("effect-coding-agents/SnapshotUnreadable")("SnapshotUnreadable", {
    path: hidden(Schema.String),
    code: Schema.String
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  get publicMessage() {
    return `The snapshot cannot be accessed (${this.code})`
  }
  override get message() {
    return this.code === "OTHER_MACHINE"
      ? `The snapshot ${this.path} is on another machine, and no agent works there; add its instance`
      : `The snapshot ${this.path} cannot be accessed (${this.code}); check its permissions`
  }
}

/**
 * The thread never had a session, so there is nothing to save yet.
 *
 * @since 0.1.0
 * @category errors
 */
export class NothingToSave
  extends Schema.TaggedError<NothingToSave>("effect-coding-agents/NothingToSave")("NothingToSave", {
    threadId: ThreadId
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return `The thread "${this.threadId}" never had a session, so there is nothing to save; start it first`
  }
}

/**
 * The snapshot could not be written. Nothing of it is visible on disk.
 *
 * @since 0.1.0
 * @category errors
 */
export class SnapshotNotWritten
  extends Schema.TaggedError<SnapshotNotWritten>("effect-coding-agents/SnapshotNotWritten")("SnapshotNotWritten", {
    failure: hidden(SnapshotFailure)
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  override get message() {
    return `The snapshot ${this.failure.snapshotId} was not written (${this.failure.code})`
  }
}

/**
 * The format needs the history of another agent, or the snapshot has no agent's history.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExportUnsupported
  extends Schema.TaggedError<ExportUnsupported>("effect-coding-agents/ExportUnsupported")("ExportUnsupported", {
    snapshotId: Schema.String,
    wanted: Schema.String,
    found: Schema.UndefinedOr(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `The snapshot ${this.snapshotId} cannot be exported as ${this.wanted}; it holds ${
      this.found ?? "our log only"
    }`
  }
}

/**
 * The errors of finding and reading a snapshot.
 *
 * @since 0.1.0
 * @category errors
 */
export type FindError = SnapshotUnknown | SnapshotCorrupt | SnapshotNewer | SnapshotUnreadable | StoreFailed
