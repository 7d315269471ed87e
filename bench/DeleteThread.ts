/**
 * For how long the deletion of a big thread holds up the event loop at a time: one with many events, and one with pasted
 * images. Counted as the longest time between two turns of the loop, on a store of its own, with a second thread whose
 * rows lie between those of the first.
 */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import { ProviderService, type ThreadId } from "../src/index.ts"
import { MockStep } from "../src/testing/index.ts"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

/** A turn has so many messages of 9 KB. */
const messages = 50
const turns = 100
const words = "x".repeat(9000)
const images = 13
const times = 3

/** The longest time between two turns of the event loop while the effect runs, in milliseconds. */
const longestStall = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let longest = 0
    let last = performance.now()
    let over = false
    const look = () => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
      if (!over) setImmediate(look)
    }
    setImmediate(look)
    return Effect.map(effect, () => {
      over = true
      return Math.max(longest, performance.now() - last)
    })
  })

const talk = Effect.fnUntraced(function*(threadIds: ReadonlyArray<ThreadId>) {
  const agents = yield* ProviderService
  for (let n = 0; n < turns; n++) {
    for (const threadId of threadIds) yield* agents.runTurn({ threadId, prompt: "talk" })
  }
})

const paste = Effect.fnUntraced(function*(threadIds: ReadonlyArray<ThreadId>) {
  const agents = yield* ProviderService
  for (let n = 0; n < images; n++) {
    for (const threadId of threadIds) {
      const base64 = randomBytes(1024 * 1024).toString("base64")
      const attachments = [{ _tag: "Data" as const, name: "shot.png", mime: "image/png", base64 }]
      yield* agents.runTurn({ threadId, prompt: "look", attachments })
    }
  }
})

const script = ({ prompt }: MockStep.MockTurn) =>
  Array.from({ length: prompt === "talk" ? messages : 1 }, () => MockStep.text(words))

const stalls = Effect.fnUntraced(function*(fill: typeof talk | typeof paste) {
  const folder = yield* MockHost.folder
  const samples: Array<number> = []
  for (let n = 0; n < times; n++) {
    const filename = `${folder}/${n}.db`
    samples.push(
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const threadId = yield* MockHost.newThread(folder)
        yield* fill([threadId, yield* MockHost.newThread(folder)])
        yield* agents.stopSession({ threadId })
        return yield* longestStall(agents.deleteThread({ threadId }))
      }).pipe(Effect.provide(MockHost.layer({ store: { filename }, script })))
    )
  }
  return samples
})

export const measure = Effect.gen(function*() {
  const goal = { text: "under 50 ms", met: ({ ours }: { readonly ours: number }) => ours < 50 }
  return [
    figure({
      name: "longest stall while 45 MB of events are deleted",
      unit: "ms",
      ours: yield* stalls(talk),
      goal
    }),
    figure({ name: "longest stall while 13 MB of images are deleted", unit: "ms", ours: yield* stalls(paste), goal })
  ]
})
