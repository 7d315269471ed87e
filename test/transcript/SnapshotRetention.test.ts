/** Which snapshots go, by the rule alone and on the disk. */
import { assert, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { existsSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { ThreadId } from "../../src/domain/Ids.ts"
import { none } from "../../src/domain/Redaction.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as SnapshotTaking from "../../src/thread/SnapshotTaking.ts"
import { type Candidate, expired } from "../../src/transcript/SnapshotRetention.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import { conversation, engine, filesIn, history, input, live } from "../support/SnapshotFixture.ts"

const a = ThreadId.make("a")
const b = ThreadId.make("b")

const candidate = (snapshotId: string, createdAt: number, given: Partial<Candidate> = {}): Candidate => ({
  snapshotId,
  threadId: a,
  createdAt,
  bytes: 10,
  live: true,
  pinned: false,
  ...given
})

const three = [candidate("a1", 1), candidate("a2", 2), candidate("a3", 3)]

it.effect("the last ones of each thread are kept", () =>
  Effect.sync(() => {
    const others = [candidate("b1", 1, { threadId: b }), candidate("b2", 2, { threadId: b })]
    assert.deepStrictEqual(expired([...three, ...others], { keepLast: 2 }, 9), new Set(["a1"]))
    assert.deepStrictEqual(expired([...three, ...others], {}, 9), new Set())
  }))

it.effect("the newest of a living thread never goes, whatever the rule says", () =>
  Effect.sync(() => {
    const retention = { keepLast: 0, maxAge: 1, maxBytes: 0 }
    assert.deepStrictEqual(expired(three, retention, 1e9), new Set(["a1", "a2"]))
    const deleted = three.map((one) => candidate(one.snapshotId, one.createdAt, { live: false }))
    assert.deepStrictEqual(expired(deleted, retention, 1e9), new Set(["a1", "a2", "a3"]))
  }))

it.effect("one whose compaction is not over never goes", () =>
  Effect.sync(() => {
    const pinned = [candidate("a1", 1, { pinned: true }), candidate("a2", 2), candidate("a3", 3)]
    assert.deepStrictEqual(expired(pinned, { keepLast: 0, maxBytes: 0 }, 1e9), new Set(["a2"]))
  }))

it.effect("age and bytes take the oldest first, of all threads", () =>
  Effect.sync(() => {
    assert.deepStrictEqual(expired(three, { maxAge: 7 }, 9), new Set(["a1"]))
    const others = [candidate("b0", 0, { threadId: b }), candidate("b4", 4, { threadId: b })]
    assert.deepStrictEqual(expired([...three, ...others], { maxBytes: 30 }, 9), new Set(["b0", "a1"]))
  }))

const listed = (names: ReadonlyArray<{ readonly snapshot: { readonly snapshotId: string } }>) =>
  names.map(({ snapshot }) => snapshot.snapshotId)

it.effect("P13 snapshots: what goes takes with it what only it needed, and leaves what others share", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    for (let n = 0; n < 5; n++) {
      yield* snapshots.write(input(folder, `s${n}`, {
        createdAt: n,
        history: history(conversation(40 + n)),
        retention: { keepLast: 2 }
      }))
    }
    const kept = yield* snapshots.list(Fixture.threadId)
    assert.deepStrictEqual(listed(kept), ["s4", "s3"])
    for (const id of ["s3", "s4"]) yield* Effect.flatMap(snapshots.find({ snapshotId: id }), snapshots.messages)
    const files = filesIn(folder)
    assert.strictEqual(files.filter((name) => name.endsWith(".json")).length, 2)
    // The full segment that both begin with, and the end of each.
    assert.strictEqual(files.filter((name) => name.endsWith(".jsonl")).length, 3)
    assert.strictEqual((yield* Effect.flip(snapshots.find({ snapshotId: "s0" })))._tag, "SnapshotUnknown")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: the snapshot of an open compaction survives those that come after it", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const retention = { keepLast: 1 }
    yield* snapshots.write(input(folder, "s0", { createdAt: 0, compactionId: "c0", retention }))
    const openCompactions = new Set(["c0"])
    yield* snapshots.write(input(folder, "s1", { createdAt: 1, retention, openCompactions }))
    assert.deepStrictEqual(listed(yield* snapshots.list(Fixture.threadId)), ["s1", "s0"])
    yield* snapshots.write(input(folder, "s2", { createdAt: 2, retention }))
    assert.deepStrictEqual(listed(yield* snapshots.list(Fixture.threadId)), ["s2"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a clock that went back does not make the new snapshot the old one", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const retention = { keepLast: 1, maxBytes: 1 }
    yield* snapshots.write(input(folder, "s0", { createdAt: 5000, retention }))
    yield* snapshots.write(input(folder, "s1", { createdAt: 10, retention }))
    assert.include(listed(yield* snapshots.list(Fixture.threadId)), "s1")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: the folder is kept below its limit, and every living thread keeps its newest", () =>
  Effect.gen(function*() {
    const { folder, index, snapshots } = yield* engine
    const write = (threadId: ThreadId, n: number, maxBytes?: number) =>
      snapshots.write(input(folder, `${threadId}${n}`, {
        threadId,
        createdAt: n,
        history: history(conversation(64 + n)),
        retention: { maxBytes }
      }))
    for (let n = 0; n < 4; n++) yield* write(a, n)
    for (let n = 4; n < 8; n++) yield* write(b, n)
    const { bytes } = yield* index.totals({ folder })
    yield* write(b, 8, Math.floor(bytes * 0.9))
    assert.isAtMost((yield* index.totals({ folder })).bytes, bytes * 0.9)
    assert.include(listed(yield* snapshots.list(a)), "a3")
    yield* write(b, 9, 1)
    assert.deepStrictEqual(listed(yield* snapshots.list(a)), ["a3"])
    assert.deepStrictEqual(listed(yield* snapshots.list(b)), ["b9"])
    const onDisk = filesIn(folder).filter((name) => name !== ".gitignore")
      .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    assert.strictEqual((yield* index.totals({ folder })).bytes, onDisk)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a sweep removes what is too old, and of a deleted thread everything", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "a0", { threadId: a, createdAt: 0 }))
    yield* snapshots.write(input(folder, "b0", { threadId: b, createdAt: 0 }))
    yield* snapshots.write(input(folder, "b1", { threadId: b, createdAt: 1 }))
    const retention = { maxAge: "7 days" } as const
    const isLive = (threadId: ThreadId) => Effect.succeed(threadId === b)
    yield* snapshots.sweep({ folder, retention, isLive })
    assert.strictEqual((yield* snapshots.list(b)).length, 2)
    yield* TestClock.adjust("8 days")
    yield* snapshots.sweep({ folder, retention, isLive })
    assert.deepStrictEqual(listed(yield* snapshots.list(a)), [])
    assert.deepStrictEqual(listed(yield* snapshots.list(b)), ["b1"])
    assert.isFalse(filesIn(folder).some((name) => name.startsWith(dirname(path).slice(folder.length + 1))))
  }).pipe(Effect.provide(Fixture.platform)))

it.live("P13 snapshots: a folder that cannot be swept does not keep the next one from it", () =>
  Effect.gen(function*() {
    const { folder, index, path, snapshots } = yield* engine
    const moved = join(dirname(folder), "a")
    const well = join(dirname(folder), "b")
    yield* snapshots.write(input(moved, "one"))
    const { path: manifest } = yield* snapshots.write(input(well, "two", { threadId: ThreadId.make("thread-2") }))
    renameSync(moved, `${moved}-elsewhere`)
    symlinkSync(`${moved}-elsewhere`, moved)
    const draft = join(dirname(manifest), `.tmp-00000000-1-${randomUUID()}`)
    writeFileSync(draft, "half")
    utimesSync(draft, 1000, 1000)
    const deps = { snapshots, path, deadline: Duration.seconds(30), redactor: none, retention: {} }
    yield* SnapshotTaking.sweep(deps, { index, store: yield* SessionStore })
    assert.isFalse(existsSync(draft))
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("a sweep of a folder that is not there changes nothing", () =>
  Effect.gen(function*() {
    const { folder, index, snapshots } = yield* engine
    yield* snapshots.write(input(folder, "one"))
    yield* snapshots.sweep({ folder: `${folder}-other`, isLive: live })
    assert.strictEqual((yield* index.totals({ folder })).snapshots, 1)
  }).pipe(Effect.provide(Fixture.platform)))
