/** One start at a time in a home, over processes. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Option, Path } from "effect"
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
    const order: Array<string> = []
    const start = (name: string) =>
      StartLock.take(folder).pipe(
        Effect.andThen(Effect.sync(() => order.push(`${name} in`))),
        Effect.andThen(Effect.yieldNow),
        Effect.andThen(Effect.sync(() => order.push(`${name} out`))),
        Effect.scoped
      )
    yield* Effect.all([start("one"), start("two")], { concurrency: "unbounded" })
    assert.deepStrictEqual(order.map((said) => said.split(" ")[1]), ["in", "out", "in", "out"])
    const elsewhere = path.join(yield* home, "theirs")
    yield* fs.writeFileString(elsewhere, "not a lock")
    yield* fs.remove(path.join(folder, "starting.lock"))
    yield* fs.symlink(elsewhere, path.join(folder, "starting.lock"))
    yield* Effect.scoped(StartLock.take(folder))
    assert.strictEqual(yield* fs.readFileString(elsewhere), "not a lock")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
