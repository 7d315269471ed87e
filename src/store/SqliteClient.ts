/**
 * A `SqlClient` on Node's built-in `node:sqlite`: one connection, one file, write-ahead log.
 *
 * Opening checks at once that the file is a database and can be written, and changes nothing if it is not: it reads the
 * header and the schema, takes the write lock, writes a value and rolls it back. Its errors are derived from SQLite's
 * result codes alone.
 *
 * {@link Durability} applies to each top-level transaction, and to each statement outside one, where it begins:
 * `flushed` survives a power cut, `relaxed` survives the process but can be lost with the power. A flushed commit also
 * flushes the relaxed ones before it.
 *
 * **Gotchas**
 *
 * - `node:sqlite` is synchronous: a statement that waits for another process's lock blocks the event loop, for up to
 *   `busyTimeout`.
 * - `node:sqlite` is imported when the first client is opened, not before.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer, type Scope, Semaphore } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError, Statement } from "effect/sql"
import { failed, property, resultCode, SqliteConnection } from "./internal/sqliteConnection.ts"
import { StoreCorrupt, StoreLocked, StoreUnwritable } from "./StoreError.ts"

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

const codeNames: Readonly<Record<number, string>> = {
  3: "SQLITE_PERM",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  24: "SQLITE_FORMAT",
  26: "SQLITE_NOTADB"
}

const refusal = (filename: string) => (cause: unknown): StoreCorrupt | StoreLocked | StoreUnwritable => {
  const extended = resultCode(cause)
  const primary = extended === undefined ? undefined : extended & 0xff
  const code = primary === undefined
    ? String(property(cause, "code") ?? "unknown")
    : codeNames[primary] ?? `SQLITE_${primary}`
  switch (primary) {
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

const open = Effect.fnUntraced(function*({ busyTimeout, filename }: Options) {
  const refused = refusal(filename)
  const sqlite = yield* Effect.tryPromise({ try: () => import("node:sqlite"), catch: refused })
  const db = yield* Effect.acquireRelease(
    Effect.try({ try: () => new sqlite.DatabaseSync(filename), catch: refused }),
    (db) => Effect.sync(() => db.close())
  )
  // SQLite takes a name that is empty, as from a variable that is not set, for a database to be deleted when it is closed.
  if (db.location() === null && !/^(?::memory:|file:.*(?::memory:|[?&]mode=memory))/.test(filename)) {
    return yield* new StoreUnwritable({ filename, code: "NO_FILENAME" })
  }
  yield* Effect.try({
    try: () => {
      db.exec(`PRAGMA busy_timeout = ${Math.round(Duration.toMillis(busyTimeout ?? "5 seconds"))}`)
      db.prepare("SELECT COUNT(*) FROM sqlite_schema").all()
      const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"])
      // On a read-only file BEGIN IMMEDIATE succeeds; only a write fails.
      db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${version}; ROLLBACK`)
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    },
    catch: refused
  })
  return db
})

/**
 * Opens the database until the Scope closes. Fails with `StoreCorrupt`, `StoreLocked` or `StoreUnwritable`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  SqlClient.SqlClient,
  StoreCorrupt | StoreLocked | StoreUnwritable,
  Scope.Scope | Reactivity.Reactivity
> =>
  Effect.gen(function*() {
    const connection = new SqliteConnection(yield* open(options))
    const available = Effect.withFiber<SqliteConnection, SqlError.SqlError>((fiber) =>
      Effect.try({
        try: () => {
          connection.setDurability(Context.get(fiber.context, Durability))
          return connection
        },
        catch: failed("set the durability")
      })
    )
    return yield* SqlClient.make({
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
  })

/**
 * {@link make} as a Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<SqlClient.SqlClient, StoreCorrupt | StoreLocked | StoreUnwritable> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
