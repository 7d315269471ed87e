/**
 * Memory of 200 live Codex sessions of one setup, each after one turn: of the app-servers that they share, as their share
 * of what the machine has (PSS, so that pages that they have in common count once), and of our heap.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer } from "effect"
import * as Processes from "../examples/support/Processes.ts"
import { ProviderService } from "../src/index.ts"
import * as CodexHost from "./support/CodexHost.ts"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"

const sessions = 200

const heapUsed = Effect.sync(() => {
  if (globalThis.gc === undefined) throw new Error("This measurement needs node --expose-gc")
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
})

export const measure = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const model = yield* OpenCodeHost.model
  const directory = yield* MockHost.folder
  const processes = yield* Processes.make
  const options = CodexHost.options(model, `${directory}/home`, processes.env)
  const host = yield* Layer.build(CodexHost.host(`${directory}/store.db`, options))
  const open = (count: number) =>
    Effect.forEach(
      Array.from({ length: count }),
      () =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          yield* agents.runTurn({ threadId: yield* CodexHost.newThread(directory), prompt: "hello" })
        }),
      { concurrency: 4, discard: true }
    ).pipe(Effect.provideContext(host))
  yield* open(20)
  const before = yield* heapUsed
  yield* open(sessions - 20)
  const after = yield* heapUsed
  const alive = yield* processes.alive
  const shares = yield* Effect.forEach(alive, ({ pid }) =>
    Effect.map(
      fs.readFileString(`/proc/${pid}/smaps_rollup`),
      (text) => Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN) / 1024
    ))
  return [
    figure({
      name: `resident share of the app-servers of ${sessions} live Codex sessions`,
      unit: "MB",
      ours: [shares.reduce((sum, share) => sum + share, 0)],
      goal: { text: "under 2,000 MB", met: ({ ours }) => ours < 2000 }
    }),
    figure({ name: "app-servers of them", unit: "processes", ours: [alive.length] }),
    figure({
      name: "heap per live Codex session",
      unit: "KiB",
      ours: [(after - before) / (sessions - 20) / 1024]
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
