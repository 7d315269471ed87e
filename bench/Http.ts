/**
 * What HTTP costs beside the same call in the process, on the mock agent, with the store on; server and client are in one
 * process and share its core.
 *
 * `turn`: `POST /run` beside `runTurn`. `reader`: 100,000 stored events of one thread to one reader of server-sent events, beside a
 * reader in the process; it counts them and their ids. `readers`: 1,000 open readers of 100 threads, which all see a turn of their thread; the
 * memory is of both ends of each connection.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Latch, Layer, Stream } from "effect"
import { HttpServer } from "effect/http"
import { Agent, createServer, get, type IncomingMessage } from "node:http"
import { ProviderService, type ThreadId } from "../src/index.ts"
import { Server } from "../src/server/index.ts"
import { MockStep } from "../src/testing/index.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const items = 50_000

const host = Effect.fnUntraced(function*(steps: number) {
  const directory = yield* MockHost.folder
  const script = () => Array.from({ length: steps }, () => MockStep.text("text"))
  const layer = Server.serve(Server.layer(), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(MockHost.layer({ store: { filename: `${directory}/store.db` }, script })),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )
  const context = yield* Layer.build(layer)
  const url = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  const newThread = Effect.provideContext(MockHost.newThread(directory), context)
  return { url, newThread, agents: Context.get(context, ProviderService) }
})

const turns = Effect.gen(function*() {
  const { agents, newThread, url } = yield* host(1)
  const threadId = yield* newThread
  const prompt = "go"
  const inProcess = millis(agents.runTurn({ threadId, prompt }))
  const body = JSON.stringify({ prompt })
  const headers = { "content-type": "application/json" }
  const overHttp = millis(Effect.gen(function*() {
    const response = yield* Effect.promise(() =>
      fetch(`${url}/threads/${threadId}/run`, { method: "POST", headers, body })
    )
    return yield* Effect.promise(() => response.json())
  }))
  const one = (sample: Effect.Effect<number, unknown>) => Effect.map(sample, (taken) => [taken])
  const { a, b } = yield* alternate({ warmup: 100, measured: 400 }, one(overHttp), one(inProcess))
  return figure({
    name: "turn on the mock over HTTP",
    unit: "ms",
    ours: a,
    raw: b,
    goal: { text: "in-process + 1.5 ms", met: ({ ours, raw }) => ours <= raw + 1.5 }
  })
})

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })

/** Opens a stream; `onId` is told each id that comes. */
const open = (url: string, onId: (id: number) => void) =>
  Effect.acquireRelease(
    Effect.callback<IncomingMessage>((resume) => {
      get(url, { agent }, (response) => {
        let rest = ""
        response.setEncoding("latin1").on("data", (text: string) => {
          const lines = (rest + text).split("\n")
          rest = lines.pop() ?? ""
          for (const line of lines) if (line.startsWith("id: ")) onId(Number(line.slice(4)))
        })
        resume(Effect.succeed(response))
      })
    }),
    (response) => Effect.sync(() => response.destroy())
  )

const reader = Effect.gen(function*() {
  const { agents, newThread, url } = yield* host(items)
  const threadId = yield* newThread
  yield* agents.runTurn({ threadId, prompt: "go" })
  const { lastSeq } = yield* agents.getThread({ threadId })
  const rates: Array<number> = []
  const raw: Array<number> = []
  let lost = 0
  for (let round = -2; round < 5; round++) {
    const inProcess = yield* millis(Stream.runDrain(Stream.take(agents.streamEvents({ threadId }), lastSeq)))
    let next = 1
    const took = yield* millis(Effect.scoped(Effect.flatMap(
      Latch.make(),
      (latch) =>
        Effect.andThen(
          open(`${url}/threads/${threadId}/events`, (id) => {
            if (id !== next) lost++
            next++
            if (id === lastSeq) latch.openUnsafe()
          }),
          latch.await
        )
    )))
    if (round < 0) continue
    rates.push(lastSeq / took * 1000)
    raw.push(lastSeq / inProcess * 1000)
  }
  return figure({
    name: "stored events to one reader over HTTP",
    unit: "events/s",
    ours: rates,
    raw,
    more: true,
    goal: { text: "100,000 and none lost", met: ({ ours }) => ours >= 100_000 && lost === 0 }
  })
})

const collected = Effect.sync(() => {
  globalThis.gc?.()
  return process.memoryUsage().rss
})

const readers = Effect.gen(function*() {
  const { agents, newThread, url } = yield* host(1)
  const threads = yield* Effect.replicateEffect(newThread, 100)
  const before = yield* collected
  const done = yield* Latch.make()
  let waiting = 1000
  const openOne = Effect.fnUntraced(function*(threadId: ThreadId) {
    let seen = 0
    yield* open(`${url}/threads/${threadId}/events`, (id) => {
      seen = id
      // The thread's start, the turn, and one item.
      if (seen === 5 && --waiting === 0) done.openUnsafe()
    })
  })
  yield* Effect.forEach(threads.flatMap((threadId) => Array.from({ length: 10 }, () => threadId)), openOne, {
    concurrency: 50
  })
  const memory = ((yield* collected) - before) / 1000 / 1024
  const took = yield* millis(Effect.andThen(
    Effect.forEach(threads, (threadId) => agents.runTurn({ threadId, prompt: "go" }), { concurrency: 20 }),
    Effect.timeoutOption(done.await, "30 seconds")
  ))
  return [
    figure({
      name: "1,000 readers of 100 threads over HTTP: memory of each, both ends",
      unit: "KiB",
      ours: [memory],
      goal: { text: "50", met: ({ ours }) => ours <= 50 }
    }),
    figure({
      name: "100 turns, until each of 1,000 readers has seen its own",
      unit: "ms",
      ours: [took],
      goal: { text: "none is starved", met: () => waiting === 0 }
    })
  ]
})

export const measure = Effect.gen(function*() {
  return [yield* Effect.scoped(turns), yield* Effect.scoped(reader), ...(yield* Effect.scoped(readers))]
})
