/**
 * A second connection to the database of a {@link SqliteClient}, on a thread of its own. `node:sqlite` waits for the disk
 * within a statement; what runs here does so without holding up the event loop: erasing, checkpoints, `VACUUM`.
 *
 * The thread is started at the first use and kept for a while. What another connection's lock keeps from happening is
 * tried again in Effect, as on the first connection.
 */
import { Effect, RcRef, type Scope, Semaphore, Stream } from "effect"
import type { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, type SqlError, Statement } from "effect/sql"
import { pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"
import { isBusy } from "./sqliteCodes.ts"
import { awaitLock, failed } from "./sqliteConnection.ts"

/** How long the thread is kept when nothing uses it. It takes about 30 ms to start one. */
const idleTimeToLive = "10 seconds"

interface Told {
  readonly message: string
  readonly code?: unknown
  readonly errcode?: unknown
}

interface Answer {
  readonly id: number
  readonly rows?: ReadonlyArray<object>
  readonly error?: Told
  readonly inTransaction: boolean
}

/** The error as `node:sqlite` threw it on the other thread. */
const thrown = ({ message, ...fields }: Told): Error => Object.assign(new Error(message), fields)

class ThreadEnded extends Error {
  override readonly name = "ThreadEnded"
}

type Settle = (answer: Effect.Effect<ReadonlyArray<object>, SqlError.SqlError>) => void

class BackgroundConnection implements SqlConnection.Connection {
  readonly #worker: Worker
  readonly #patience: number
  readonly #waiting = new Map<number, Settle>()
  #lastId = 0
  #ended: unknown
  #closed = () => {}
  inTransaction = false

  constructor(location: string, patience: number) {
    this.#patience = patience
    this.#worker = new Worker(new URL("./sqliteThread.js", import.meta.url), {
      name: "effect-coding-agents-sqlite",
      execArgv: [],
      workerData: {
        // Only an existing file: another one in its place, or none, is not the database that is open.
        url: `${pathToFileURL(location).href}?mode=rw`,
        setup: `PRAGMA busy_timeout = 1000; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;
          PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 0`
      }
    })
    this.#worker.on(
      "message",
      (answer: Answer | null) => answer === null ? this.#end(new ThreadEnded()) : this.#settle(answer)
    )
    this.#worker.on("error", (error) => this.#end(error))
    this.#worker.on("exit", () => this.#end(new ThreadEnded()))
    this.#worker.unref()
  }

  #settle({ error, id, inTransaction, rows = [] }: Answer): void {
    this.inTransaction = inTransaction
    const settle = this.#waiting.get(id)
    this.#forget(id)
    settle?.(error === undefined ? Effect.succeed(rows) : Effect.fail(failed("execute")(thrown(error))))
  }

  /** A process that waits for no answer, and has nothing else to do, may end. */
  #forget(id: number): void {
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#worker.unref()
  }

  #end(cause: unknown): void {
    this.#ended ??= cause
    this.inTransaction = false
    for (const settle of this.#waiting.values()) settle(Effect.fail(failed("execute")(this.#ended)))
    this.#waiting.clear()
    this.#worker.unref()
    this.#closed()
  }

  #ask(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<object>, SqlError.SqlError> {
    return Effect.callback((resume) => {
      if (this.#ended !== undefined) return resume(Effect.fail(failed("execute")(this.#ended)))
      const id = ++this.#lastId
      this.#waiting.set(id, resume)
      this.#worker.ref()
      this.#worker.postMessage({ id, sql, params })
      return Effect.sync(() => this.#forget(id))
    })
  }

  /** Closes the connection. The thread then ends by itself, and nothing waits for it. */
  readonly close: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#ended !== undefined) return resume(Effect.void)
    this.#closed = () => resume(Effect.void)
    this.#worker.ref()
    this.#worker.postMessage(null)
  })

  executeUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ): Effect.Effect<ReadonlyArray<any>, SqlError.SqlError> {
    const isLocked = (error: SqlError.SqlError) => !this.inTransaction && isBusy(error.reason.cause)
    const rows = awaitLock(this.#ask(sql, params), isLocked, this.#patience)
    return transform === undefined ? rows : Effect.map(rows, transform)
  }

  readonly execute = this.executeUnprepared

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.executeUnprepared(sql, params, undefined)
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return Effect.map(
      this.executeUnprepared(sql, params, undefined),
      (rows): ReadonlyArray<ReadonlyArray<unknown>> => rows.map((row) => Object.values(row))
    )
  }

  readonly executeValues = this.executeValuesUnprepared

  executeStream(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) {
    return Stream.fromIterableEffect(this.executeUnprepared(sql, params, transform))
  }
}

/** The clients that have a background connection, and what gives it. */
const backgrounds = new WeakMap<
  SqlClient.SqlClient,
  Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope>
>()

const connect = Effect.fnUntraced(function*(location: string, patience: number) {
  const connection = yield* Effect.acquireRelease(
    // Node may be told to start no threads (`--permission`).
    Effect.try({ try: () => new BackgroundConnection(location, patience), catch: failed("open a thread") }),
    ({ close }) => close
  )
  const client = yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: yield* Semaphore.make(1),
      isTransaction: (connection) => connection.inTransaction
    }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "sqlite-node",
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]]
  })
  // Where it cannot be opened, this is what fails.
  yield* client`SELECT COUNT(*) FROM sqlite_schema`
  return client
})

/** Gives the client a background connection to its database, the file of this path, for as long as the Scope is open. */
export const attach = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  options: { readonly location: string; readonly patience: number }
): Effect.fn.Return<void, never, Scope.Scope | Reactivity.Reactivity> {
  const shared = yield* RcRef.make({ acquire: connect(options.location, options.patience), idleTimeToLive })
  backgrounds.set(sql, RcRef.get(shared))
})

/**
 * Runs what waits for the disk on the client's background connection; on the client itself, where it has none (a
 * database in memory, or of another kind), or none can be opened.
 */
export const use = <A, E>(
  sql: SqlClient.SqlClient,
  run: (apart: SqlClient.SqlClient) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.flatMap(
    Effect.catch(backgrounds.get(sql) ?? Effect.succeed(sql), (error) =>
      Effect.as(Effect.logDebug("The store has no thread of its own, and works on the event loop", error), sql)),
    run
  ).pipe(Effect.scoped)

/** Runs on `apart` what needs the database for itself: other statements of the client wait until it is done. */
export const alone = <A>(
  sql: SqlClient.SqlClient,
  apart: SqlClient.SqlClient,
  effect: Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, SqlError.SqlError> => sql === apart ? effect : Effect.scoped(Effect.andThen(sql.reserve, effect))
