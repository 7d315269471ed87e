/** What a snapshot promises while nothing dies: what is in it, what it costs, and what is told when it cannot be. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Item } from "../../src/domain/Item.ts"
import { custom, none, type Redactor } from "../../src/domain/Redaction.ts"
import * as SnapshotManifest from "../../src/domain/SnapshotManifest.ts"
import type { HistoryMessage } from "../../src/provider/ProviderAdapter.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { SnapshotIndex } from "../../src/store/SnapshotIndex.ts"
import { StoreFailed } from "../../src/store/StoreError.ts"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import {
  assistant,
  conversation,
  engine,
  filesIn,
  history,
  input,
  live,
  says,
  turn,
  user
} from "../support/SnapshotFixture.ts"
import { temporaryFolder, withStore } from "../support/StoreFixture.ts"

const found = (snapshots: Snapshots.Snapshots, snapshotId: string) => snapshots.find({ snapshotId })

const saved = Effect.fnUntraced(function*(snapshots: Snapshots.Snapshots, snapshotId: string) {
  return yield* snapshots.messages(yield* found(snapshots, snapshotId))
})

it.effect("P13 snapshots: every message is on the disk as the agent has it, in its order, and comes back", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const messages = conversation(100)
    const written = yield* snapshots.write(input(folder, "one", { history: history(messages) }))
    const read = yield* saved(snapshots, "one")
    assert.deepStrictEqual(read.map(({ raw }) => raw), messages.map(({ raw }) => raw))
    assert.deepStrictEqual(read.map(({ items }) => items), messages.map(({ items }) => items))
    const { manifest, path } = yield* found(snapshots, "one")
    assert.strictEqual(written.path, path)
    assert.strictEqual(written.sha256, manifest.sha256)
    assert.deepStrictEqual(manifest.counts, { messages: 100, items: 100, turns: 50 })
    assert.deepStrictEqual([manifest.firstMessageId, manifest.lastMessageId], ["m0", "m99"])
    assert.deepStrictEqual([manifest.timing, manifest.completeness], ["before", "complete"])
    assert.strictEqual(manifest.usage.input, 500)
    assert.strictEqual(manifest.libraryVersion, JSON.parse(readFileSync("package.json", "utf8")).version)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P14 snapshots: files are for their owner alone, directories too, and git leaves them alone", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one"))
    const mode = (file: string) => statSync(file).mode & 0o777
    for (const name of filesIn(folder)) assert.strictEqual(mode(join(folder, name)), 0o600, name)
    assert.strictEqual(mode(folder), 0o700)
    assert.strictEqual(mode(dirname(path)), 0o700)
    assert.strictEqual(mode(join(dirname(path), "segments")), 0o700)
    assert.strictEqual(readFileSync(join(folder, ".gitignore"), "utf8"), "*\n")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("a folder that holds other things is not hidden from git, the snapshots in it are", () =>
  Effect.gen(function*() {
    const { snapshots } = yield* engine
    const project = yield* temporaryFolder
    writeFileSync(join(project, "main.ts"), "")
    const { path } = yield* snapshots.write(input(project, "one"))
    assert.deepStrictEqual(filesIn(project).filter((name) => name.endsWith(".gitignore")), [
      join(basename(dirname(path)), ".gitignore")
    ])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: the tenth snapshot of a conversation that has only grown costs its delta", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const first = yield* snapshots.write(input(folder, "s0", { history: history(conversation(640)) }))
    let last = first
    for (let n = 1; n < 10; n++) {
      last = yield* snapshots.write(input(folder, `s${n}`, { history: history(conversation(640 + n * 4)) }))
    }
    assert.isBelow(last.bytesWritten, first.bytesWritten / 5)
    const read = yield* saved(snapshots, "s9")
    assert.strictEqual(read.length, 676)
    assert.strictEqual((yield* saved(snapshots, "s0")).length, 640)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: what only our log has is put in its place in time, and says so", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    yield* snapshots.write(input(folder, "one", {
      history: history([user("msg_2", "second", 200), assistant("a2", "two", 210), assistant("a4", "four", 410)]),
      archive: [
        turn("t1", 100, [says("gone-1", "one")]),
        turn("t2", 205, [says("a2-p", "two"), says("gone-2", "reverted")]),
        turn("t3", 300, [says("gone-3", "three")]),
        turn("t4", 405, [says("a4-p", "four")])
      ],
      refs: new Map([[TurnId.make("t2"), "msg_2"], [TurnId.make("t3"), "msg_3"]])
    }))
    const read = yield* saved(snapshots, "one")
    assert.deepStrictEqual(
      read.map(({ id, origin }) => `${origin} ${id}`),
      [
        "log t1.user.0",
        "log gone-1",
        "provider msg_2",
        "provider a2",
        "log gone-2",
        "log t3.user.0",
        "log gone-3",
        "provider a4"
      ]
    )
    const { manifest } = yield* found(snapshots, "one")
    assert.strictEqual(manifest.completeness, "complete")
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: words that joined a running turn are kept where the agent does not have them", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const steered = turn("t1", 100, [says("a1-p", "one"), {
      _tag: "UserMessage",
      itemId: ItemId.make("t1.user.2"),
      text: "and this",
      attachments: []
    }])
    const refs = new Map([[TurnId.make("t1"), "msg_1"]])
    const messages = [user("msg_1", "first", 100), assistant("a1", "one", 110)]
    yield* snapshots.write(input(folder, "without", { history: history(messages), archive: [steered], refs }))
    const joined = [...messages, user("msg_steer", "and this", 120)]
    yield* snapshots.write(input(folder, "with", { history: history(joined), archive: [steered], refs }))
    const ids = (id: string) => Effect.map(saved(snapshots, id), (read) => read.map(({ id }) => id))
    assert.deepStrictEqual(yield* ids("without"), ["msg_1", "a1", "t1.user.2"])
    assert.deepStrictEqual(yield* ids("with"), ["msg_1", "a1", "msg_steer"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: without the agent's history the log alone is saved, and called so", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const written = yield* snapshots.write(
      input(folder, "one", { history: undefined, archive: [turn("t1", 100, [says("i1", "one")])] })
    )
    assert.strictEqual(written.completeness, "log-only")
    assert.deepStrictEqual((yield* saved(snapshots, "one")).map(({ origin }) => origin), ["log", "log"])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a message at work is saved as it stands, and the snapshot is called running", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const messages = [user("m1", "go"), { ...assistant("m2", "half"), finished: false }]
    const written = yield* snapshots.write(input(folder, "one", { history: history(messages) }))
    assert.strictEqual(written.completeness, "running")
    assert.deepStrictEqual((yield* saved(snapshots, "one")).map(({ finished }) => finished), [true, false])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P16 snapshots: what readers were shown of a killed agent's last message is saved, and nothing in it runs", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const command = (id: string, status: "running" | "failed"): Item => ({
      _tag: "Command",
      itemId: ItemId.make(id),
      command: "sleep 600",
      output: "",
      status
    })
    const killed: HistoryMessage = {
      ...assistant("a1", "", 110),
      finished: false,
      items: [says("a1-p", ""), command("c1", "running"), command("c2", "running")]
    }
    const shown = {
      ...turn("t1", 100, [says("a1-p", "Half an"), command("c1", "failed")]),
      outcome: "unknown"
    } as const
    yield* snapshots.write(input(folder, "one", {
      history: history([user("m1", "go", 100), killed]),
      archive: [shown],
      refs: new Map([[TurnId.make("t1"), "m1"]])
    }))
    const read = yield* saved(snapshots, "one")
    assert.deepStrictEqual(read.at(-1)?.items, [
      says("a1-p", "Half an"),
      command("c1", "failed"),
      command("c2", "failed")
    ])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("an empty conversation has a snapshot, too", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const written = yield* snapshots.write(input(folder, "one", { history: history([]) }))
    assert.strictEqual(written.messages, 0)
    assert.deepStrictEqual(yield* saved(snapshots, "one"), [])
  }).pipe(Effect.provide(Fixture.platform)))

const threads = ["a/b/../../etc/passwd", "..", ".hidden", "🦊 ünï\u0001code\n", "x".repeat(512), "CON", "a", "A"]

it.effect.each(threads)(
  "thread id %j has a directory of its own inside the folder",
  (id) =>
    Effect.gen(function*() {
      const { folder, path, snapshots } = yield* engine
      const own = yield* snapshots.write(input(folder, "own", { threadId: ThreadId.make(id) }))
      const other = yield* snapshots.write(input(folder, "other", { threadId: ThreadId.make(`${id.slice(0, 500)}.`) }))
      assert.notStrictEqual(dirname(own.path).toLowerCase(), dirname(other.path).toLowerCase())
      assert.strictEqual(path.dirname(dirname(own.path)), folder)
      assert.strictEqual((yield* found(snapshots, "own")).manifest.threadId, id)
    }).pipe(Effect.provide(Fixture.platform))
)

it.effect("P13 snapshots: snapshots of one thread at the same time are all whole", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const names = Array.from({ length: 8 }, (_, n) => `s${n}`)
    yield* Effect.forEach(
      names,
      (name, n) =>
        snapshots.write(input(folder, name, { createdAt: 1000 + n, history: history(conversation(40 + n)) })),
      { concurrency: "unbounded" }
    )
    for (const [n, name] of names.entries()) assert.strictEqual((yield* saved(snapshots, name)).length, 40 + n)
    assert.strictEqual((yield* snapshots.list(Fixture.threadId)).length, 8)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: an id that was used fails, and the snapshot of that id stays", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    yield* snapshots.write(input(folder, "one"))
    const error = yield* Effect.flip(snapshots.write(input(folder, "one", { history: history([]) })))
    assert.strictEqual(error.failure.code, "EEXIST")
    assert.strictEqual((yield* Effect.flip(snapshots.write(input(folder, "../up")))).failure.code, "EINVAL")
    assert.strictEqual((yield* saved(snapshots, "one")).length, 4)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect.each<readonly [string, Redactor]>([
  ["fails", custom("broken/1", () => Effect.fail("no"))],
  ["dies", custom("broken/1", () => Effect.die(new Error("sk-ant-api03-0123456789012345678901234567890")))],
  ["interrupts itself", custom("broken/1", () => Effect.interrupt)]
])(
  "P14 snapshots: a redactor that %s is a failed snapshot, never a plain one",
  ([, redactor]) =>
    Effect.gen(function*() {
      const { folder, snapshots } = yield* engine
      const error = yield* Effect.flip(snapshots.write(input(folder, "one", { redactor })))
      assert.strictEqual(error.failure.code, "REDACTOR")
      assert.notInclude(JSON.stringify(error), "sk-ant")
      assert.notInclude(Fixture.bytesIn(folder), "question")
      assert.strictEqual((yield* Effect.flip(found(snapshots, "one")))._tag, "SnapshotUnknown")
    }).pipe(Effect.provide(Fixture.platform))
)

it.effect("P14 snapshots: another redactor, or none, never uses what was redacted by this one", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const shout = custom("shout/1", (text) => Effect.succeed(text.replaceAll("question", "QUESTION")))
    yield* snapshots.write(input(folder, "plain", { redactor: none }))
    yield* snapshots.write(input(folder, "loud", { redactor: shout, createdAt: 1001 }))
    const texts = Effect.map(saved(snapshots, "loud"), (read) => JSON.stringify(read))
    assert.include(yield* texts, "QUESTION")
    assert.notInclude(yield* texts, "question")
    const { redaction, segments } = (yield* found(snapshots, "loud")).manifest
    assert.deepStrictEqual(redaction, { level: "custom", name: "shout/1", replaced: 2 })
    assert.isUndefined(segments[0]?.source)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: an interrupted snapshot is absent, and the next one works", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const hanging = custom("hanging/1", () => Effect.never)
    const fiber = yield* Effect.forkChild(snapshots.write(input(folder, "one", { redactor: hanging })), {
      startImmediately: true
    })
    const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
    assert.isTrue(Exit.isFailure(exit))
    assert.strictEqual((yield* Effect.flip(found(snapshots, "one")))._tag, "SnapshotUnknown")
    yield* snapshots.write(input(folder, "one"))
    assert.strictEqual((yield* saved(snapshots, "one")).length, 4)
  }).pipe(Effect.provide(Fixture.platform)))

// --- damage ---

const damaged = Effect.fnUntraced(function*() {
  const { folder, index, snapshots } = yield* engine
  const written = yield* snapshots.write(input(folder, "one", { history: history(conversation(40)) }))
  const { manifest } = yield* found(snapshots, "one")
  const segment = join(dirname(written.path), "segments", `${manifest.segments[1]?.sha256}.jsonl`)
  return { folder, index, snapshots, path: written.path, segment }
})

it.effect("P13 snapshots: a damaged or missing segment is told, and what is left is left", () =>
  Effect.gen(function*() {
    const { path, segment, snapshots } = yield* damaged()
    const content = readFileSync(segment, "utf8")
    writeFileSync(segment, content.replace("answer", "anywer"))
    const error = yield* Effect.flip(saved(snapshots, "one"))
    assert.strictEqual(error._tag, "SnapshotCorrupt")
    rmSync(segment)
    assert.strictEqual((yield* Effect.flip(saved(snapshots, "one")))._tag, "SnapshotCorrupt")
    assert.isTrue(statSync(path).isFile())
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a segment that was cut off is written anew by the next snapshot", () =>
  Effect.gen(function*() {
    const { folder, segment, snapshots } = yield* damaged()
    writeFileSync(segment, readFileSync(segment).subarray(0, 100))
    yield* snapshots.write(input(folder, "two", { createdAt: 1001, history: history(conversation(40)) }))
    assert.strictEqual((yield* saved(snapshots, "two")).length, 40)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a segment, or an attachment, that was changed is written anew by the next snapshot, which is whole", () =>
  Effect.gen(function*() {
    const { folder, segment, snapshots } = yield* damaged()
    writeFileSync(segment, readFileSync(segment, "utf8").replace("answer", "anywer"))
    yield* snapshots.write(input(folder, "two", { createdAt: 1001, history: history(conversation(40)) }))
    assert.strictEqual((yield* saved(snapshots, "two")).length, 40)
    // What shares it is whole again, too.
    assert.strictEqual((yield* saved(snapshots, "one")).length, 40)
    const url = `data:image/png;base64,${Buffer.from([1, 2, 3, 250, 251]).toString("base64")}`
    const withImage = [...conversation(40), { ...Fixture.assistant("image", "see"), raw: { url } }]
    const write = (id: string, createdAt: number) =>
      snapshots.write(input(folder, id, { createdAt, history: history(withImage) }))
    const { path } = yield* write("three", 1002)
    const [attachment] = (yield* found(snapshots, "three")).manifest.attachments
    writeFileSync(join(dirname(path), "blobs", attachment?.sha256 ?? ""), Buffer.from([1, 2, 3, 250, 252]))
    yield* write("four", 1003)
    const blobs = yield* snapshots.blobs(yield* found(snapshots, "four"))
    assert.deepStrictEqual(Array.from(blobs.values(), (blob) => Array.from(blob)), [[1, 2, 3, 250, 251]])
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a manifest that was cut off or changed is corrupt, one of a newer release is left alone", () =>
  Effect.gen(function*() {
    const { folder, path, segment, snapshots } = yield* damaged()
    const text = readFileSync(path, "utf8")
    const read = Effect.flip(found(snapshots, "one"))
    for (const broken of [text.slice(0, 200), "", text.replace("\"epoch\":1", "\"epoch\":2"), "[]"]) {
      writeFileSync(path, broken)
      assert.strictEqual((yield* read)._tag, "SnapshotCorrupt")
    }
    const newer = text.replace(`"version":${SnapshotManifest.version}`, "\"version\":7")
    writeFileSync(path, newer)
    assert.deepInclude(yield* read, { _tag: "SnapshotNewer", found: 7 })
    // What it may need is kept as long as nobody can say.
    yield* snapshots.sweep({ folder, isLive: live })
    assert.strictEqual(readFileSync(path, "utf8"), newer)
    assert.isTrue(statSync(segment).isFile())
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("a file of somebody else is left alone", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one"))
    const foreign = [join(folder, "notes.txt"), join(dirname(path), "notes.md"), join(dirname(path), "segments", "x")]
    for (const file of foreign) writeFileSync(file, "mine")
    yield* snapshots.sweep({ folder, isLive: live })
    yield* snapshots.remove(yield* snapshots.list(Fixture.threadId))
    for (const file of foreign) assert.strictEqual(readFileSync(file, "utf8"), "mine")
  }).pipe(Effect.provide(Fixture.platform)))

// --- the store ---

it.effect("P13 snapshots: the rows survive the store, deleting the thread included", () =>
  Effect.gen(function*() {
    const home = yield* temporaryFolder
    const filename = join(home, "store.db")
    const folder = join(home, "sessions")
    yield* withStore(
      filename,
      Effect.gen(function*() {
        const snapshots = yield* Snapshots.make
        yield* snapshots.write(input(folder, "one", { compactionId: "c1" }))
        yield* snapshots.write(input(folder, "two", { createdAt: 2000 }))
      })
    )
    yield* withStore(
      filename,
      Effect.gen(function*() {
        const snapshots = yield* Snapshots.make
        const store = yield* SessionStore
        yield* store.deleteThread(Fixture.threadId)
        const listed = yield* snapshots.list(Fixture.threadId)
        assert.deepStrictEqual(listed.map(({ snapshot }) => snapshot.snapshotId), ["two", "one"])
        assert.strictEqual(listed[1]?.compactionId, "c1")
        assert.strictEqual((yield* saved(snapshots, "one")).length, 4)
        const totals = yield* SnapshotIndex.use((index) => index.totals({ folder }))
        const onDisk = filesIn(folder).filter((name) => name !== ".gitignore")
          .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
        assert.deepStrictEqual(totals, { snapshots: 2, bytes: onDisk })
      })
    )
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a store that refuses the row leaves no snapshot behind", () =>
  Effect.gen(function*() {
    const { folder, index, snapshots } = yield* engine
    const refusing = yield* Snapshots.make.pipe(Effect.provideService(SnapshotIndex, {
      ...index,
      add: () => new StoreFailed({ operation: "record a snapshot", reason: "LockTimeoutError", cause: "locked" })
    }))
    const error = yield* Effect.flip(refusing.write(input(folder, "one")))
    assert.strictEqual(error.failure.code, "STORE")
    assert.notInclude(filesIn(folder).join(), "one.json")
    yield* snapshots.write(input(folder, "one"))
    assert.strictEqual((yield* saved(snapshots, "one")).length, 4)
  }).pipe(Effect.provide(Fixture.platform)))
