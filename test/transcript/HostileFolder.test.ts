/** Folders of snapshots that an agent or a repository has put things into: links, FIFOs, names like ours. */
import { assert, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { execFileSync } from "node:child_process"
import { createHash, randomUUID } from "node:crypto"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import { conversation, engine, filesIn, history, identity, input, live } from "../support/SnapshotFixture.ts"
import * as SteppedFiles from "../support/SteppedFiles.ts"
import { temporaryFolder } from "../support/StoreFixture.ts"

const fifo = (path: string) => execFileSync("mkfifo", [path])

/** A project, and a directory outside of it that nothing may be written to or removed from. */
const project = Effect.gen(function*() {
  const { index, snapshots } = yield* engine
  const directory = yield* temporaryFolder
  const elsewhere = yield* temporaryFolder
  writeFileSync(join(elsewhere, "theirs"), "theirs")
  const inProject = (folder: string, id: string, given: Partial<Snapshots.SnapshotInput> = {}) =>
    input(join(directory, folder), id, { identity: { ...identity, directory }, ...given })
  return { directory, elsewhere, inProject, index, snapshots }
})

it.effect("P13 snapshots: no link below the thread's directory is written through, wherever it is", () =>
  Effect.gen(function*() {
    const { directory, elsewhere, inProject, snapshots } = yield* project
    const write = (id: string) => Effect.flip(snapshots.write(inProject(".agents/sessions", id)))
    symlinkSync(elsewhere, join(directory, ".agents"))
    assert.strictEqual((yield* write("one")).failure.code, "ELOOP")
    rmSync(join(directory, ".agents"))
    mkdirSync(join(directory, ".agents"))
    symlinkSync(elsewhere, join(directory, ".agents", "sessions"))
    assert.strictEqual((yield* write("two")).failure.code, "ELOOP")
    rmSync(join(directory, ".agents", "sessions"))
    const { path } = yield* snapshots.write(inProject(".agents/sessions", "three"))
    const thread = dirname(path)
    for (const [n, place] of [thread, join(thread, "segments"), join(thread, "blobs")].entries()) {
      renameSync(place, `${place}.away`)
      symlinkSync(elsewhere, place)
      assert.strictEqual((yield* write(`four${n}`)).failure.code, "ELOOP", place)
      rmSync(place)
      renameSync(`${place}.away`, place)
    }
    yield* snapshots.write(inProject(".agents/sessions", "five"))
    assert.deepStrictEqual(readdirSync(elsewhere), ["theirs"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a link that takes a directory's place during a write is not followed", () =>
  Effect.gen(function*() {
    const { elsewhere, inProject } = yield* project
    let swapped = false
    const swapping = yield* Snapshots.make.pipe(
      Effect.provide(SteppedFiles.layer(({ name, path }) =>
        Effect.sync(() => {
          const place = dirname(path)
          if (swapped || name !== "read" || basename(place) !== "segments") return
          swapped = true
          renameSync(place, `${place}.away`)
          symlinkSync(elsewhere, place)
        })
      ))
    )
    const error = yield* Effect.flip(swapping.write(inProject(".agents/sessions", "one")))
    assert.isTrue(swapped)
    assert.strictEqual(error.failure.code, "ELOOP")
    assert.deepStrictEqual(readdirSync(elsewhere), ["theirs"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a project that is reached by a link has its snapshots, under its real path", () =>
  Effect.gen(function*() {
    const { directory, elsewhere, snapshots } = yield* project
    const link = join(elsewhere, "link")
    symlinkSync(directory, link)
    const { path } = yield* snapshots.write(
      input(join(link, "sessions"), "one", { identity: { ...identity, directory: link } })
    )
    assert.strictEqual(dirname(dirname(path)), join(directory, "sessions"))
    yield* snapshots.sweep({ folder: join(directory, "sessions"), isLive: live })
    assert.strictEqual((yield* snapshots.list(Fixture.threadId)).length, 1)
  }).pipe(Effect.provide(Fixture.platform)))

it.live("P13 snapshots: FIFOs under the names of snapshots, segments and drafts hold up nothing", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one"))
    const thread = dirname(path)
    const segments = join(thread, "segments")
    const fifos = [
      ...["a", "b", "c", "d"].map((name) => join(thread, `${name}.json`)),
      join(thread, `.trash-${randomUUID()}`),
      join(folder, `.trash-${randomUUID()}`),
      join(segments, `${"0".repeat(64)}.jsonl`),
      join(folder, `x-${"0".repeat(16)}`)
    ]
    for (const file of fifos) fifo(file)
    yield* snapshots.sweep({ folder, isLive: live })
    yield* snapshots.write(input(folder, "two", { createdAt: 2000 }))
    assert.strictEqual((yield* Effect.flip(snapshots.find({ path: fifos[0] ?? "" })))._tag, "SnapshotCorrupt")
    for (const name of readdirSync(segments).filter((name) => !name.startsWith("0"))) {
      rmSync(join(segments, name))
      fifo(join(segments, name))
    }
    const found = yield* snapshots.find({ snapshotId: "two" })
    assert.strictEqual((yield* Effect.flip(snapshots.messages(found)))._tag, "SnapshotCorrupt")
    yield* snapshots.remove(yield* snapshots.list(Fixture.threadId))
    assert.strictEqual((yield* snapshots.list(Fixture.threadId)).length, 0)
    for (const file of fifos) assert.isTrue(lstatSync(file).isFIFO(), file)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: directories and links named like ours end neither the sweep nor purge, and stay", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const elsewhere = yield* temporaryFolder
    writeFileSync(join(elsewhere, "theirs"), "theirs")
    const { path } = yield* snapshots.write(input(folder, "one"))
    const thread = dirname(path)
    const trash = [
      ...[folder, thread, join(thread, "segments")].map((place) => join(place, `.trash-${randomUUID()}`)),
      join(thread, "two.json")
    ]
    for (const place of trash) mkdirSync(place)
    const linked = join(folder, `linked-${"0".repeat(16)}`)
    symlinkSync(elsewhere, linked)
    writeFileSync(join(elsewhere, `.trash-${randomUUID()}`), "theirs")
    const leftover = join(thread, `.trash-${randomUUID()}`)
    writeFileSync(leftover, "ours")
    yield* snapshots.sweep({ folder, isLive: live })
    assert.isFalse(existsSync(leftover))
    yield* snapshots.remove(yield* snapshots.list(Fixture.threadId))
    assert.isFalse(existsSync(path))
    for (const place of [...trash, linked]) assert.isTrue(existsSync(place), place)
    assert.strictEqual(readdirSync(elsewhere).length, 2)
  }).pipe(Effect.provide(Fixture.platform)))

it.live("P13 snapshots: a sweep deletes only what is ours: a stranger's files survive whatever they are called", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one"))
    const thread = dirname(path)
    const hex = createHash("sha256").update("theirs").digest("hex")
    const foreign = [
      ...[folder, thread, join(thread, "segments"), join(thread, "blobs")].flatMap((place) => [
        join(place, ".trash-notes"),
        join(place, ".tmp-notes"),
        join(place, hex)
      ]),
      join(thread, "segments", `${hex}.jsonl`)
    ]
    for (const file of foreign) writeFileSync(file, "notes of a stranger")
    const orphan = Buffer.from("a segment whose snapshot was not finished")
    const ours = join(thread, "segments", `${createHash("sha256").update(orphan).digest("hex")}.jsonl`)
    writeFileSync(ours, orphan)
    utimesSync(ours, 1000, 1000)
    yield* snapshots.sweep({ folder, isLive: live })
    assert.isFalse(existsSync(ours))
    yield* snapshots.remove(yield* snapshots.list(Fixture.threadId))
    for (const file of foreign) assert.strictEqual(readFileSync(file, "utf8"), "notes of a stranger")
    assert.deepStrictEqual(filesIn(thread).filter((name) => name.endsWith(".json")), [])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a foreign entry is reported once, and the sweep goes on", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const reported: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") reported.push(message)
    })
    const { path } = yield* snapshots.write(input(folder, "one"))
    fifo(join(dirname(path), "two.json"))
    const sweep = snapshots.sweep({ folder, isLive: live }).pipe(
      Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
    )
    yield* sweep
    yield* sweep
    assert.strictEqual(reported.length, 1)
    assert.strictEqual((yield* snapshots.list(Fixture.threadId)).length, 1)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a manifest larger than any of ours is not read into memory", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one", { history: history(conversation(2)) }))
    const huge = join(dirname(path), "huge.json")
    execFileSync("truncate", ["-s", "3G", huge])
    yield* snapshots.sweep({ folder, isLive: live })
    assert.deepInclude(yield* Effect.flip(snapshots.find({ path: huge })), {
      _tag: "SnapshotCorrupt",
      what: "manifest"
    })
    assert.isTrue(existsSync(huge))
  }).pipe(Effect.provide(Fixture.platform)))
