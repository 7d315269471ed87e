/**
 * A `SqlClient` on Node's built-in `node:sqlite`: one connection, one file, write-ahead log. What erases and tidies up has a
 * second connection, on a thread of its own, while it runs.
 *
 * Opening checks at once that the file is a database and can be written, and changes nothing if it is not: it reads the
 * header and the schema, takes the write lock, writes a value and rolls it back. Its errors are derived from SQLite's
 * result codes alone.
 *
 * {@link Durability} applies to each top-level transaction, and to each statement outside one, where it begins:
 * `flushed` survives a power cut, `relaxed` survives the process but can be lost with the power. A flushed commit also
 * flushes the relaxed ones before it.
 *
 * The database and its logs are for their owner alone (mode 0600; a file that others can read is restricted), in a
 * folder that not every user of the machine can write to. What is deleted is overwritten. A lock of another process is waited for in Effect, and the
 * event loop goes on.
 *
 * **Gotchas**
 *
 * - If the file is deleted, moved or replaced while it is open, the first flushed commit that notices fails, and so does
 *   every statement after it: what is written there is found by no later opening. The store reports it as
 *   `StoreFailed`, reason `StoreMoved`.
 * - The wait for a lock is in real time, whatever `Clock` the caller has.
 * - `node:sqlite` is imported when the first client is opened, not before.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer, type Scope, Semaphore } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError, Statement } from "effect/sql"
import * as sqliteBackground from "./internal/sqliteBackground.ts"
import { codeName, primaryCode, property } from "./internal/sqliteCodes.ts"
import { awaitLock, failed, SqliteConnection } from "./internal/sqliteConnection.ts"
import * as storeFile from "./internal/storeFile.ts"
import { StoreCorrupt, StoreExposed, StoreLocked, StoreUnwritable } from "./StoreError.ts"

/**
 * Which database is opened, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Path, `file:` URI, or `:memory:`. A missing file is created; a missing folder is not. */
  readonly filename: string
  /** How long a statement waits for another process's lock. Default: 5 seconds. */
  readonly busyTimeout?: Duration.Input | undefined
}

/**
 * Whether a commit waits for the disk. Read where a transaction begins. Default `flushed`.
 *
 * @since 0.1.0
 * @category references
 */
export const Durability = Context.Reference<"flushed" | "relaxed">("effect-coding-agents/SqliteClient/Durability", {
  defaultValue: () => "flushed"
})

const refusal = (filename: string) => (cause: unknown): StoreCorrupt | StoreLocked | StoreUnwritable => {
  const code = codeName(cause) ?? String(property(cause, "code") ?? "unknown")
  switch (primaryCode(cause)) {
    case 11:
    case 24:
    case 26:
      return new StoreCorrupt({ filename, code })
    case 5:
    case 6:
      return new StoreLocked({ filename })
    default:
      return new StoreUnwritable({ filename, code })
  }
}

/** Creates a missing file for its owner alone, in a folder in which no other user can replace it. */
const prepareFile = Effect.fnUntraced(function*(filename: string, refused: ReturnType<typeof refusal>) {
  const path = storeFile.pathOf(filename)
  if (path === undefined) return
  if (yield* Effect.try({ try: () => storeFile.isFolderOpen(path), catch: refused })) {
    return yield* new StoreExposed({ filename, reason: "folder-writable" })
  }
  yield* Effect.ignore(Effect.try({ try: () => storeFile.create(path), catch: refused }))
})

const open = Effect.fnUntraced(function*({ busyTimeout, filename }: Options) {
  const refused = refusal(filename)
  const patience = Duration.toMillis(busyTimeout ?? "5 seconds")
  const sqlite = yield* Effect.tryPromise({ try: () => import("node:sqlite"), catch: refused })
  yield* prepareFile(filename, refused)
  const db = yield* Effect.acquireRelease(
    Effect.try({ try: () => new sqlite.DatabaseSync(filename), catch: refused }),
    (db) => Effect.sync(() => db.close())
  )
  const location = db.location()
  // SQLite takes a name that is empty, as from a variable that is not set, for a database to be deleted when it is closed.
  if (location === null && !/^(?::memory:|file:.*(?::memory:|[?&]mode=memory))/.test(filename)) {
    return yield* new StoreUnwritable({ filename, code: "NO_FILENAME" })
  }
  const whileLocked = (run: () => void) =>
    awaitLock(Effect.try({ try: run, catch: refused }), (error) => error._tag === "StoreLocked", patience)
  yield* whileLocked(() => {
    // What waits for a lock waits in Effect.
    db.exec("PRAGMA busy_timeout = 0")
    // So that free pages can be given back without writing the file anew. It takes effect on a file that is still empty,
    // and writes to any other, which may be one that is refused.
    if (Number(db.prepare("PRAGMA page_count").get()?.["page_count"]) === 0) db.exec("PRAGMA auto_vacuum = INCREMENTAL")
    db.prepare("SELECT COUNT(*) FROM sqlite_schema").all()
    const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"])
    // On a read-only file BEGIN IMMEDIATE succeeds; only a write fails.
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${version}; ROLLBACK`)
  })
  if (location !== null) {
    yield* Effect.try({
      try: () => storeFile.restrict(location),
      catch: () => new StoreExposed({ filename, reason: "file-readable" })
    })
  }
  yield* whileLocked(() => {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    // Not around deletes only: a page that is split keeps a copy of what moved, which no later delete overwrites. A turn
    // writes as many pages with it as without (docs/performance.md).
    db.exec("PRAGMA secure_delete = ON")
    // The log is opened, or created, by the first read.
    db.prepare("SELECT COUNT(*) FROM sqlite_schema").all()
  })
  const isInPlace = yield* Effect.try({
    try: () =>
      storeFile.inPlace(
        location === null ? [] : [storeFile.pathOf(filename) ?? location, `${location}-wal`]
      ),
    catch: refused
  })
  return { connection: new SqliteConnection(db, { patience, isInPlace }), location, patience }
})

/**
 * Opens the database until the Scope closes. Fails with `StoreCorrupt`, `StoreLocked`,
 * `StoreUnwritable` or `StoreExposed`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  SqlClient.SqlClient,
  StoreCorrupt | StoreLocked | StoreUnwritable | StoreExposed,
  Scope.Scope | Reactivity.Reactivity
> =>
  Effect.gen(function*() {
    const { connection, location, patience } = yield* open(options)
    const available = Effect.withFiber<SqliteConnection, SqlError.SqlError>((fiber) =>
      Effect.try({
        try: () => {
          connection.setDurability(Context.get(fiber.context, Durability))
          return connection
        },
        catch: failed("set the durability")
      })
    )
    const client = yield* SqlClient.make({
      ...SqlClient.makeSqliteAcquirers({
        connection: available,
        semaphore: yield* Semaphore.make(1),
        isTransaction: (connection) => connection.inTransaction
      }),
      compiler: Statement.makeCompilerSqlite(),
      driver: "sqlite-node",
      // Takes the write lock at once, so that a transaction cannot wait or fail half way.
      beginTransaction: "BEGIN IMMEDIATE",
      prepareTransactionControls: true,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      spanAttributes: [["db.system.name", "sqlite"]]
    })
    // Two connections must lock the file in the same way.
    if (location !== null && !/[?&]vfs=/.test(options.filename)) {
      yield* sqliteBackground.attach(client, { location, patience })
    }
    return client
  })

/**
 * {@link make} as a Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<SqlClient.SqlClient, StoreCorrupt | StoreLocked | StoreUnwritable | StoreExposed> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
