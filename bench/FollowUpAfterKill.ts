/**
 * The first follow-up after the host was killed with `kill -9`: a new host opens the store, settles what the crash left,
 * ends the orphaned server, starts a new one, resumes the session and sends. Against it the agent's own restart by hand:
 * spawn the server, `session.get`, `promptAsync`. Each in a fresh process, from after its imports.
 *
 * The goal is held against the moment `promptAsync` answers. That answer proves nothing (OpenCode 1.18.33 stores the
 * prompt afterwards, and `sendTurn` waits for that), so the time until it is stored is a second comparison.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import { script } from "./support/Script.ts"

const host = script("FollowUpProcess")

const Times = Schema.fromJsonString(Schema.Struct({ answered: Schema.Finite, stored: Schema.Finite }))

const rounds = { warmup: 1, measured: 5 }

const followUp = (mode: "ours" | "raw", folder: string, url: string) =>
  Effect.gen(function*() {
    const child = yield* ChildProcess.make(process.execPath, [host, mode, folder, url], { stderr: "inherit" })
    const took = yield* child.stdout.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      // A host logs what it ends at its start.
      Stream.filter((line) => line.startsWith("{\"answered\"")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    // The host alone, as the kernel would: its server is left behind.
    if (mode === "ours") yield* Effect.sync(() => process.kill(child.pid, "SIGKILL"))
    else yield* child.exitCode
    return yield* Schema.decodeEffect(Times)(took)
  }).pipe(Effect.scoped)

/** Opens and closes the store, which ends what the last killed host left behind. */
const tidy = (folder: string) =>
  Effect.scoped(Effect.provide(Effect.void, MockHost.layer({ store: { filename: `${folder}/store.db` } })))

export const measure = Effect.gen(function*() {
  const { url } = yield* OpenCodeHost.model
  const folders = { ours: yield* MockHost.folder, raw: yield* MockHost.folder }
  yield* Effect.addFinalizer(() => tidy(folders.ours))
  const samples = { ours: [] as Array<number>, answered: [] as Array<number>, stored: [] as Array<number> }
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const ours = yield* followUp("ours", folders.ours, url)
    const raw = yield* followUp("raw", folders.raw, url)
    if (round < 0) continue
    samples.ours.push(ours.stored)
    samples.answered.push(raw.answered)
    samples.stored.push(raw.stored)
  }
  // Held against both: the restart until OpenCode answers, and until it has what we call accepted.
  const goal = {
    text: "within 1.2x of the agent's restart",
    met: ({ ratio }: { readonly ratio: number }) => ratio <= 1.2
  }
  return [
    figure({
      name: "first follow-up accepted after kill -9, OpenCode",
      unit: "ms",
      ours: samples.ours,
      raw: samples.answered,
      goal
    }),
    figure({
      name: "the same, raw until the prompt is stored",
      unit: "ms",
      ours: samples.ours,
      raw: samples.stored,
      goal
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
