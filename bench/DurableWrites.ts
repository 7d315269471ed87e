/**
 * What a turn writes for good. A host in a process of its own takes turns on the mock under `strace`, which counts the
 * fsync and fdatasync calls that the kernel was really asked for, by file: on the write-ahead log one per flushed
 * transaction and two per checkpoint (before it, and for the header of the log that begins anew), on the database one
 * per checkpoint. What opening and closing cost is taken off by a second run with fewer turns.
 *
 * Whether the events in between are grouped is counted at the store's interface, where each operation is one
 * transaction, with turns of 200 durable events that come in 10 bursts, as an agent's frames do.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Schema } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import { script } from "./support/Script.ts"

const host = script("TurnsProcess")

const Counts = Schema.fromJsonString(Schema.Struct({
  recordIntent: Schema.Int,
  acceptTurn: Schema.Int,
  appendEvents: Schema.Int,
  endTurn: Schema.Int,
  events: Schema.Int
}))

/** Flushes of the write-ahead log and of the database file. */
const flushes = Effect.fnUntraced(function*(turns: number) {
  const folder = yield* MockHost.folder
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const trace = `${folder}/trace`
  const turn = [process.execPath, host, folder, String(turns), "1", "1"]
  yield* spawner.string(
    ChildProcess.make("strace", ["-f", "-y", "-e", "trace=fsync,fdatasync", "-o", trace, ...turn])
  )
  const calls = (yield* fs.readFileString(trace)).split("\n").filter((line) => line.includes("sync("))
  return {
    log: calls.filter((line) => line.includes("store.db-wal>")).length,
    database: calls.filter((line) => line.includes("store.db>")).length
  }
}, Effect.scoped)

const transactions = Effect.gen(function*() {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const turns = 20
  const output = yield* spawner.string(
    ChildProcess.make(process.execPath, [host, yield* MockHost.folder, String(turns), "10", "10"])
  )
  const counts = yield* Schema.decodeEffect(Counts)(output)
  return { counts, turns }
})

export const measure = Effect.gen(function*() {
  const few = yield* flushes(100)
  const many = yield* flushes(1100)
  const checkpoints = (many.database - few.database) / 1000
  const { counts, turns } = yield* transactions
  return [
    figure({
      name: "fsync'd transactions per turn",
      unit: "fsyncs",
      ours: [(many.log - few.log) / 1000 - 2 * checkpoints],
      goal: { text: "2: acceptance, end", met: ({ ours }) => Math.abs(ours - 2) < 0.01 }
    }),
    figure({ name: "fsyncs of checkpoints per turn", unit: "fsyncs", ours: [3 * checkpoints] }),
    figure({
      name: "events per transaction in between",
      unit: "events",
      ours: [counts.events / Math.max(1, counts.appendEvents)],
      goal: { text: "grouped: 10 or more", met: ({ ours }) => ours >= 10 }
    }),
    figure({
      name: "transactions per turn of 200 events",
      unit: "transactions",
      ours: [(counts.recordIntent + counts.acceptTurn + counts.appendEvents + counts.endTurn) / turns]
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
