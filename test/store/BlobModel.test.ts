/** Bytes by their content against a model: turns, forks, retention and deletions of three threads in any order. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { refsOf } from "../../src/domain/EventBlobs.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { EventBody, ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import {
  allEvents,
  binding,
  commit,
  first,
  numbered,
  onDatabase,
  onSqlite,
  openThread,
  pasted,
  sessionStarted,
  turn,
  usage
} from "../support/StoreFixture.ts"

const threads = ["a", "b", "c"].map((id) => ThreadId.make(id))

/** One of several parts, one of one, and one of none. */
const images = [Buffer.alloc(150_000, "one"), Buffer.alloc(10, "two"), Buffer.alloc(0)]

const among = (count: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 }))
const thread = among(threads.length)

const Command = Schema.TaggedUnion({
  /** A turn with an image, or without. */
  Send: { thread, image: among(images.length + 1) },
  /** A thread that is there already is not forked over. */
  Fork: { from: thread, to: thread },
  Prune: { thread, keep: among(3) },
  Delete: { thread }
})
type Command = typeof Command.Type

const Schedule = Schema.Array(Command).check(Schema.isMinLength(4), Schema.isMaxLength(24))

const id = (n: number) => threads[n] ?? ThreadId.make("none")

const inputWith = (image: Buffer | undefined) =>
  image === undefined ? { input: { prompt: "and now?" }, blobs: [] } : pasted(image)

const hashes = images.map((image) => inputWith(image).blobs[0]?.sha256 ?? "")

const endOf = (threadId: ThreadId) =>
  SessionStore.use((store) => Effect.map(store.endOfLog(threadId), Option.map(({ lastSeq }) => lastSeq)))

let turns = 0

const send = Effect.fnUntraced(function*(threadId: ThreadId, image: Buffer | undefined) {
  const store = yield* SessionStore
  if (Option.isNone(yield* endOf(threadId))) yield* openThread({ threadId })
  const turnId = turn(`turn-${++turns}`)
  const { blobs, input } = inputWith(image)
  yield* store.recordIntent({ turnId, threadId, epoch: first, ref: undefined, input, blobs, at: 1 })
  const after = Option.getOrElse(yield* endOf(threadId), () => 0)
  const events = numbered(after, [
    { _tag: "TurnStarted", turnId, input },
    { _tag: "TurnCompleted", turnId, usage }
  ], { threadId })
  yield* commit(events, { threadId })
})

/** What a fork takes over of an event: the turn that began with it. */
const copied = (from: ThreadId, event: ThreadEvent): ReadonlyArray<EventBody> =>
  event._tag === "TurnStarted" || event._tag === "TurnRestored"
    ? [{
      _tag: "TurnRestored",
      turnId: turn(`${event.turnId}-copy`),
      source: { _tag: "Fork", threadId: from },
      ...(event.input === undefined ? {} : { input: event.input }),
      startedAt: 1,
      items: [],
      outcome: "completed"
    }]
    : []

const fork = Effect.fnUntraced(function*(from: ThreadId, to: ThreadId) {
  if (Option.isSome(yield* endOf(to)) || Option.isNone(yield* endOf(from))) return
  const past = (yield* allEvents(from)).flatMap((event) => copied(from, event))
  yield* commit(numbered(0, [sessionStarted, ...past], { threadId: to }), { binding: binding({ threadId: to }) })
})

const prune = Effect.fnUntraced(function*(threadId: ThreadId, keepTurns: number) {
  const store = yield* SessionStore
  const through = yield* store.prunable(threadId, { keepTurns })
  if (Option.isSome(through)) assert.isTrue(yield* store.prune({ threadId, through: through.value, items: 0 }))
})

const play = (command: Command) => {
  switch (command._tag) {
    case "Send":
      return send(id(command.thread), images[command.image])
    case "Fork":
      return fork(id(command.from), id(command.to))
    case "Prune":
      return prune(id(command.thread), command.keep)
    case "Delete":
      return SessionStore.use((store) => store.deleteThread(id(command.thread)))
  }
}

/** A thread has what its events name; the database has what some thread has, and nothing else. */
const check = Effect.gen(function*() {
  const store = yield* SessionStore
  const sql = yield* SqlClient.SqlClient
  const named = new Set<string>()
  for (const threadId of threads) {
    const own = new Set((yield* allEvents(threadId)).flatMap(refsOf).map(({ sha256 }) => sha256))
    for (const [n, sha256] of hashes.entries()) {
      const bytes = Option.getOrUndefined(yield* store.readBlob(threadId, sha256))
      assert.strictEqual(bytes !== undefined, own.has(sha256), `${threadId} has image ${n}`)
      if (bytes !== undefined) assert.isTrue(images[n]?.equals(bytes), `${threadId} has image ${n} whole`)
    }
    for (const sha256 of own) named.add(sha256)
  }
  const kept = yield* sql<{ readonly sha256: string }>`SELECT DISTINCT sha256 FROM eca_blobs`
  // Of an empty image there is no part.
  const expected = Array.from(named).filter((sha256) => sha256 !== hashes[2])
  assert.sameMembers(kept.map(({ sha256 }) => sha256), expected)
  assert.lengthOf(yield* sql`SELECT sha256 FROM eca_loose_blobs`, 0)
})

describe("SessionStore: bytes by their content, the model", () => {
  it.effect.prop(
    "P3 store: in any order of turns, forks, retention and deletions bytes are there exactly as long as an event names them",
    [Schedule],
    ([schedule]) =>
      onDatabase(Effect.forEach(schedule, (command) => Effect.andThen(play(command), check), { discard: true })),
    // A schema of PostgreSQL takes longer to make than a database in memory.
    { arbitrary: { runs: onSqlite ? 200 : 10, seed: "images" }, timeout: 120_000 }
  )
})
