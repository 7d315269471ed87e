/**
 * The connection under {@link SqliteClient}: statements of `node:sqlite` as Effects, and its errors as `SqlError`.
 */
import { Cause, Context, Effect, Stream } from "effect"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import { FileMoved, isBusy, resultCode } from "./sqliteCodes.ts"

interface Prepared {
  readonly statement: StatementSync
  readonly hasRows: boolean
  /** Whether it can be, or end, a transaction that changes something. */
  readonly writes: boolean
  arrays: boolean
  bigints: boolean
}

const preparedCapacity = 256

const bindable = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
  }
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return value
  if (value instanceof Date) return value.toISOString()
  throw new TypeError(`A value of type ${typeof value} cannot be bound to a statement`)
}

export const failed = (operation: string) => (cause: unknown) => {
  const errno = resultCode(cause)
  const classified = errno === undefined || !(cause instanceof Error) ? cause : Object.assign(cause, { errno })
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError(classified, { message: `Failed to ${operation}`, operation })
  })
}

/**
 * The steps in which SQLite itself waits for a lock, in milliseconds; the last one is repeated. In real time, whatever
 * clock the caller has: it is another process that is waited for.
 */
const lockSteps = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100]

const pause = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

/**
 * Repeats what another connection's lock has kept from happening. SQLite would wait within the statement, and the
 * event loop with it.
 */
export const awaitLock = <A, E>(
  attempt: Effect.Effect<A, E>,
  isLocked: (error: E) => boolean,
  patience: number,
  step = 0
): Effect.Effect<A, E> =>
  Effect.catchIf(attempt, (error) => patience > 0 && isLocked(error), () => {
    const wait = Math.min(patience, lockSteps[step] ?? 100)
    return Effect.andThen(pause(wait), Effect.suspend(() => awaitLock(attempt, isLocked, patience - wait, step + 1)))
  })

const pageSize = 128

/** Pages of the rows; an empty one is the end. On Node 22 an iterator that is asked beyond its end begins again. */
const pages = (rows: Iterator<object>) => {
  let ended = false
  return (): ReadonlyArray<object> => {
    const page: Array<object> = []
    while (!ended && page.length < pageSize) {
      const next = rows.next()
      if (next.done === true) ended = true
      else page.push(next.value)
    }
    return page
  }
}

/** Runs statements on an open database, one at a time, and keeps them prepared. */
export class SqliteConnection implements SqlConnection.Connection {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, Prepared>()
  readonly #patience: number
  readonly #isInPlace: () => boolean
  #durability: "flushed" | "relaxed" = "flushed"
  #moved = false

  /** `patience`: how many milliseconds a statement waits for a lock. `isInPlace`: the file is still the opened one. */
  constructor(db: DatabaseSync, options: { readonly patience: number; readonly isInPlace: () => boolean }) {
    this.#db = db
    this.#patience = options.patience
    this.#isInPlace = options.isInPlace
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction
  }

