import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { hash, temporaryFile, temporaryFolder } from "../support/StoreFixture.ts"

const opening = (filename: string) =>
  Effect.flip(Effect.scoped(Layer.build(SqliteClient.layer({ filename, busyTimeout: "10 millis" }))))

/** A database of another program, in rollback-journal mode. */
const foreignDatabase = (filename: string) => {
  const db = new DatabaseSync(filename)
  db.exec("CREATE TABLE notes (text TEXT)")
  const insert = db.prepare("INSERT INTO notes VALUES (?)")
  for (let n = 0; n < 200; n++) insert.run("x".repeat(200))
  db.close()
}

const connection = (filename: string) =>
  Effect.acquireRelease(Effect.sync(() => new DatabaseSync(filename)), (db) => Effect.sync(() => db.close()))

describe("SqliteClient: opening", () => {
  it.effect("P3 store: a file that is no database is refused as corrupt and left as it is", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      writeFileSync(filename, "Dear diary, this is not a database. ".repeat(100))
      const before = hash(filename)
      const error = yield* opening(filename)
      assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StoreCorrupt", "SQLITE_NOTADB"])
      assert.strictEqual(hash(filename), before)
    }))

  it.effect("P3 store: a database that lost its end is refused as corrupt and left as it is", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      foreignDatabase(filename)
      truncateSync(filename, 8192)
      const before = hash(filename)
      const error = yield* opening(filename)
      assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StoreCorrupt", "SQLITE_CORRUPT"])
      assert.strictEqual(hash(filename), before)
    }))

  for (const begin of ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]) {
    for (const mode of ["WAL", "DELETE"]) {
      it.effect(`P3 store: a file that another connection locks (${begin}, ${mode}) is refused as locked`, () =>
        Effect.gen(function*() {
          const filename = yield* temporaryFile
          foreignDatabase(filename)
          const other = yield* connection(filename)
          other.exec(`PRAGMA journal_mode = ${mode}`)
          other.exec(begin)
          const before = hash(filename)
          const error = yield* opening(filename)
          assert.strictEqual(error._tag, "StoreLocked")
          assert.isTrue(error.retryable)
          assert.strictEqual(hash(filename), before)
        }))
    }
  }

  it.effect("P3 store: a folder, a path through a file and a missing folder cannot be opened", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "folder.db"))
      writeFileSync(join(folder, "file"), "text")
      const before = readdirSync(folder)
      for (const name of ["folder.db", "file/store.db", "missing/store.db"]) {
        const error = yield* opening(join(folder, name))
        assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StoreUnwritable", "SQLITE_CANTOPEN"])
      }
      assert.deepStrictEqual(readdirSync(folder), before)
      assert.strictEqual(readFileSync(join(folder, "file"), "utf8"), "text")
    }))

  it.effect("P3 store: a name that SQLite would take for a temporary database is refused; memory has to be asked for", () =>
    Effect.gen(function*() {
      for (const filename of ["", "file:", "file:?mode=rw"]) {
        const error = yield* opening(filename)
        assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StoreUnwritable", "NO_FILENAME"])
      }
      for (const filename of [":memory:", "file::memory:", "file:some?mode=memory"]) {
        yield* Effect.scoped(Layer.build(SqliteClient.layer({ filename })))
      }
    }))

  // Tests may run as root, whom file permissions do not bind: the connection itself is opened for reading only.
  it.effect("P3 store: a database that can only be read is refused as unwritable and left as it is", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      foreignDatabase(filename)
      const before = hash(filename)
      const error = yield* opening(`file:${filename}?mode=ro`)
      assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StoreUnwritable", "SQLITE_READONLY"])
      assert.strictEqual(hash(filename), before)
    }))

  // Root may write to it all the same.
  it.effect.skipIf(process.getuid?.() === 0)(
    "P3 store: a file that its owner made read-only is refused as unwritable",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        foreignDatabase(filename)
        chmodSync(filename, 0o400)
        const before = hash(filename)
        assert.strictEqual((yield* opening(filename))._tag, "StoreUnwritable")
        assert.strictEqual(hash(filename), before)
      })
  )
})

