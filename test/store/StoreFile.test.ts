/** The files of a store: who may read them, what happens when they are taken away, and how a lock is waited for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ProviderService } from "../../src/index.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as ChildScript from "../support/ChildScript.ts"
import {
  allEvents,
  commit,
  message,
  numbered,
  openThread,
  temporaryFile,
  temporaryFolder
} from "../support/StoreFixture.ts"

const modes = (folder: string) =>
  readdirSync(folder).toSorted().map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)])

/** As a process that takes nothing from anybody by default. */
const withoutMask = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => process.umask(0)),
    () => effect,
    (mask) => Effect.sync(() => process.umask(mask))
  )

const open = (filename: string) => Layer.build(SqliteClient.layer({ filename, busyTimeout: 0 }))

const forOwner = [["store.db", "600"], ["store.db-shm", "600"], ["store.db-wal", "600"]]

describe.skipIf(process.platform === "win32")("SqliteClient: other users of the machine", () => {
  for (const uri of [false, true]) {
    it.effect(`P14 store: the file and its logs are made for their owner alone${uri ? ", also by a URI" : ""}`, () =>
      withoutMask(Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* Effect.provide(
          openThread(),
          SessionStore.layerSqlite({ filename: uri ? `file:${filename}` : filename }),
          {
            local: true
          }
        ).pipe(
          Effect.andThen(Effect.sync(() => assert.deepStrictEqual(modes(dirname(filename)), [["store.db", "600"]])))
        )
        yield* open(filename)
        assert.deepStrictEqual(modes(dirname(filename)), forOwner)
      })))
  }

  it.effect("P14 store: a file that others could read is taken from them, with the logs that a crash left", () =>
    withoutMask(Effect.gen(function*() {
      const filename = yield* temporaryFile
      const other = new DatabaseSync(filename)
      other.exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)")
      assert.deepStrictEqual(modes(dirname(filename)).map(([, mode]) => mode), ["644", "644", "644"])
      yield* open(filename)
      assert.deepStrictEqual(modes(dirname(filename)), forOwner)
      other.close()
    })))

  it.effect("P14 store: a folder in which every user could replace the file is refused, and nothing is made in it", () =>
    Effect.gen(function*() {
      const folder = join(yield* temporaryFolder, "open")
      mkdirSync(folder)
      chmodSync(folder, 0o777)
      const error = yield* Effect.flip(Effect.scoped(open(join(folder, "store.db"))))
      assert.deepInclude(error, { _tag: "StoreExposed", reason: "folder-writable", retryable: false })
      assert.deepStrictEqual(readdirSync(folder), [])
      // As /tmp: only the owner of a file may replace it.
      chmodSync(folder, 0o1777)
      yield* Effect.scoped(open(join(folder, "store.db")))
    }))
})

const ways: Readonly<Record<string, (filename: string) => void>> = {
  "is deleted": unlinkSync,
  "is moved": (filename) => renameSync(filename, `${filename}.old`),
  "is replaced by a copy": (filename) => {
    copyFileSync(filename, `${filename}.copy`)
    renameSync(`${filename}.copy`, filename)
  },
  "loses its write-ahead log": (filename) => unlinkSync(`${filename}-wal`),
  "is in a folder that is moved": (filename) => renameSync(dirname(filename), `${dirname(filename)}.old`)
}

