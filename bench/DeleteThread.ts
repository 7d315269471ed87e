/**
 * For how long the deletion of a big thread holds up the event loop at a time: one with many events, and one with pasted
 * images. Counted as the longest time between two turns of the loop, on a file of its own, with a second thread whose rows
 * lie between those of the first; and as the most processor time between two turns, which leaves out what the loop waits for:
 * the disk, and other programs.
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

/** The most time, and the most processor time, between two turns of the event loop while it runs, in milliseconds. */
const longestStall = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const longest = { time: 0, processor: 0 }
    let last = performance.now()
    let used = process.threadCpuUsage()
    let over = false
    const look = () => {
      const { system, user } = process.threadCpuUsage(used)
      longest.time = Math.max(longest.time, performance.now() - last)
      longest.processor = Math.max(longest.processor, (system + user) / 1000)
      last = performance.now()
      used = process.threadCpuUsage()
      if (!over) setImmediate(look)
    }
    setImmediate(look)
    return Effect.map(effect, () => {
      over = true
      look()
      return longest
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
    const samples: Array<{ readonly time: number; readonly processor: number }> = []
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

const figures = (what: string, samples: Effect.Success<ReturnType<typeof stalls>>) => {
  const goal = { text: "under 50 ms", met: ({ ours }: { readonly ours: number }) => ours < 50 }
  return [
    figure({
      name: `longest stall while ${what} are deleted`,
      unit: "ms",
      ours: samples.map(({ time }) => time),
      goal
    }),
    figure({
      name: `most processor time in a stall while ${what} are deleted`,
      unit: "ms",
      ours: samples.map(({ processor }) => processor),
      goal
    })
  ]
}

export const measure = Effect.gen(function*() {
  return [
    ...figures("45 MB of events", yield* stalls(commits, messages)),
    ...figures("13 MB of images", yield* stalls(images, image))
  ]
})
