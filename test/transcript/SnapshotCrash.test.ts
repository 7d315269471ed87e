/** What is on the disk after a snapshot that did not come to its end: by kill -9, by a full disk, by a refusing one. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { systemError } from "effect/PlatformError"
import { execFile, execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import { conversation, engine, filesIn, history, input, live } from "../support/SnapshotFixture.ts"
import * as SteppedFiles from "../support/SteppedFiles.ts"
import { temporaryFolder, withStore } from "../support/StoreFixture.ts"

interface Ended {
  readonly lines: ReadonlyArray<string>
  readonly signal: string | null | undefined
  readonly error: string
}

const node = (script: string, args: ReadonlyArray<string>, wrap: ReadonlyArray<string> = []) =>
  Effect.callback<Ended>((resume) => {
    const [command = "", ...rest] = [...wrap, process.execPath, `test/support/${script}`, ...args]
    const child = execFile(command, rest, (error, stdout, stderr) =>
      resume(Effect.succeed({
        lines: stdout.trim().split("\n").filter((line) => line !== ""),
        signal: error?.signal,
        error: stderr
      })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** What must hold after whatever has happened to the host, once another one has swept. */
const sound = Effect.fnUntraced(function*(home: string, promised: ReadonlyArray<string>) {
  const folder = join(home, "sessions")
  yield* withStore(
    join(home, "store.db"),
    Effect.gen(function*() {
      const snapshots = yield* Snapshots.make
      // Before the sweep: nothing that has a name is half.
      if (existsSync(folder)) {
        for (const name of filesIn(folder).filter((name) => /\/[^/.]+\.json$/.test(name))) {
          const found = yield* snapshots.find({ path: join(folder, name) })
          yield* snapshots.messages(found)
          yield* snapshots.blobs(found)
        }
      }
      // A sweep does not know at once that no other app is writing what is there.
      if (existsSync(folder)) { for (const name of filesIn(folder)) utimesSync(join(folder, name), 1000, 1000) }
      yield* snapshots.sweep({ folder, isLive: live })
      const onDisk = existsSync(folder) ? filesIn(folder) : []
      assert.deepStrictEqual(onDisk.filter((name) => /\.(tmp|trash)-/.test(name)), [])
      const listed = yield* snapshots.list(Fixture.threadId)
      const ids = listed.map(({ snapshot }) => snapshot.snapshotId)
      const manifests = onDisk.filter((name) => name.endsWith(".json")).map((name) => basename(name, ".json"))
      assert.sameMembers(ids, manifests)
      const needed = new Set<string>()
      for (const id of ids) {
        const found = yield* snapshots.find({ snapshotId: id })
        assert.strictEqual((yield* snapshots.messages(found)).length, id === "second" ? 41 : 40)
        for (const { blobs, sha256 } of found.manifest.segments) [sha256, ...blobs].forEach((hash) => needed.add(hash))
      }
      const content = onDisk.filter((name) => /\/(segments|blobs)\//.test(name)).map((name) => basename(name, ".jsonl"))
      assert.sameMembers(content, Array.from(needed))
      // What the host was told is there, is there: itself, or one that came after it.
      for (const id of promised) assert.isTrue(ids.includes(id) || ids.includes("second"), id)
      const next = yield* snapshots.write(
        input(folder, "next", { createdAt: 3000, history: history(conversation(44)) })
      )
      assert.strictEqual(
        (yield* snapshots.messages(yield* snapshots.find({ snapshotId: "next" }))).length,
        next.messages
      )
    })
  ).pipe(Effect.provide(NodeServices.layer))
})

it.live(
  "P13 snapshots: kill -9 at every step leaves the snapshot absent or whole, and the next one works",
  () =>
    Effect.gen(function*() {
      const whole = yield* node("SnapshotHost.ts", [yield* temporaryFolder, "0"])
      const steps = Number(whole.lines[2])
      assert.deepStrictEqual(whole.lines.slice(0, 2), ["first", "second"], whole.error)
      assert.isAbove(steps, 40)
      const reached = { none: 0, first: 0, second: 0 }
      yield* Effect.forEach(
        Array.from({ length: steps }, (_, n) => n + 1),
        Effect.fnUntraced(function*(step) {
          const home = yield* temporaryFolder
          const { lines, signal } = yield* node("SnapshotHost.ts", [home, String(step)])
          assert.strictEqual(signal, "SIGKILL", `step ${step}`)
          reached[lines.includes("second") ? "second" : lines.includes("first") ? "first" : "none"] += 1
          yield* sound(home, lines)
        }, Effect.scoped),
        { concurrency: 2 }
      )
      assert.isTrue(reached.none > 10 && reached.first > 10, JSON.stringify(reached))
    }),
  400_000
)

it.live("P13 snapshots: a sweep by the app of another store takes nothing from a snapshot that is being written", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const sweep = Effect.flatMap(Snapshots.make, (other) => other.sweep({ folder, isLive: live })).pipe(
      Effect.provide(Fixture.platform, { local: true })
    )
    let swept = 0
    const writing = yield* Snapshots.make.pipe(
      Effect.provide(
        SteppedFiles.layer(({ name, path }) =>
          name === "open" && !/\/(segments|blobs)(\/|$)/.test(path) && basename(dirname(path)) !== basename(folder)
            ? Effect.andThen(Effect.sync(() => swept++), sweep).pipe(Effect.orDie)
            : Effect.void
        )
      )
    )
    yield* writing.write(input(folder, "one", { history: history(conversation(40)) }))
    assert.isAbove(swept, 0)
    const found = yield* snapshots.find({ snapshotId: "one" })
    assert.strictEqual((yield* snapshots.messages(found)).length, 40)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a manifest without a row is adopted, a row without a manifest goes", () =>
  Effect.gen(function*() {
    const { folder, index, snapshots } = yield* engine
    yield* snapshots.write(input(folder, "one", { compactionId: "c1" }))
    const { path } = yield* snapshots.write(input(folder, "two", { createdAt: 2000 }))
    const before = yield* snapshots.list(Fixture.threadId)
    yield* index.remove("one")
    const record = yield* Effect.map(index.get("two"), Option.getOrThrow)
    const lost = { ...record.snapshot, snapshotId: "lost", path: join(dirname(path), "lost.json") }
    yield* index.add({ ...record, snapshot: lost })
    yield* snapshots.sweep({ folder, isLive: live })
    const after = yield* snapshots.list(Fixture.threadId)
    assert.deepStrictEqual(after.map(({ snapshot }) => snapshot.snapshotId), ["two", "one"])
    assert.deepStrictEqual(after.map(({ diskBytes }) => diskBytes), before.map(({ diskBytes }) => diskBytes))
    assert.strictEqual(after[1]?.compactionId, "c1")
  }).pipe(Effect.provide(Fixture.platform)))

it.live("P13 snapshots: drafts of the dead and of long ago go, a draft at work stays", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const { path } = yield* snapshots.write(input(folder, "one"))
    const ended = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim()
    const seen: Array<string> = []
    yield* Snapshots.make.pipe(
      Effect.flatMap((other) => other.write(input(folder, "two", { createdAt: 2000 }))),
      Effect.provide(SteppedFiles.layer((step) =>
        step.name === "sync" && seen.length === 0 ? Effect.sync(() => void seen.push(basename(step.path))) : Effect.void
      ))
    )
    const [, host] = /^\.tmp-([0-9a-f]{8})-/.exec(seen[0] ?? "") ?? []
    const inThread = (name: string) =>
      join(dirname(path), name)
    const dead = inThread(`.tmp-${host}-${ended}-${randomUUID()}`)
    const working = inThread(`.tmp-${host}-1-${randomUUID()}`)
    const elsewhere = inThread(`.tmp-00000000-${ended}-${randomUUID()}`)
    const old = inThread(`.tmp-00000000-1-${randomUUID()}`)
    for (const file of [dead, working, elsewhere, old]) writeFileSync(file, "half")
    utimesSync(old, 1000, 1000)
    yield* snapshots.sweep({ folder, isLive: live })
    assert.deepStrictEqual([dead, working, elsewhere, old].map((file) => existsSync(file)), [false, true, true, false])
  }).pipe(Effect.provide(Fixture.platform)))

