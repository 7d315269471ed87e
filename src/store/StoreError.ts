/**
 * What can go wrong with the store. Opening fails with one of {@link StoreOpenError}; a statement fails with `StoreFailed`.
 * None of them changes what is stored.
 */
import { Schema } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import { Epoch, ThreadId, TurnId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"

/** The file is not a database, or its content is damaged. It was not touched. */
export class StoreCorrupt
  extends Schema.TaggedError<StoreCorrupt>("effect-coding-agents/StoreCorrupt")("StoreCorrupt", {
    filename: hidden(Schema.String),
    code: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  get publicMessage() {
    return `The store cannot be read (${this.code}); it was left as it is`
  }
  override get message() {
    return `${this.filename} is not a readable store (${this.code}); it was left as it is`
  }
}

/** Another process holds a lock on the file for longer than the busy timeout. */
export class StoreLocked extends Schema.TaggedError<StoreLocked>("effect-coding-agents/StoreLocked")("StoreLocked", {
  filename: hidden(Schema.String)
}, { httpApiStatus: 503 }) {
  readonly retryable = true
  get publicMessage() {
    return "The store is locked by another process"
  }
  override get message() {
    return `${this.filename} is locked by another process`
  }
}

/** The file or its folder cannot be written, or the file cannot be opened at all. `code` is SQLite's name for it. */
export class StoreUnwritable
  extends Schema.TaggedError<StoreUnwritable>("effect-coding-agents/StoreUnwritable")("StoreUnwritable", {
    filename: hidden(Schema.String),
    code: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  get publicMessage() {
    return `The store cannot be opened for writing (${this.code})`
  }
  override get message() {
    return `${this.filename} cannot be opened for writing (${this.code})`
  }
}

/** The file was written by a newer release of this package, which may mean things that this one cannot keep. */
export class StoreNewer extends Schema.TaggedError<StoreNewer>("effect-coding-agents/StoreNewer")("StoreNewer", {
  found: Schema.Int,
  supported: Schema.Int
}, { httpApiStatus: 500 }) {
  readonly retryable = false
  override get message() {
    return `The store has schema version ${this.found}; this release knows up to ${this.supported}. Nothing was changed.`
  }
}

/** The file has a layout from before the first release, which this one does not read. */
export class StoreOlder extends Schema.TaggedError<StoreOlder>("effect-coding-agents/StoreOlder")("StoreOlder", {
  found: Schema.Int
}, { httpApiStatus: 500 }) {
  readonly retryable = false
  override get message() {
    return `The store has a layout from before the first release (version ${this.found}), which cannot be read. ` +
      "Nothing was changed. Move the file away to begin with an empty store."
  }
}

/** Another living host owns the store. */
export class StoreOwned extends Schema.TaggedError<StoreOwned>("effect-coding-agents/StoreOwned")("StoreOwned", {
  host: hidden(Schema.String),
  pid: hidden(Schema.Int),
  /** Milliseconds since the epoch. */
  since: Schema.Finite
}, { httpApiStatus: 503 }) {
  readonly retryable = true
  get publicMessage() {
    return "The store is in use by another process"
  }
  override get message() {
    return `The store is in use by process ${this.pid} on ${this.host}`
  }
}

/**
 * A statement failed: disk full, lock timeout, lost connection. `reason` is the `_tag` of the SQL error's reason, or
 * `SchemaError` where a stored record cannot be read.
 */
export class StoreFailed extends Schema.TaggedError<StoreFailed>("effect-coding-agents/StoreFailed")("StoreFailed", {
  operation: Schema.String,
  reason: Schema.String,
  cause: hidden(Schema.Defect())
}, { httpApiStatus: 503 }) {
  readonly retryable = true
  static of(operation: string) {
    return (cause: SqlError.SqlError | Migrator.MigrationError | Schema.SchemaError) => {
      const reason = cause._tag === "SqlError"
        ? cause.reason._tag
        : cause._tag === "MigrationError"
        ? cause.kind
        : cause._tag
      return new StoreFailed({ operation, reason, cause })
    }
  }
  override get message() {
    return `The store failed to ${this.operation} (${this.reason})`
  }
}

export type StoreOpenError =
  | StoreCorrupt
  | StoreLocked
  | StoreUnwritable
  | StoreNewer
  | StoreOlder
  | StoreOwned
  | StoreFailed

/** The stored row of a thread cannot be read. It stays stored as it is. */
export class ThreadUnreadable
  extends Schema.TaggedError<ThreadUnreadable>("effect-coding-agents/ThreadUnreadable")("ThreadUnreadable", {
    threadId: Schema.String,
    reason: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  override get message() {
    return `The thread "${this.threadId}" is stored and cannot be read: ${this.reason}. It was left as it is.`
  }
}

/** The given turn id was used before. */
export class TurnExists
  extends Schema.TaggedError<TurnExists>("effect-coding-agents/TurnExists")("TurnExists", { turnId: TurnId }, {
    httpApiStatus: 409
  })
{
  readonly retryable = false
  override get message() {
    return `Turn ${this.turnId} was sent before`
  }
}

/**
 * The epoch that was written under is over: a later one was opened, or it has ended, or another writer has written to
 * it. The write was not made.
 */
export class EpochFenced extends Schema.TaggedError<EpochFenced>("effect-coding-agents/EpochFenced")("EpochFenced", {
  threadId: ThreadId,
  epoch: Epoch
}, { httpApiStatus: 409 }) {
  readonly retryable = false
  override get message() {
    return `Epoch ${this.epoch} of thread ${this.threadId} is over`
  }
}
