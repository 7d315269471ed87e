/** What a deleted thread has said cannot be read in the store's files either. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { InstanceId, ThreadId } from "../../src/domain/Ids.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as ChildScript from "../support/ChildScript.ts"
import {
  allEvents,
  binding,
  commit,
  erased,
  first,
  message,
  numbered,
  openThread,
  temporaryFile,
  temporaryFolder,
  threadId,
  turn,
  withStore
} from "../support/StoreFixture.ts"

/** In which of the store's files it can be read. */
const found = (filename: string, text: string = erased) =>
  ["", "-wal", "-shm"].filter((suffix) =>
    existsSync(filename + suffix) && readFileSync(filename + suffix).includes(text)
  )

const other = ThreadId.make("other")
const kept = "this one stays"

/** Sizes that share a page with others, fill one, and need many. */
const sizes = [10, 700, 3000, 5000, 100_000]

/** A turn with its events, in each of two threads that take turns, so that their rows lie side by side. */
const conversation = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  yield* openThread({ threadId: other })
  let seq = 1
  for (let n = 0; n < 60; n++) {
    for (const [id, text] of [[threadId, erased], [other, kept]] as const) {
      const turnId = turn(`${id}-${n}`)
      const said = `${text} ${"x".repeat(sizes[n % sizes.length] ?? 0)}`
      yield* store.recordIntent({ turnId, threadId: id, epoch: first, ref: undefined, input: { prompt: said }, at: n })
      const events = numbered(seq, [
        { _tag: "TurnStarted", turnId, input: { prompt: said } },
        message(said, turnId),
        { _tag: "TurnCompleted", turnId, usage: {} }
      ], { threadId: id })
      const cursor = { provider: binding().provider, version: 1, payload: said }
      yield* commit(events, { threadId: id, cursor, flush: true })
    }
    seq += 3
  }
})

/** How often the event loop comes round while this runs. */
const roundsDuring = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  let rounds = 0
  const loop: Effect.Effect<never> = Effect.callback<void>((resume) => {
    const immediate = setImmediate(() => {
      rounds++
      resume(Effect.void)
    })
    return Effect.sync(() => clearImmediate(immediate))
  }).pipe(Effect.andThen(Effect.suspend(() => loop)))
  const counting = yield* Effect.forkChild(loop, { startImmediately: true })
  yield* effect
  yield* Fiber.interrupt(counting)
  return rounds
})