const onFolder = <A, E, R>(use: (filename: string) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(temporaryFolder, (folder) => {
    mkdirSync(join(folder, "data"))
    return use(join(folder, "data", "store.db"))
  })

const moved = { _tag: "StoreFailed" as const, reason: "StoreMoved", retryable: false }

describe("SessionStore: a file that is taken away while it is open", () => {
  for (const [what, takeAway] of Object.entries(ways)) {
    it.effect(`P5 store: a file that ${what}: nothing is acknowledged any more, and the error says why`, () =>
      onFolder((filename) =>
        Effect.gen(function*() {
          yield* openThread()
          takeAway(filename)
          const write = (seq: number, flush: boolean) =>
            Effect.flip(commit(numbered(seq, [message("later")]), { flush }))
          assert.deepInclude(yield* write(1, true), moved)
          // Of a file that may come back it is not known what is in it.
          assert.deepInclude(yield* write(1, false), moved)
          assert.deepInclude(yield* Effect.flip(allEvents()), moved)
          if (what === "is moved") renameSync(`${filename}.old`, filename)
          assert.deepInclude(yield* write(1, true), moved)
        }).pipe(Effect.provide(SessionStore.layerSqlite({ filename }), { local: true }))
      ))
  }

  it.effect("P5 store: a link that is pointed to another file counts as moved", () =>
    onFolder((filename) => {
      const link = join(dirname(filename), "link.db")
      writeFileSync(filename, "")
      symlinkSync(filename, link)
      return Effect.gen(function*() {
        yield* openThread()
        unlinkSync(link)
        writeFileSync(`${filename}.other`, "")
        symlinkSync(`${filename}.other`, link)
        assert.deepInclude(yield* Effect.flip(commit(numbered(1, [message("later")]), { flush: true })), moved)
      }).pipe(Effect.provide(SessionStore.layerSqlite({ filename: link }), { local: true }))
    }))

  it.effect("P5 mock: a turn whose intent cannot be kept is not sent, and fails with the reason", () =>
    onFolder((filename) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        yield* agents.runTurn({ threadId: Agents.threadId, prompt: "one" })
        unlinkSync(filename)
        assert.deepInclude(
          yield* Effect.flip(agents.sendTurn({ threadId: Agents.threadId, prompt: "two" })),
          moved
        )
        assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), ["one"])
      }).pipe(Effect.provide(Agents.layer({ filename }), { local: true }))
    ))
})

/** A process that has the file's write lock until it is killed. */
const lockedByProcess = (filename: string) =>
  ChildScript.start([
    "-e",
    `const db = new (require("node:sqlite").DatabaseSync)(${JSON.stringify(filename)})
    db.exec("BEGIN IMMEDIATE"); console.log("locked"); setInterval(() => {}, 1000)`
  ])

const immediates = (count: number): Effect.Effect<void> =>
  count === 0
    ? Effect.void
    : Effect.andThen(
      Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))),
      Effect.suspend(() => immediates(count - 1))
    )

describe("SqliteClient: a lock of another process", () => {
  it.effect("P4 store: while it is waited for the event loop goes on, and the write is made once it is free", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE a (n BIGINT)`
        const holder = yield* lockedByProcess(filename)
        const alone = yield* Effect.forkChild(sql`INSERT INTO a VALUES (1)`, { startImmediately: true })
        const transaction = yield* Effect.forkChild(sql.withTransaction(sql`INSERT INTO a VALUES (2)`), {
          startImmediately: true
        })
        yield* immediates(20)
        assert.deepStrictEqual([alone.pollUnsafe(), transaction.pollUnsafe()], [undefined, undefined])
        yield* holder.kill
        yield* Fiber.join(alone)
        yield* Fiber.join(transaction)
        assert.deepStrictEqual(yield* sql`SELECT n FROM a ORDER BY n`.values, [[1], [2]])
      }).pipe(Effect.provide(SqliteClient.layer({ filename, busyTimeout: "1 minute" }), { local: true }))
    }))

  it.effect("P4 store: opening waits in the same way", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.scoped(open(filename))
      const holder = yield* lockedByProcess(filename)
      const opening = yield* Effect.forkChild(
        Layer.build(SqliteClient.layer({ filename, busyTimeout: "1 minute" })),
        { startImmediately: true }
      )
      yield* immediates(20)
      assert.isUndefined(opening.pollUnsafe())
      yield* holder.kill
      yield* Fiber.join(opening)
    }))

  it.effect("P4 store: a lock and a full disk are named by SQLite's code", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* Effect.gen(function*() {
        yield* openThread()
        const large = commit(numbered(1, [message("x".repeat(300_000))]), { flush: true })
        const other = new DatabaseSync(filename)
        other.exec("BEGIN IMMEDIATE")
        const locked = yield* Effect.flip(large)
        assert.deepInclude(locked, { _tag: "StoreFailed", code: "SQLITE_BUSY", retryable: true })
        assert.include(locked.message, "SQLITE_BUSY")
        other.close()
        const sql = yield* SqlClient.SqlClient
        yield* sql`PRAGMA max_page_count = 1`
        const full = yield* Effect.flip(large)
        assert.deepInclude(full, { _tag: "StoreFailed", code: "SQLITE_FULL", retryable: true })
        assert.include(full.message, "SQLITE_FULL")
      }).pipe(Effect.provide(
        SessionStore.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename, busyTimeout: "20 millis" }))),
        { local: true }
      ))
    }))
})
