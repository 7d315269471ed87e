/**
 * Writes that meet on PostgreSQL, where several transactions are open at once and none sees what the others have not
 * committed (`.ci/postgres` runs this).
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { ThreadId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Postgres from "../support/Postgres.ts"
import * as PostgresHold from "../support/PostgresHold.ts"
import {
  commit,
  first,
  message,
  numbered,
  onSqlite,
  openThread,
  pasted,
  threadId,
  turn
} from "../support/StoreFixture.ts"

const other = ThreadId.make("other")

const store = () => Layer.provideMerge(SessionStore.layer, Postgres.client(undefined, 12))

const content = Buffer.from("an image that two threads have")
const { blobs, input } = pasted(content)
const sha256 = blobs[0]?.sha256 ?? ""

const intend = (id: ThreadId, turnId: string) =>
  SessionStore.use((store) =>
    store.recordIntent({ turnId: turn(turnId), threadId: id, epoch: first, ref: undefined, input, blobs, at: 1 })
  )

const steer = Effect.asVoid(
  commit(numbered(1, [{ _tag: "TurnSteered", turnId: turn("b"), input }], { threadId: other }), {
    threadId: other,
    blobs
  })
)

/** What a crash leaves of a deleted thread, the only one that had the image. */
const left = [
  "INSERT INTO eca_loose_blobs SELECT sha256 FROM eca_blob_refs",
  "DELETE FROM eca_blob_refs",
  "INSERT INTO eca_erasures (thread_id, erased) VALUES ('gone', 0)"
]

/** Bytes that no thread has any more are removed while a transaction that names them is in flight. */
const removedBeside = <E>(naming: Effect.Effect<void, E, SessionStore>) =>
  Effect.gen(function*() {
    const store = yield* SessionStore
    const sql = yield* SqlClient.SqlClient
    for (const id of [threadId, other]) yield* openThread({ threadId: id })
    yield* intend(threadId, "a")
    yield* Effect.forEach(left, (statement) => sql.unsafe(statement))
    const { release } = yield* PostgresHold.hold({ on: "INSERT ON eca_blob_refs", deferred: true })
    const named = yield* Effect.forkChild(naming, { startImmediately: true })
    yield* PostgresHold.waiting(1)
    const removing = yield* Effect.forkChild(store.maintain, { startImmediately: true })
    yield* Effect.raceFirst(PostgresHold.waiting(2), Fiber.await(removing))
    yield* release
    yield* Fiber.join(named)
    yield* Fiber.join(removing)
    assert.deepStrictEqual(
      Option.map(yield* store.readBlob(other, sha256), (bytes) => Buffer.from(bytes).toString()),
      Option.some(content.toString())
    )
    assert.deepStrictEqual(yield* sql`SELECT sha256 FROM eca_loose_blobs`, [])
  }).pipe(Effect.provide(store()))

describe.runIf(!onSqlite)("writes that meet on PostgreSQL", () => {
  it.live(
    "P3 store: bytes of a deleted thread that a turn in flight names stay",
    () => removedBeside(intend(other, "b")),
    30_000
  )

  it.live(
    "P3 store: bytes of a deleted thread that an event in flight names stay",
    () => removedBeside(steer),
    30_000
  )

  it.live(
    "P8 store: a thread that is deleted while it is written to is gone, and its writer is fenced",
    () =>
      Effect.gen(function*() {
        const store = yield* SessionStore
        yield* openThread()
        const { release } = yield* PostgresHold.hold({ on: "DELETE ON eca_threads", deferred: false })
        const deleting = yield* Effect.forkChild(store.deleteThread(threadId), { startImmediately: true })
        yield* PostgresHold.waiting(1)
        const writing = yield* Effect.forkChild(Effect.flip(commit(numbered(1, [message("a")]))), {
          startImmediately: true
        })
        yield* PostgresHold.waiting(2)
        yield* release
        yield* Fiber.join(deleting)
        assert.strictEqual((yield* Fiber.join(writing))._tag, "EpochFenced")
      }).pipe(Effect.provide(store())),
    30_000
  )
})