// --- disks that refuse ---

const refusal = (code: string) =>
  systemError({
    _tag: "Unknown",
    module: "FileSystem",
    method: "write",
    cause: Object.assign(new Error(code), { code })
  })

it.effect.each(["ENOSPC", "EACCES", "EROFS", "EPERM", "EIO", "EDQUOT"])(
  "P13 snapshots: %s at every step is told by its name, and leaves nothing half",
  (code) =>
    Effect.gen(function*() {
      let failAt = 0
      let steps = 0
      const before = ({ name }: SteppedFiles.Step) =>
        Effect.suspend(() => name !== "remove" && ++steps === failAt ? Effect.fail(refusal(code)) : Effect.void)
      const { folder, snapshots } = yield* engine
      const failing = yield* Snapshots.make.pipe(Effect.provide(SteppedFiles.layer(before)))
      yield* failing.write(input(folder, "zero"))
      const total = steps
      let failures = 0
      for (let n = 1; n <= total; n++) {
        const own = `${folder}-${n}`
        failAt = n
        steps = 0
        const result = yield* Effect.result(failing.write(input(own, `s${n}`)))
        // Tidying up afterwards may fail without consequence.
        if (result._tag === "Success") continue
        failures += 1
        assert.strictEqual(result.failure.failure.code, code)
        assert.strictEqual((yield* Effect.flip(snapshots.find({ snapshotId: `s${n}` })))._tag, "SnapshotUnknown")
        const left = existsSync(own) ? filesIn(own) : []
        assert.deepStrictEqual(left.filter((name) => name.endsWith(".json") || name.includes(".tmp-")), [], `step ${n}`)
        failAt = 0
        yield* failing.write(input(own, `t${n}`))
      }
      assert.isAbove(failures, 15)
    }).pipe(Effect.provide(Fixture.platform))
)

