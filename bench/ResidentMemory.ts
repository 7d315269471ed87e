/**
 * Resident memory of the host process with 100 live sessions on one real OpenCode, and over 1,000 turns of them. Server
 * and model are other processes. The resident memory is what the operating system sees, nothing collected by force, and its
 * highest value counts; flat is asked of it too. The heap after a full collection, before and after 500 turns more, stands
 * beside it, to tell a leak from a collector that takes its time.
 */
import { Context, Effect, Layer } from "effect"
import { ProviderService } from "../src/index.ts"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"

const sessions = 100
const turnsEach = 10
const concurrency = 8

const heapMegabytes = Effect.sync(() => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024 / 1024
})

const residentMegabytes = Effect.sync(() => process.memoryUsage().rss / 1024 / 1024)

export const measure = Effect.gen(function*() {
  const empty = yield* residentMegabytes
  const directory = yield* MockHost.folder
  const home = yield* MockHost.folder
  const options = OpenCodeHost.managed(yield* OpenCodeHost.model, home)
  const host = yield* Layer.build(OpenCodeHost.host(`${directory}/store.db`, options))
  const agents = Context.get(host, ProviderService)
  const threads = yield* Effect.forEach(
    Array.from({ length: sessions }),
    () => Effect.provideContext(OpenCodeHost.newThread(directory), host),
    { concurrency }
  )
  const started = yield* residentMegabytes
  const turnOfEach = Effect.forEach(threads, (threadId) => agents.runTurn({ threadId, prompt: "hello" }), {
    concurrency,
    discard: true
  })
  const rounds: Array<number> = []
  for (let n = 0; n < turnsEach; n++) {
    yield* turnOfEach
    rounds.push(yield* residentMegabytes)
  }
  const grown = (rounds.at(-1) ?? Number.NaN) - (rounds[turnsEach / 2 - 1] ?? Number.NaN)
  // Only now, as a forced collection would flatter the resident size of the turns after it.
  const heap = yield* heapMegabytes
  yield* Effect.repeat(turnOfEach, { times: turnsEach / 2 - 1 })
  const heapGrown = (yield* heapMegabytes) - heap
  return [
    figure({ name: "resident memory of the host before it does anything", unit: "MB", ours: [empty] }),
    figure({ name: "resident memory of the host, 100 live OpenCode sessions started", unit: "MB", ours: [started] }),
    figure({
      name: "resident memory of the host, highest of 1,000 turns",
      unit: "MB",
      ours: [Math.max(...rounds)],
      goal: { text: "under 150 MB", met: ({ ours }) => ours < 150 }
    }),
    figure({
      name: "its growth from turn 500 to turn 1,000",
      unit: "MB",
      ours: [grown],
      goal: { text: "flat: under 5 MB", met: ({ ours }) => ours < 5 }
    }),
    figure({ name: "growth of its heap after a collection, 500 turns more", unit: "MB", ours: [heapGrown] })
  ]
})
