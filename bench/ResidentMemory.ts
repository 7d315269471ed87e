/**
 * Resident memory of a host process with 100 live sessions on one real OpenCode, and over 1,000 turns of them. Server
 * and model are other processes. Three hosts in turn on one server: the library, the raw SDK by hand, and the library
 * with a collector that prefers memory to speed, which tells what is needed from what Node does not bother to give back.
 *
 * The resident size is what the operating system sees, nothing collected by force, and its highest value counts.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Redacted, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { figure } from "./support/Figure.ts"
import type * as Memory from "./support/Memory.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import { script } from "./support/Script.ts"

const Line = Schema.fromJsonString(Schema.Struct({
  empty: Schema.Finite,
  started: Schema.Finite,
  rounds: Schema.Array(Schema.Finite),
  heapGrowth: Schema.optionalKey(Schema.Finite)
}))

export const measure = Effect.gen(function*() {
  const { running } = yield* OpenCodeHost.server
  const host = Effect.fnUntraced(function*(name: string, ...flags: ReadonlyArray<string>) {
    const folder = yield* MockHost.folder
    const args = [...flags, script(name), folder, running.baseUrl]
    const child = yield* ChildProcess.make(process.execPath, args, {
      env: { PASSWORD: Redacted.value(running.password) },
      extendEnv: true,
      stderr: "inherit"
    })
    const lines = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runCollect)
    const memory: Memory.Memory = yield* Schema.decodeUnknownEffect(Line)(lines.at(-1))
    return memory
  }, Effect.scoped)
  const ours = yield* host("MemoryProcess", "--expose-gc")
  const raw = yield* host("RawMemoryProcess", "--expose-gc")
  const small = yield* host("MemoryProcess", "--optimize-for-size")
  const highest = ({ rounds }: Memory.Memory) => [Math.max(...rounds)]
  const growth = ({ rounds }: Memory.Memory) => [
    (rounds.at(-1) ?? Number.NaN) - (rounds[rounds.length / 2 - 1] ?? Number.NaN)
  ]
  const heapGrowth = ({ heapGrowth = Number.NaN }: Memory.Memory) => [heapGrowth]
  const under = { text: "under 150 MB", met: ({ ours }: { readonly ours: number }) => ours < 150 }
  const flat = { text: "flat: under 5 MB", met: ({ ours }: { readonly ours: number }) => ours < 5 }
  const name = "resident memory of the host"
  const unit = "MB"
  return [
    figure({ name: `${name} before it does anything`, unit, ours: [ours.empty], raw: [raw.empty] }),
    figure({ name: `${name}, 100 live OpenCode sessions started`, unit, ours: [ours.started], raw: [raw.started] }),
    figure({ name: `${name}, highest of 1,000 turns`, unit, ours: highest(ours), raw: highest(raw), goal: under }),
    figure({ name: "its growth from turn 500 to turn 1,000", unit, ours: growth(ours), raw: growth(raw), goal: flat }),
    figure({
      name: "growth of its heap after a collection, 500 turns more",
      unit,
      ours: heapGrowth(ours),
      raw: heapGrowth(raw),
      goal: { text: "flat: under 1 MB", met: ({ ours }) => ours < 1 }
    }),
    figure({ name: `${name} with --optimize-for-size, highest`, unit, ours: highest(small), goal: under }),
    figure({ name: "its growth with --optimize-for-size", unit, ours: growth(small), goal: flat })
  ]
}).pipe(Effect.provide(NodeServices.layer))
