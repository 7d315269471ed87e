/**
 * How long the app's layers take in a fresh process, without the agent (it is started by the first session): opening
 * the store, taking ownership, looking for orphans, registering the adapter, starting the reaper. Cold code each time.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Schema } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import { script } from "./support/Script.ts"

const host = script("StartProcess")
const times = 12

const Times = Schema.fromJsonString(Schema.Struct({ imported: Schema.Finite, built: Schema.Finite }))

const start = Effect.fnUntraced(function*(filename: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const output = yield* spawner.string(ChildProcess.make(process.execPath, [host, filename]))
  return yield* Schema.decodeEffect(Times)(output)
})

export const measure = Effect.gen(function*() {
  const folder = yield* MockHost.folder
  const samples = { fresh: [] as Array<number>, known: [] as Array<number>, imported: [] as Array<number> }
  for (let n = 0; n < times; n++) {
    const filename = `${folder}/${n}.db`
    const fresh = yield* start(filename)
    const known = yield* start(filename)
    samples.fresh.push(fresh.built)
    samples.known.push(known.built)
    samples.imported.push(known.imported)
  }
  const goal = { text: "under 80 ms", met: ({ ours }: { readonly ours: number }) => ours < 80 }
  return [
    figure({ name: "layer start without the agent, new store", unit: "ms", ours: samples.fresh, goal }),
    figure({ name: "layer start without the agent, existing store", unit: "ms", ours: samples.known, goal }),
    figure({ name: "Node and the imports before that", unit: "ms", ours: samples.imported })
  ]
}).pipe(Effect.provide(NodeServices.layer))