const canMount = (() => {
  try {
    execFileSync("unshare", ["-rm", "true"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

const Told = Schema.fromJsonString(Schema.Struct({ code: Schema.String, files: Schema.Array(Schema.String) }))

/** In a file system of its own that is mounted with these options. */
const onDisk = Effect.fnUntraced(function*(options: string) {
  const home = yield* temporaryFolder
  mkdirSync(join(home, "disk"))
  const mounted = `mount -t tmpfs -o ${options} tmpfs "${home}/disk" && exec "$@"`
  const { error, lines } = yield* node(
    "SnapshotProbe.ts",
    [join(home, "disk", "sessions")],
    ["unshare", "-rm", "sh", "-c", mounted, "sh"]
  )
  assert.isDefined(lines[0], error)
  return yield* Schema.decodeEffect(Told)(lines[0] ?? "")
})

it.live.skipIf(!canMount)(
  "P13 snapshots: a disk that is really full is ENOSPC, and a read-only one EROFS",
  () =>
    Effect.gen(function*() {
      const full = yield* onDisk("size=128k")
      assert.strictEqual(full.code, "ENOSPC")
      assert.deepStrictEqual(full.files.filter((name) => name.endsWith(".json") || name.includes(".tmp-")), [])
      assert.strictEqual((yield* onDisk("ro")).code, "EROFS")
    })
)

it.effect("P13 snapshots: a folder that is a file is ENOTDIR or EEXIST, and the file stays", () =>
  Effect.gen(function*() {
    const { snapshots } = yield* engine
    const file = join(yield* temporaryFolder, "file")
    writeFileSync(file, "mine")
    const error = yield* Effect.flip(snapshots.write(input(file, "one")))
    assert.include(["ENOTDIR", "EEXIST"], error.failure.code)
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("P13 snapshots: a disk that gives back something else than it was given is VERIFY, and nothing stays", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const liar = yield* Snapshots.make.pipe(
      Effect.provide(
        SteppedFiles.layer(({ name, path }) =>
          name === "read" && path.includes("/segments/")
            ? Effect.sync(() => writeFileSync(path, "something else"))
            : Effect.void
        )
      )
    )
    const error = yield* Effect.flip(liar.write(input(folder, "one")))
    assert.strictEqual(error.failure.code, "VERIFY")
    assert.deepStrictEqual(filesIn(folder), [".gitignore"])
    yield* snapshots.write(input(folder, "one"))
  }).pipe(Effect.provide(Fixture.platform)))
