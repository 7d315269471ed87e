/**
 * For how long the deletion of a big thread holds up the event loop at a time: one with many events, and one with pasted
 * images. Counted as the longest time between two turns of the loop, on a file of its own, with a second thread whose rows
 * lie between those of the first.
 */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import { Epoch, InstanceId, ItemId, ThreadId, TurnId } from "../src/index.ts"
import { type EventBody, ProviderName, SessionId } from "../src/protocol.ts"
import * as Blobs from "../src/store/Blobs.ts"
import { SessionStore } from "../src/store/SessionStore.ts"
import { figure } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const commits = 100
const perBatch = 50
const text = "x".repeat(9000)
const images = 13
const times = 3

const epoch = Epoch.make(1)
const threadIds = [ThreadId.make("deleted"), ThreadId.make("other")]

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

const commit = Effect.fnUntraced(function*(threadId: ThreadId, after: number, bodies: ReadonlyArray<EventBody>) {
  const store = yield* SessionStore
  const { blobs, events } = Blobs.ofEvents(bodies)
  const opens = after === 0
  yield* store.commit({
    name: "bench",
    threadId,
    flush: false,
    blobs,
    parts: [{
      epoch,
      expect: opens ? "none" : "live",
      events: events.map((body, n) => Object.assign(body, { seq: after + n + 1, threadId, epoch, at: 1 })),
      lifecycle: [],
      ...(opens
        ? {
          binding: {
            threadId,
            instanceId: InstanceId.make("mock"),
            provider: ProviderName.make("mock"),
            sessionId: SessionId.make("session"),
            directory: "/project",
            runtimeMode: "full-access",
            project: { config: "trust", by: "mode" },
            status: "idle",
            epoch,
            lastSeq: 0,
            createdAt: 1,
            activeAt: 1
          }
        }
        : {})
    }]
  })
})

const turnId = TurnId.make("turn")

const messages = (after: number): ReadonlyArray<EventBody> =>
  Array.from({ length: perBatch }, (_, n) => ({
    _tag: "ItemCompleted",
    item: { _tag: "AssistantMessage", itemId: ItemId.make(`${after + n}`), text }
  }))

const image = (): ReadonlyArray<EventBody> => {
  const base64 = randomBytes(1024 * 1024).toString("base64")
  const attachments = [{ _tag: "Data" as const, name: "shot.png", mime: "image/png", base64 }]
  return [{ _tag: "TurnSteered", turnId, input: { prompt: "look", attachments } }]
}

const stalls = Effect.fnUntraced(
  function*(count: number, bodies: (after: number) => ReadonlyArray<EventBody>) {
    const samples: Array<number> = []
    for (let n = 0; n < times; n++) {
      const filename = `${yield* MockHost.folder}/store.db`
      samples.push(
        yield* Effect.gen(function*() {
          for (let after = 0, n = 0; n < count; n++) {
            for (const threadId of threadIds) yield* commit(threadId, after, bodies(after))
            after += bodies(after).length
          }
          const store = yield* SessionStore
          return yield* longestStall(store.deleteThread(ThreadId.make("deleted")))
        }).pipe(Effect.provide(SessionStore.layerSqlite({ filename })))
      )
    }
    return samples
  }
)

export const measure = Effect.gen(function*() {
  const goal = { text: "under 50 ms", met: ({ ours }: { readonly ours: number }) => ours < 50 }
  return [
    figure({
      name: "longest stall while 45 MB of events are deleted",
      unit: "ms",
      ours: yield* stalls(commits, messages),
      goal
    }),
    figure({
      name: "longest stall while 13 MB of images are deleted",
      unit: "ms",
      ours: yield* stalls(images, image),
      goal
    })
  ]
})
