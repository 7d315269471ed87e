/**
 * The first follow-up after the host was killed with `kill -9`, on Codex: a new host opens the store, settles what the crash
 * left, ends the orphaned app-server, starts a new one, resumes the thread and sends. Against it the restart by hand:
 * spawn, `thread/resume`, `turn/start`, until the same proof, which is its answer. Each in a fresh process, from after
 * its imports.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import { script } from "./support/Script.ts"

const Times = Schema.fromJsonString(Schema.Struct({ accepted: Schema.Finite }))

const rounds = { warmup: 1, measured: 9 }

const followUp = (mode: "ours" | "raw", folder: string, url: string) =>
  Effect.gen(function*() {
    const child = yield* ChildProcess.make(process.execPath, [script("CodexFollowUpProcess"), mode, folder, url], {
      stderr: "inherit"
    })
    const line = yield* child.stdout.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line.startsWith("{\"accepted\"")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    // The host alone, as the kernel would: its app-server is left behind.
    if (mode === "ours") yield* Effect.sync(() => process.kill(child.pid, "SIGKILL"))
    else yield* child.exitCode
    return (yield* Schema.decodeEffect(Times)(line)).accepted
  }).pipe(Effect.scoped)

/** Opens and closes the store, which ends what the last killed host left behind. */
const tidy = (folder: string) =>
  Effect.scoped(Effect.provide(Effect.void, MockHost.layer({ store: { filename: `${folder}/store.db` } })))

export const measure = Effect.gen(function*() {
  const { url } = yield* OpenCodeHost.model
  const folders = { ours: yield* MockHost.folder, raw: yield* MockHost.folder }
  yield* Effect.addFinalizer(() => tidy(folders.ours))
  const samples = { ours: [] as Array<number>, raw: [] as Array<number> }
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const ours = yield* followUp("ours", folders.ours, url)
    const raw = yield* followUp("raw", folders.raw, url)
    if (round < 0) continue
    samples.ours.push(ours)
    samples.raw.push(raw)
  }
  return [
    figure({
      name: "first follow-up accepted after kill -9, Codex",
      unit: "ms",
      ours: samples.ours,
      raw: samples.raw,
      goal: { text: "within 1.1x of a raw restart", met: ({ ratio }) => ratio <= 1.1 }
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
