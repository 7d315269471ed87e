/**
 * A host that takes two snapshots of one conversation and is killed on the way: `SnapshotHost.ts FOLDER STEP`. Before
 * its step number STEP, or in the middle of it if it is a write, it ends itself with SIGKILL. It prints one line for each
 * snapshot that it was told is written, and at the end how many steps there are.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { join } from "node:path"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { SnapshotIndex } from "../../src/store/SnapshotIndex.ts"
import * as Snapshots from "../../src/transcript/internal/snapshots.ts"
import { assistant, conversation, history, input } from "./SnapshotFixture.ts"
import * as SteppedFiles from "./SteppedFiles.ts"

const [home = "", wanted = ""] = process.argv.slice(2)

let steps = 0

const before = (half: Effect.Effect<unknown, unknown> = Effect.void) =>
  Effect.suspend(() => {
    steps += 1
    if (steps !== Number(wanted)) return Effect.void
    return half.pipe(
      Effect.ignore,
      Effect.andThen(Effect.sync(() => process.kill(process.pid, "SIGKILL"))),
      Effect.andThen(Effect.never)
    )
  })

const png = Buffer.from(Array.from({ length: 3000 }, (_, n) => (n * 7 + 128) % 256)).toString("base64")
const withImage = { ...assistant("image", "see"), raw: { url: `data:image/png;base64,${png}` } }

const program = Effect.gen(function*() {
  const index = yield* SnapshotIndex
  const snapshots = yield* Snapshots.make.pipe(Effect.provideService(SnapshotIndex, {
    ...index,
    add: (record) => before().pipe(Effect.andThen(index.add(record)), Effect.tap(before()))
  }))
  const folder = join(home, "sessions")
  const messages = conversation(40)
  yield* snapshots.write(input(folder, "first", { history: history(messages), retention: { keepLast: 1 } }))
  yield* Console.log("first")
  yield* snapshots.write(
    input(folder, "second", { createdAt: 2000, history: history([...messages, withImage]), retention: { keepLast: 1 } })
  )
  yield* Console.log("second")
  yield* Console.log(steps)
})

Effect.runFork(program.pipe(Effect.provide(Layer.merge(
  SessionStore.layerSqlite({ filename: join(home, "store.db") }),
  SteppedFiles.layer((step) => before(step.half)).pipe(Layer.provideMerge(NodeServices.layer))
))))