  /** SQLite refuses to change this inside a transaction. Throws for good once the file was found to be gone. */
  setDurability(durability: "flushed" | "relaxed"): void {
    if (this.#moved) throw new FileMoved()
    if (durability === this.#durability || this.#db.isTransaction) return
    this.#db.exec(durability === "flushed" ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
    this.#durability = durability
  }

  /**
   * What is committed to a file that was deleted, moved or replaced is lost to the next one who opens the path, so it
   * must not be acknowledged. Compared after the commit: the file may be taken away up to that moment.
   */
  #mustBeInPlace({ writes }: Prepared): void {
    if (!writes || this.#durability === "relaxed" || this.#db.isTransaction) return
    if (!this.#isInPlace()) {
      this.#moved = true
      throw new FileMoved()
    }
  }

  /** Runs it, and again while another connection has the lock. Within a transaction the lock is held already. */
  #attempt<A>(run: () => A): Effect.Effect<A, SqlError.SqlError> {
    const attempt = Effect.try({ try: run, catch: failed("execute") })
    return awaitLock(attempt, (error) => isBusy(error.reason.cause) && !this.#db.isTransaction, this.#patience)
  }

  #prepare(sql: string): Prepared {
    const statement = this.#db.prepare(sql)
    // `incremental_vacuum` names no columns, and gives back one page for each row that is read.
    const hasRows = statement.columns().length > 0 || /^\s*PRAGMA/i.test(sql)
    // `run` reports the connection's last rowid, and Node 26 throws after executing if that is above 2^53.
    if (!hasRows) statement.setReadBigInts(true)
    return {
      statement,
      hasRows,
      writes: !/^\s*(?:SELECT|PRAGMA|BEGIN|SAVEPOINT|RELEASE|ROLLBACK)/i.test(sql),
      arrays: false,
      bigints: !hasRows
    }
  }

  #cached(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const prepared = this.#prepare(sql)
    // Rare enough (inserts of many different lengths) that order of use need not be kept on every call.
    if (this.#prepared.size >= preparedCapacity) this.#prepared.clear()
    this.#prepared.set(sql, prepared)
    return prepared
  }

  #configure(prepared: Prepared, arrays: boolean, bigints: boolean): void {
    if (!prepared.hasRows) return
    if (prepared.arrays !== arrays) {
      prepared.statement.setReturnArrays(arrays)
      prepared.arrays = arrays
    }
    if (prepared.bigints !== bigints) {
      prepared.statement.setReadBigInts(bigints)
      prepared.bigints = bigints
    }
  }

  #run(
    sql: string,
    params: ReadonlyArray<unknown>,
    options: { readonly cached: boolean; readonly arrays: boolean }
  ): Effect.Effect<ReadonlyArray<any>, SqlError.SqlError> {
    return Effect.withFiber((fiber) =>
      this.#attempt(() => {
        const prepared = options.cached ? this.#cached(sql) : this.#prepare(sql)
        this.#configure(prepared, options.arrays, Context.get(fiber.context, SqlClient.SafeIntegers))
        const input = params.map(bindable)
        const rows = prepared.hasRows ? prepared.statement.all(...input) : []
        if (!prepared.hasRows) prepared.statement.run(...input)
        this.#mustBeInPlace(prepared)
        return rows
      })
    )
  }

  execute(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) {
    const rows = this.#run(sql, params, { cached: true, arrays: false })
    return transform === undefined ? rows : Effect.map(rows, transform)
  }

  executeUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) {
    const rows = this.#run(sql, params, { cached: false, arrays: false })
    return transform === undefined ? rows : Effect.map(rows, transform)
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.#run(sql, params, { cached: true, arrays: true })
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.#run(sql, params, { cached: false, arrays: true })
  }

  /** Rows of a query, or `{ changes, lastInsertRowid }`; the latter as bigint where a number cannot hold it. */
  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.#attempt(() => {
      const prepared = this.#cached(sql)
      this.#configure(prepared, false, false)
      const input = params.map(bindable)
      if (prepared.hasRows) {
        const rows = prepared.statement.all(...input)
        this.#mustBeInPlace(prepared)
        return rows
      }
      const { changes, lastInsertRowid } = prepared.statement.run(...input)
      this.#mustBeInPlace(prepared)
      const rowid = Number(lastInsertRowid)
      return {
        changes: Number(changes),
        lastInsertRowid: Number.isSafeInteger(rowid) ? rowid : lastInsertRowid
      }
    })
  }

  executeStream(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) {
    return Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.try({
          // A statement of its own: the cached one may run again before this one is at its end.
          try: () => this.#db.prepare(sql).iterate(...params.map(bindable)),
          catch: failed("stream")
        }),
        (rows) => Effect.sync(() => rows.return?.())
      ),
      (rows) => {
        const take = pages(rows)
        return Stream.fromPull(Effect.succeed(Effect.flatMap(
          Effect.try({ try: take, catch: failed("stream") }),
          (page): Effect.Effect<[any, ...Array<any>], Cause.Done> => {
            const [first, ...rest] = transform === undefined ? page : transform(page)
            return first === undefined ? Cause.done() : Effect.succeed([first, ...rest])
          }
        )))
      }
    ))
  }
}
