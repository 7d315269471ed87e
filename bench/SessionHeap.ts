/**
 * Heap of the host per live idle session: 10,000 threads on the mock, each after one turn. The mock's own share (its
 * session, its history, its queue) is counted in, as it lives in the same heap.
 */
import { Effect, Layer } from "effect"
import { ProviderService } from "../src/index.ts"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const sessions = 10_000

/** Bytes that are in use after two full collections. */
const heapUsed = Effect.sync(() => {
  if (globalThis.gc === undefined) throw new Error("This measurement needs node --expose-gc")
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
})

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const host = yield* Layer.build(MockHost.layer({ store: { filename: `${directory}/store.db` } }))
  const open = (count: number) =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      for (let n = 0; n < count; n++) {
        const threadId = yield* MockHost.newThread(directory)
        yield* agents.runTurn({ threadId, prompt: "hello" })
      }
    }).pipe(Effect.provideContext(host))
  // What is made once, code and caches, is not a session's.
  yield* open(200)
  const before = yield* heapUsed
  yield* open(sessions)
  const after = yield* heapUsed
  return [
    figure({
      name: "heap per live idle session",
      unit: "KiB",
      ours: [(after - before) / sessions / 1024],
      goal: { text: "at most 27 KiB", met: ({ ours }) => ours <= 27 }
    })
  ]
})