const withClient = <A, E>(filename: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.provide(effect, SqliteClient.layer({ filename }))

describe("SqliteClient", () => {
  it.effect("P3 store: a transaction that fails or dies leaves nothing behind", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withClient(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE a (n BIGINT)`
          yield* sql`INSERT INTO a VALUES (1)`.pipe(Effect.andThen(Effect.fail("no")), sql.withTransaction, Effect.exit)
          yield* sql`INSERT INTO a VALUES (2)`.pipe(Effect.andThen(Effect.die("no")), sql.withTransaction, Effect.exit)
          const inner = sql.withTransaction(Effect.andThen(sql`INSERT INTO a VALUES (4)`, Effect.fail("no")))
          yield* sql`INSERT INTO a VALUES (3)`.pipe(Effect.andThen(Effect.exit(inner)), sql.withTransaction)
          assert.deepStrictEqual(yield* sql`SELECT n FROM a`.values, [[3]])
        })
      )))

  it.effect("P5 store: a transaction is flushed to the disk unless it says otherwise", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withClient(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const synchronous = Effect.map(sql`PRAGMA synchronous`.values, (rows) => rows[0]?.[0])
          const level = sql.withTransaction(synchronous)
          assert.strictEqual(yield* level, 2)
          assert.strictEqual(yield* Effect.provideService(level, SqliteClient.Durability, "relaxed"), 1)
          assert.strictEqual(yield* level, 2)
          const nested = sql.withTransaction(Effect.provideService(level, SqliteClient.Durability, "relaxed"))
          assert.strictEqual(yield* nested, 2)
          assert.strictEqual(yield* Effect.provideService(synchronous, SqliteClient.Durability, "relaxed"), 1)
          assert.strictEqual(yield* synchronous, 2)
          assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`.values, [["wal"]])
        })
      )))

  it.effect("P3 store: values go in and come out as they are", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withClient(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE a (id INTEGER PRIMARY KEY, v)`
          const large = 2n ** 53n + 3n
          // A rowid above 2^53 makes Node 26 refuse the result of every later statement, COMMIT too.
          yield* sql.withTransaction(sql`INSERT INTO a VALUES (${large}, ${"text"})`)
          yield* sql`INSERT INTO a VALUES (${1}, ${null}), (${2}, ${true}), (${3}, ${new Uint8Array([1, 2])})`
          const rows = yield* sql`SELECT v FROM a ORDER BY id`.values
          assert.deepStrictEqual(rows, [[null], [1], [new Uint8Array([1, 2])], ["text"]])
          const ids = yield* sql`SELECT MAX(id) AS id FROM a`.values.pipe(
            Effect.provideService(SqlClient.SafeIntegers, true)
          )
          assert.deepStrictEqual(ids, [[large]])
          const error = yield* Effect.flip(sql`INSERT INTO a VALUES (${5}, ${{}})`)
          assert.strictEqual(error._tag, "SqlError")
        })
      )))

  it.effect("P9 store: free pages are given back as many at a time as were asked for", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withClient(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE a (v TEXT)`
          yield* sql`INSERT INTO a ${sql.insert(Arr.makeBy(200, () => ({ v: "x".repeat(4000) })))}`
          yield* sql`DELETE FROM a`
          const free = Effect.map(sql`PRAGMA freelist_count`.values, (rows) => Number(rows[0]?.[0]))
          const before = yield* free
          yield* sql`PRAGMA incremental_vacuum(64)`
          assert.strictEqual(yield* free, before - 64)
        })
      )))

  it.effect("P11 store: rows are streamed in order, and a reader may stop early", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withClient(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE a (n BIGINT)`
          yield* sql`INSERT INTO a ${sql.insert(Arr.makeBy(1000, (n) => ({ n })))}`
          const numbers = sql<{ readonly n: number }>`SELECT n FROM a ORDER BY n`.stream.pipe(
            Stream.map((row) => row.n)
          )
          assert.deepStrictEqual(yield* Stream.runCollect(numbers), Arr.range(0, 999))
          assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(numbers, 3)), [0, 1, 2])
          yield* sql`DROP TABLE a`
          const error = yield* Effect.flip(Stream.runDrain(numbers))
          assert.strictEqual(error._tag, "SqlError")
        })
      )))
})
