/**
 * For how long the deletion of a big thread holds up the event loop at a time: one with many events, and one with pasted
 * images. Counted as the longest time between two turns of the loop, on a file of its own, with a second thread whose rows
 * lie between those of the first; and as the same without the time in which the loop could run and had no processor, because
 * other programs had it. The wait for the disk is in both. Linux alone tells that time. The column "raw" is one flushed commit
 * to the other thread right before, which is what the deletion begins with, and what each end of a turn is.
 */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
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
const deleted = ThreadId.make("deleted")
const other = ThreadId.make("other")
const threadIds = [deleted, other]

/** By the clock, and without waits for a processor, in milliseconds. */
interface Stall {
  readonly time: number
  readonly own: number
}

/** How long this thread has waited for a processor, in milliseconds. */
const waited = () => Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[1]) / 1e6

/** Both at one moment: without a wait for a processor between them. */
const now = (): { readonly time: number; readonly waited: number } => {
  const before = waited()
  const time = performance.now()
  return waited() === before ? { time, waited: before } : now()
}

/** The most time between two turns of the event loop while it runs. */
const longestStall = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Stall, E, R> =>
  Effect.suspend(() => {
    const longest = { time: 0, own: 0 }
    let last = now()
    let over = false
    const look = () => {
      const next = now()
      const time = next.time - last.time
      longest.time = Math.max(longest.time, time)
      longest.own = Math.max(longest.own, time - (next.waited - last.waited))
      last = next
      if (!over) setImmediate(look)
    }
    setImmediate(look)
    return Effect.map(effect, () => {
      over = true
      look()
      return longest
    })
  })

const commit = Effect.fnUntraced(function*(
  threadId: ThreadId,
  after: number,
  bodies: ReadonlyArray<EventBody>,
  flush = false
) {
  const store = yield* SessionStore
  const { blobs, events } = Blobs.ofEvents(bodies)
  const opens = after === 0
  yield* store.commit({
    name: "bench",
    threadId,
    flush,
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
    const samples: Array<Record<"ours" | "raw", Stall>> = []
    for (let n = 0; n < times; n++) {
      const filename = `${yield* MockHost.folder}/store.db`
      samples.push(
        yield* Effect.gen(function*() {
          let after = 0
          for (let n = 0; n < count; n++) {
            for (const threadId of threadIds) yield* commit(threadId, after, bodies(after))
            after += bodies(after).length
          }
          const store = yield* SessionStore
          // The first one flushes what was written so far.
          const flushed = (n: number) => commit(other, after + n, [{ _tag: "Warning", code: "flushed" }], true)
          yield* flushed(0)
          return { raw: yield* longestStall(flushed(1)), ours: yield* longestStall(store.deleteThread(deleted)) }
        }).pipe(Effect.provide(SessionStore.layerSqlite({ filename })))
      )
    }
    return samples
  }
)

const figures = (what: string, samples: Effect.Success<ReturnType<typeof stalls>>) => {
  const goal = { text: "under 50 ms", met: ({ ours }: { readonly ours: number }) => ours < 50 }
  const of = (name: string, measured: keyof Stall) =>
    figure({
      name,
      unit: "ms",
      ours: samples.map(({ ours }) => ours[measured]),
      raw: samples.map(({ raw }) => raw[measured]),
      goal
    })
  return [
    of(`longest stall while ${what} are deleted, beside one flushed commit`, "time"),
    of(`the same, waits for a processor left out, while ${what} are deleted`, "own")
  ]
}

export const measure = Effect.gen(function*() {
  return [
    ...figures("45 MB of events", yield* stalls(commits, messages)),
    ...figures("13 MB of images", yield* stalls(images, image))
  ]
})