describe("SessionStore: what a deleted thread has said", () => {
  it.effect(
    "P14 store: is in no file of the store, whatever shared a page with it; other threads keep what is theirs",
    () =>
      Effect.flatMap(temporaryFile, (filename) =>
        withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            yield* conversation
            const before = yield* allEvents(other)
            assert.deepStrictEqual(found(filename), ["", "-wal"])
            const sizeBefore = statSync(filename).size
            yield* store.deleteThread(threadId)
            assert.deepStrictEqual(found(filename), [])
            assert.isBelow(statSync(filename).size, sizeBefore * 0.7)
            assert.strictEqual(statSync(`${filename}-wal`).size < 100_000, true)
            assert.deepStrictEqual(yield* allEvents(other), before)
            assert.deepStrictEqual(found(filename, kept), [""])
            assert.strictEqual((yield* store.getTurn(turn(`${threadId}-0`)))._tag, "None")
            assert.strictEqual((yield* store.getTurn(turn(`${other}-0`)))._tag, "Some")
            assert.strictEqual((yield* store.getCursor(threadId, InstanceId.make("acme-1")))._tag, "None")
            // A thread of the same id begins with nothing.
            yield* openThread()
            assert.lengthOf(yield* allEvents(), 1)
          })
        ))
  )

  it.effect("P14 store: is in no file of the store, also if a thread was deleted before that lay between its rows", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* conversation
          yield* store.deleteThread(other)
          yield* store.deleteThread(threadId)
          assert.deepStrictEqual(found(filename), [])
          assert.deepStrictEqual(found(filename, kept), [])
        })
      )))

  it.effect(
    "P14 store: is gone from the outbox once it is delivered",
    () =>
      Effect.flatMap(temporaryFile, (filename) =>
        withStore(
          filename,
          Effect.gen(function*() {
            const store = yield* SessionStore
            const outbox = yield* HookOutbox
            yield* outbox.register({ name: "audit", patterns: ["*"] })
            yield* conversation
            const pending = yield* outbox.pending({ hook: "audit", limit: 1000, now: 1e15 })
            assert.isAbove(pending.length, 60)
            for (const { eventId } of pending) yield* outbox.acknowledge({ hook: "audit", eventId })
            yield* store.deleteThread(threadId)
            assert.deepStrictEqual(found(filename), [])
          })
        ))
  )

  it.effect("P14 store: is erased by the next opening after a kill -9 in the middle", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const script = fileURLToPath(new URL("../support/StoreHost.ts", import.meta.url))
      const host = yield* ChildScript.start([script, filename, "deletion"])
      yield* host.kill
      assert.isNotEmpty(found(filename))
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          assert.deepStrictEqual(found(filename), [])
          assert.deepStrictEqual(yield* allEvents(), [])
          assert.strictEqual((yield* store.endOfLog(threadId))._tag, "None")
          assert.strictEqual((yield* store.tombstone(threadId))._tag, "Some")
        })
      )
    }))

  it.effect("P9 store: is erased in batches, between which the event loop goes on", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* openThread()
          for (let n = 1; n <= 40; n++) yield* commit(numbered(n, [message("x".repeat(300_000))]))
          // Of 256 KiB each, so one event of this size at a time.
          assert.isAtLeast(yield* roundsDuring(store.deleteThread(threadId)), 40)
        })
      )))

  it.effect("P9 store: the file is written anew while the event loop goes on, and what is asked of the store meanwhile waits", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* openThread()
          for (let n = 1; n <= 60; n++) yield* commit(numbered(n, [message("x".repeat(300_000))]))
          const maintaining = Effect.all([
            store.maintain,
            commit(numbered(61, [message("meanwhile")]), { flush: true })
          ], {
            concurrency: "unbounded"
          })
          assert.isAtLeast(yield* roundsDuring(maintaining), 40)
          assert.lengthOf(yield* allEvents(), 62)
        })
      )))

  it.effect("P14 store: is erased also where Node may start no threads", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      const script = fileURLToPath(new URL("../support/StoreHost.ts", import.meta.url))
      const permissions = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*"]
      const host = yield* ChildScript.start([...permissions, script, filename, "erasure"])
      assert.deepStrictEqual(JSON.parse(host.line), [])
    }))

  it.effect("P14 store: waits in the log while another process reads it; maintain erases it, and the file shrinks", () =>
    Effect.flatMap(temporaryFile, (filename) =>
      withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* conversation
          const reader = new DatabaseSync(filename)
          reader.exec("BEGIN; SELECT COUNT(*) FROM eca_events")
          yield* store.deleteThread(threadId)
          assert.strictEqual((yield* store.endOfLog(threadId))._tag, "None")
          assert.isNotEmpty(found(filename))
          const before = statSync(filename).size
          reader.close()
          const { bytesAfter } = yield* store.maintain
          assert.deepStrictEqual(found(filename), [])
          assert.isBelow(bytesAfter ?? 0, before * 0.7)
          assert.strictEqual(statSync(filename).size, bytesAfter)
          assert.lengthOf(yield* allEvents(other), 181)
        })
      )))
})

/** Runs a shell's text with programs, on a file system of its own of so many megabytes: `$1` is its folder, `$2` is Node. */
const onSmallDisk = (megabytes: number, folder: string, text: string, ...programs: ReadonlyArray<string>) =>
  spawnSync("unshare", [
    "--mount",
    "--map-root-user",
    "sh",
    "-c",
    `mount -t tmpfs -o size=${megabytes}m none "$1" && { ${text}; }`,
    "sh",
    folder,
    process.execPath,
    ...programs
  ], { encoding: "utf8" })

const program = (name: string) => fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url))

const mounts = spawnSync("unshare", ["--mount", "--map-root-user", "true"]).status === 0

describe.skipIf(!mounts)("a store on a disk that is full", () => {
  it.effect("P15 store: maintenance does not begin where there is no room for it, and the store goes on", () =>
    Effect.map(temporaryFolder, (folder) => {
      const { stdout } = onSmallDisk(4, folder, `exec "$2" "$3" "$1/store.db"`, program("SmallDisk"))
      const said: unknown = JSON.parse(stdout)
      assert.deepInclude(said, { reason: "SpaceMissing", code: "SQLITE_FULL" })
    }))

  it.effect("P14 store: a deleted thread that could not be erased is gone, and is erased once there is room again", () =>
    Effect.map(temporaryFolder, (folder) => {
      const { stdout } = onSmallDisk(
        6,
        folder,
        `"$2" "$3" delete "$1/store.db"; "$2" "$3" open "$1/store.db"; rm "$1"/*ballast*; "$2" "$3" open "$1/store.db"`,
        program("FullDisk")
      )
      const said = stdout.split("\n").filter((line) => line.startsWith("{")).map((line): unknown => JSON.parse(line))
      assert.deepStrictEqual(said.filter((line) => JSON.stringify(line).includes("thread")), [
        { thread: "None", found: ["-wal"] },
        { thread: "SQLITE_FULL", found: ["-wal"] },
        { thread: "None", found: [] }
      ])
    }))
})
