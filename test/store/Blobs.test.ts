/** Bytes by their content: written with what names them, or not at all, and gone with the last that does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { ThreadId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as ChildScript from "../support/ChildScript.ts"
import {
  allEvents,
  behind,
  commit,
  erased,
  first,
  largeImage,
  numbered,
  onDatabase,
  onSqlite,
  onStore,
  openThread,
  pasted,
  temporaryFile,
  threadId,
  turn,
  usage,
  withStore
} from "../support/StoreFixture.ts"

const other = ThreadId.make("other")

const sha256 = (content: Buffer) => pasted(content).blobs[0]?.sha256 ?? ""

const intend = (content: Buffer, id = threadId, turnId = turn(`${id}-1`)) =>
  SessionStore.use((store) =>
    store.recordIntent({ turnId, threadId: id, epoch: first, ref: undefined, ...pasted(content), at: 1 })
  )

const read = (content: Buffer, id = threadId) =>
  SessionStore.use((store) => store.readBlob(id, sha256(content))).pipe(
    Effect.map(Option.match({ onNone: () => false, onSome: (bytes) => Buffer.from(bytes).equals(content) }))
  )

const counted = `SELECT (SELECT COUNT(*) FROM eca_blobs) AS parts, (SELECT COUNT(*) FROM eca_blob_refs) AS refs,
  (SELECT COUNT(*) FROM eca_loose_blobs) AS loose`

const nothing = { parts: 0, refs: 0, loose: 0 }

describe("SessionStore: bytes by their content", () => {
  it.effect("P15 store: of any size they come back as they were, part by part", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
        const content = randomBytes(size)
        yield* intend(content, threadId, turn(`of-${size}`))
        assert.isTrue(yield* read(content), String(size))
      }
    })))

  it.effect.runIf(onSqlite)(
    "P5 store: a turn that is fenced, or whose id is taken, leaves none behind",
    () =>
      onDatabase(Effect.gen(function*() {
        yield* openThread()
        const store = yield* SessionStore
        const content = randomBytes(100_000)
        const place = { threadId, ref: undefined, at: 1 }
        yield* store.recordIntent({ ...place, turnId: turn("taken"), epoch: first, input: { prompt: "hi" } })
        const taken = store.recordIntent({ ...place, turnId: turn("taken"), epoch: first, ...pasted(content) })
        assert.strictEqual((yield* Effect.flip(taken))._tag, "TurnExists")
        yield* openThread({ threadId: other })
        const fenced = commit(
          numbered(9, [{ _tag: "TurnSteered", turnId: turn("taken"), input: pasted(content).input }]),
          { blobs: pasted(content).blobs }
        )
        assert.strictEqual((yield* Effect.flip(fenced))._tag, "EpochFenced")
        const sql = yield* SqlClient.SqlClient
        assert.deepInclude((yield* sql.unsafe(counted))[0], nothing)
      }))
  )

  it.effect("P14 store: an event that names bytes which only another thread has gets nothing of them", () =>
    onStore(Effect.gen(function*() {
      const content = randomBytes(10)
      yield* openThread()
      yield* openThread({ threadId: other })
      yield* intend(content, other)
      const { input } = pasted(content)
      yield* commit(numbered(1, [{ _tag: "TurnSteered", turnId: turn("a"), input }]))
      assert.isFalse(yield* read(content))
      assert.isTrue(yield* read(content, other))
    })))

  it.effect("P3 store: they count as bytes of the log, and go with the last event that names them", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      const content = randomBytes(100_000)
      yield* openThread()
      const { input } = pasted(content)
      for (const [n, turnId] of [turn("a"), turn("b")].entries()) {
        const said = n === 0 ? input : { prompt: "and now?" }
        yield* n === 0 ? intend(content, threadId, turnId) : store.recordIntent({
          turnId,
          threadId,
          epoch: first,
          ref: undefined,
          input: said,
          at: 1
        })
        yield* commit(
          numbered(1 + 2 * n, [{ _tag: "TurnStarted", turnId, input: said }, { _tag: "TurnCompleted", turnId, usage }])
        )
      }
      assert.deepStrictEqual(yield* store.prunable(threadId, { maxBytes: 110_000 }), Option.none())
      assert.deepStrictEqual(yield* store.prunable(threadId, { maxBytes: 90_000 }), Option.some(3))
      assert.isTrue(yield* store.prune({ threadId, through: 3, items: 1 }))
      assert.isFalse(yield* read(content))
    })))

  it.effect("P3 store: bytes that are named again while they are being removed stay, whole", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          const content = randomBytes(300_000)
          yield* openThread()
          yield* openThread({ threadId: other })
          yield* intend(content)
          // As a sweep leaves them between two batches.
          yield* behind(
            filename,
            `INSERT INTO eca_loose_blobs SELECT sha256 FROM eca_blob_refs; DELETE FROM eca_blob_refs;
             DELETE FROM eca_blobs WHERE part < 2`
          )
          assert.isFalse(yield* read(content))
          yield* intend(content, other)
          assert.isTrue(yield* read(content, other))
          yield* store.deleteThread(threadId)
          assert.isTrue(yield* read(content, other))
        })
      )))

  it.effect.runIf(onSqlite)(
    "P3 store: what a crash has left of them is removed at the next opening",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            yield* openThread()
            yield* intend(randomBytes(300_000))
          })
        )
        yield* behind(
          filename,
          `INSERT INTO eca_loose_blobs SELECT sha256 FROM eca_blob_refs; DELETE FROM eca_blob_refs;
         INSERT INTO eca_pruned (thread_id, through, items, removed, position, epoch, at)
           VALUES ('${threadId}', 0, 0, 0, 0, 1, 1)`
        )
        yield* withStore(filename, SessionStore.use((store) => store.getThread(threadId)))
        const db = new DatabaseSync(filename, { readOnly: true })
        assert.deepInclude(db.prepare(counted).get(), nothing)
        db.close()
      })
  )

  it.effect.runIf(onSqlite)(
    "P3 store: a kill -9 in the middle of a commit that writes them leaves nothing of it",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const script = fileURLToPath(new URL("../support/StoreHost.ts", import.meta.url))
        const host = yield* ChildScript.start([script, filename, "image"])
        yield* host.kill
        // It was killed with a part of the image written.
        const isIn = (suffix: string) =>
          existsSync(filename + suffix) && readFileSync(filename + suffix).includes(largeImage.subarray(0, 1000))
        assert.isTrue(isIn("-wal"))
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            assert.isFalse(yield* read(largeImage))
            assert.isTrue(yield* read(Buffer.from(erased)))
            assert.lengthOf((yield* allEvents()).filter(({ _tag }) => _tag === "TurnSteered"), 1)
            const db = new DatabaseSync(filename, { readOnly: true })
            assert.deepInclude(db.prepare(counted).get(), { parts: 1, refs: 1, loose: 0 })
            db.close()
            yield* store.deleteThread(threadId)
            assert.deepStrictEqual(["", "-wal"].filter(isIn), [])
          })
        )
      })
  )
})
