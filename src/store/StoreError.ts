/**
 * What can go wrong with the store. Opening fails with one of {@link StoreOpenError}; a statement fails with `StoreFailed`.
 * None of them changes what is stored.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import { Epoch, ThreadId, TurnId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"
import { codeName, FileMoved } from "./internal/sqliteCodes.ts"

/**
 * The file is not a database, or its content is damaged. It was not touched.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * Another process holds a lock on the file for longer than the busy timeout.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The file or its folder cannot be written, or the file cannot be opened at all. `code` is SQLite's name for
 * it, or `NO_FILENAME` for a name that would make a temporary database.
 *
 * @category errors
 * @since 0.1.0
 */
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
    return `The store "${this.filename}" cannot be opened for writing (${this.code})`
  }
}

/**
 * Other users of the machine could read the store, or put another file in its place, and this process may not change
 * that: any user can write to its folder, or the file belongs to another user and can be read by others.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreExposed
  extends Schema.TaggedError<StoreExposed>("effect-coding-agents/StoreExposed")("StoreExposed", {
    filename: hidden(Schema.String),
    reason: Schema.Literals(["folder-writable", "file-readable"])
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  get publicMessage() {
    return `The store is open to other users of the machine (${this.reason})`
  }
  override get message() {
    return this.reason === "folder-writable"
      ? `Every user can write to the folder of the store "${this.filename}". Take that from them (chmod o-w) or use another.`
      : `Other users can read the store "${this.filename}", which belongs to another user. Its mode should be 0600.`
  }
}

/**
 * The file was written by a newer release of this package, which may mean things that this one cannot keep.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreNewer extends Schema.TaggedError<StoreNewer>("effect-coding-agents/StoreNewer")("StoreNewer", {
  found: Schema.Int,
  supported: Schema.Int
}, { httpApiStatus: 500 }) {
  readonly retryable = false
  override get message() {
    return `The store has schema version ${this.found}; this release knows up to ${this.supported}. Nothing was changed.`
  }
}

/**
 * The file has a layout from before the first release, which this one does not read.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreOlder extends Schema.TaggedError<StoreOlder>("effect-coding-agents/StoreOlder")("StoreOlder", {
  found: Schema.Int
}, { httpApiStatus: 500 }) {
  readonly retryable = false
  override get message() {
    return `The store has a layout from before the first release (version ${this.found}), which cannot be read. ` +
      "Nothing was changed. Move the file away to begin with an empty store."
  }
}

/**
 * Another living host owns the store.
 *
 * @category errors
 * @since 0.1.0
 */
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
 *
 * - `SchemaError`: a stored record cannot be read
 * - `NestedTransaction`: the caller writes to the store inside of a transaction of its own on the same client
 * - `StoreMoved`: the file was deleted, moved or replaced while it was open. Nothing is stored or acknowledged any more
 *   until the store is opened again.
 *
 * `code` is SQLite's name for what went wrong: `SQLITE_FULL` for a full disk, `SQLITE_BUSY` for another process's lock.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreFailed extends Schema.TaggedError<StoreFailed>("effect-coding-agents/StoreFailed")("StoreFailed", {
  operation: Schema.String,
  reason: Schema.String,
  code: Schema.optionalKey(Schema.String),
  cause: hidden(Schema.Defect())
}, { httpApiStatus: 503 }) {
  get retryable(): boolean {
    return this.reason !== "NestedTransaction" && this.reason !== "StoreMoved"
  }
  static of(operation: string) {
    return (cause: SqlError.SqlError | Migrator.MigrationError | Schema.SchemaError) => {
      if (cause._tag === "MigrationError") return new StoreFailed({ operation, reason: cause.kind, cause })
      if (cause._tag === "SchemaError") return new StoreFailed({ operation, reason: cause._tag, cause })
      if (cause.reason.cause instanceof FileMoved) return new StoreFailed({ operation, reason: "StoreMoved", cause })
      const code = codeName(cause.reason.cause)
      return new StoreFailed({ operation, reason: cause.reason._tag, cause, ...(code === undefined ? {} : { code }) })
    }
  }
  /** The caller has a transaction open on the store's client. Trying again in it fails again. */
  static nested(operation: string) {
    return new StoreFailed({
      operation,
      reason: "NestedTransaction",
      cause: "the caller has a transaction open on the store's client, which a write of the store must not be part of"
    })
  }
  override get message() {
    return `The store failed to ${this.operation} (${this.code ?? this.reason})`
  }
}

/**
 * What opening a store fails with.
 *
 * @category errors
 * @since 0.1.0
 */
export type StoreOpenError =
  | StoreCorrupt
  | StoreLocked
  | StoreUnwritable
  | StoreExposed
  | StoreNewer
  | StoreOlder
  | StoreOwned
  | StoreFailed

/**
 * The stored record of a thread cannot be read. It was left as it is; its events can be read, and it can be deleted.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadUnreadable
  extends Schema.TaggedError<ThreadUnreadable>("effect-coding-agents/ThreadUnreadable")("ThreadUnreadable", {
    threadId: ThreadId,
    reason: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  override get message() {
    return `The stored record of thread ${this.threadId} cannot be read: ${this.reason}. It was left as it is.`
  }
}

/**
 * The stored record of a turn cannot be read. It was left as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnUnreadable
  extends Schema.TaggedError<TurnUnreadable>("effect-coding-agents/TurnUnreadable")("TurnUnreadable", {
    turnId: TurnId,
    reason: Schema.String
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  override get message() {
    return `The stored record of turn ${this.turnId} cannot be read: ${this.reason}. It was left as it is.`
  }
}

/**
 * The page that was asked for cannot be: its limit is not a whole number from 1 to 1000, or `after` is no `next`.
 *
 * @category errors
 * @since 0.1.0
 */
export class PageInvalid extends Schema.TaggedError<PageInvalid>("effect-coding-agents/PageInvalid")("PageInvalid", {
  reason: Schema.String
}, { httpApiStatus: 422 }) {
  readonly retryable = false
  override get message() {
    return `There is no such page: ${this.reason}`
  }
}

/**
 * The given turn id was used before, for another input, or for a turn that was rewound or pruned.
 *
 * @category errors
 * @since 0.1.0
 */
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
 *
 * @category errors
 * @since 0.1.0
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
