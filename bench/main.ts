/**
 * `npm run bench` takes all measurements, each in a process of its own, prints one table and writes
 * bench/results.json. `npm run bench -- NAME` takes one and only prints. What each figure means: docs/performance.md.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema, type Scope, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import type { Figure } from "./support/Figure.ts"
import * as Table from "./support/Table.ts"

type Measurement = Effect.Effect<ReadonlyArray<Figure>, unknown, Scope.Scope>

/** Imported only where they run: what a process has loaded is part of its memory. */
const measurements: Readonly<Record<string, () => Promise<{ readonly measure: Measurement }>>> = {
  "turn-on-mock": () => import("./TurnOnMock.ts"),
  "ask-on-mock": () => import("./AskOnMock.ts"),
  "call-on-client": () => import("./CallOnClient.ts"),
  "events-on-mock": () => import("./EventsOnMock.ts"),
  "http": () => import("./Http.ts"),
  "feed-of-threads": () => import("./FeedOfThreads.ts"),
  "view-of-thread": () => import("./ViewOfThread.ts"),
  "commit-with-position": () => import("./CommitWithPosition.ts"),
  "lines-of-peer": () => import("./LinesOfPeer.ts"),
  "durable-writes": () => import("./DurableWrites.ts"),
  "delete-thread": () => import("./DeleteThread.ts"),
  "crash-settlement": () => import("./CrashSettlement.ts"),
  "layer-start": () => import("./LayerStart.ts"),
  "session-heap": () => import("./SessionHeap.ts"),
  "reaper-sweep": () => import("./ReaperSweep.ts"),
  "turn-on-opencode": () => import("./TurnOnOpenCode.ts"),
  "events-on-opencode": () => import("./EventsOnOpenCode.ts"),
  "turn-on-codex": () => import("./TurnOnCodex.ts"),
  "turn-on-claude": () => import("./TurnOnClaude.ts"),
  "turn-on-acp": () => import("./TurnOnAcp.ts"),
  "follow-up-on-codex": () => import("./FollowUpOnCodex.ts"),
  "sessions-on-codex": () => import("./SessionsOnCodex.ts"),
  "follow-up-after-kill": () => import("./FollowUpAfterKill.ts"),
  "resident-memory": () => import("./ResidentMemory.ts"),
  "snapshots": () => import("./Snapshots.ts")
}

/** How a process that takes one measurement hands its figures to the one that asked: as its last line. */
const Figures = Schema.fromJsonString(Schema.Array(Table.Figure))
const handOver = "--hand-over"

const main = fileURLToPath(import.meta.url)

const take = (name: string) => {
  const measurement = measurements[name]
  if (measurement === undefined) {
    return Effect.die(`There is no ${name}; there are ${Object.keys(measurements).join(", ")}`)
  }
  return Effect.promise(measurement).pipe(Effect.flatMap(({ measure }) => measure), Effect.scoped, Effect.orDie)
}

/** A measurement that could not be taken (no `strace`, no agent, no `--expose-gc`) stays visible, as a missed goal. */
const notTaken = (name: string): ReadonlyArray<Figure> => [
  { name: `${name} could not be measured`, unit: "", ours: 0, goal: "is measured", met: false }
]

const takeInProcess = Effect.fnUntraced(
  function*(name: string) {
    yield* Console.error(`... ${name}`)
    const child = yield* ChildProcess.make(process.execPath, [...process.execArgv, main, name, handOver], {
      stderr: "inherit"
    })
    const lines = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runCollect)
    return yield* Schema.decodeUnknownEffect(Figures)(lines.at(-1))
  },
  Effect.scoped,
  (effect, name) => Effect.orElseSucceed(Effect.timeout(effect, "4 minutes"), () => notTaken(name))
)

const program = Effect.gen(function*() {
  const [name, flag] = process.argv.slice(2)
  if (name !== undefined) {
    const figures = yield* take(name)
    return yield* Console.log(flag === handOver ? JSON.stringify(figures) : Table.render(figures))
  }
  const figures = (yield* Effect.forEach(Object.keys(measurements), takeInProcess)).flat()
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(
    "bench/results.json",
    `${JSON.stringify(figures, null, 2)}\n`
  )
  yield* Console.log(Table.render(figures))
})

NodeRuntime.runMain(program.pipe(Effect.provide(NodeServices.layer)))
