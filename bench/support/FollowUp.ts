/** A host in a process of its own that sends a first follow-up, says in one line how long that took, and is killed. */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as MockHost from "./MockHost.ts"
import * as OpenCodeHost from "./OpenCodeHost.ts"

/** What the process writes once its agent has the follow-up, among what it logs. */
const run = <A>(
  host: string,
  mode: "ours" | "raw",
  folder: string,
  url: string,
  schema: Schema.ConstraintDecoder<A>
) =>
  Effect.gen(function*() {
    const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
    const child = yield* ChildProcess.make(process.execPath, [host, mode, folder, url], { stderr: "inherit" })
    const times = yield* child.stdout.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.map((line) => decode(line)),
      Stream.filter(Option.isSome),
      Stream.map(({ value }) => value),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    // The host alone, as the kernel would: its agent is left behind.
    if (mode === "ours") yield* Effect.sync(() => process.kill(child.pid, "SIGKILL"))
    else yield* child.exitCode
    return times
  }).pipe(Effect.scoped)

/** Opens and closes the store, which ends what the last killed host left behind. */
const tidy = (folder: string) =>
  Effect.scoped(Effect.provide(Effect.void, MockHost.layer({ store: { filename: `${folder}/store.db` } })))

/** What our host and the one by hand say, in turn, each with a folder that its next one finds again. */
export const rounds = Effect.fnUntraced(function*<A>(
  host: string,
  schema: Schema.ConstraintDecoder<A>,
  times: { readonly warmup: number; readonly measured: number }
) {
  const { url } = yield* OpenCodeHost.model
  const folders = { ours: yield* MockHost.folder, raw: yield* MockHost.folder }
  yield* Effect.addFinalizer(() => tidy(folders.ours))
  const said: Array<{ readonly ours: A; readonly raw: A }> = []
  for (let round = -times.warmup; round < times.measured; round++) {
    const ours = yield* run(host, "ours", folders.ours, url, schema)
    const raw = yield* run(host, "raw", folders.raw, url, schema)
    if (round >= 0) said.push({ ours, raw })
  }
  return said
})
