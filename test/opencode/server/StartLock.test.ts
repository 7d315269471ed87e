/** One start at a time in a home, over processes. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Option, Path, type Scope } from "effect"
import * as StartLock from "../../../src/opencode/server/StartLock.ts"
import * as ChildScript from "../../support/ChildScript.ts"

const program = (folder: string) =>
  [
    `import * as NodeServices from "@effect/platform-node/NodeServices"`,
    `import { Effect } from "effect"`,
    `import { take } from ${JSON.stringify(new URL("../../../src/opencode/server/StartLock.ts", import.meta.url))}`,
    `const held = Effect.andThen(take(${JSON.stringify(folder)}), Effect.sync(() => console.log("held")))`,
    `setInterval(() => {}, 1000)`,
    `Effect.runFork(Effect.andThen(held, Effect.never).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))`
  ].join("\n")

/** What these starts, at once, do in turn. */
const turns = Effect.fnUntraced(function*(
  locks: ReadonlyArray<Effect.Effect<void, never, FileSystem.FileSystem | Path.Path | Scope.Scope>>
) {
  const order: Array<string> = []
  const start = (lock: (typeof locks)[number]) =>
    lock.pipe(
      Effect.andThen(Effect.sync(() => order.push("in"))),
      Effect.andThen(Effect.yieldNow),
      Effect.andThen(Effect.sync(() => order.push("out"))),
      Effect.scoped
    )
  yield* Effect.all(locks.map(start), { concurrency: "unbounded" })
  return order
})

/** With a folder of its own for temporary files. */
const temporary = Effect.gen(function*() {
  const folder = yield* home
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env["TMPDIR"]
      process.env["TMPDIR"] = folder
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env["TMPDIR"]
        else process.env["TMPDIR"] = before
      })
  )
  return folder
})

const home = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "start-lock-" }))

it.live("P10 opencode: a host that is killed while its server starts holds up no other", () =>
  Effect.gen(function*() {
    const folder = yield* home
    const other = yield* ChildScript.start(["--input-type=module", "-e", program(folder)])
    assert.strictEqual(other.line, "held")
    const take = Effect.scoped(StartLock.take(folder))
    assert.isTrue(Option.isNone(yield* Effect.timeoutOption(take, "300 millis")))
    const taking = yield* Effect.forkChild(take, { startImmediately: true })
    yield* other.kill
    yield* Fiber.join(taking)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

it.live("opencode: in one process one start waits for the other, and a lock is never taken through a link", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* home
    const lock = StartLock.take(folder)
    assert.deepStrictEqual(yield* turns([lock, lock]), ["in", "out", "in", "out"])
    const elsewhere = path.join(yield* home, "theirs")
    yield* fs.writeFileString(elsewhere, "not a lock")
    yield* fs.remove(path.join(folder, "starting.lock"))
    yield* fs.symlink(elsewhere, path.join(folder, "starting.lock"))
    yield* Effect.scoped(StartLock.take(folder))
    assert.strictEqual(yield* fs.readFileString(elsewhere), "not a lock")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

it.live("opencode: in the user's own home one start waits for the other, however the home is named, and nothing is put there", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* temporary
    const user = yield* home
    const link = path.join(yield* home, "link")
    yield* fs.symlink(user, link)
    const data = path.join(user, ".local", "share")
    const named = [{ HOME: user }, { HOME: link }, { HOME: "/nowhere", XDG_DATA_HOME: data }]
    assert.deepStrictEqual(yield* turns(named.map(StartLock.takeFor)), ["in", "out", "in", "out", "in", "out"])
    assert.deepStrictEqual(yield* fs.readDirectory(user), [])
    const [own = ""] = yield* fs.readDirectory(folder)
    assert.strictEqual((yield* fs.stat(path.join(folder, own))).mode & 0o777, 0o700)
    assert.lengthOf(yield* fs.readDirectory(path.join(folder, own)), 1)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

it.live("opencode: a folder that other users can write to is not locked in, and the start goes on", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* temporary
    const shared = path.join(folder, `effect-coding-agents-${process.getuid?.()}`)
    yield* fs.makeDirectory(shared)
    yield* fs.chmod(shared, 0o777)
    yield* Effect.scoped(StartLock.takeFor({ HOME: yield* home }))
    assert.deepStrictEqual(yield* fs.readDirectory(shared), [])
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
