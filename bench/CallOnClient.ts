/**
 * What a client adds to a call: `getThread` by way of a WebSocket on this machine, and the same call in the process, taken in
 * turn. A sample is the difference of a block of each, for one call.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { Client } from "../src/client/index.ts"
import { ProviderService, type ThreadId } from "../src/index.ts"
import { Rpc, Server } from "../src/server/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const block = 50
const rounds = { warmup: 20, measured: 60 }
const token = Redacted.make("bench")

const calls = (agents: ProviderService["Service"], threadId: ThreadId) =>
  Effect.map(
    millis(Effect.gen(function*() {
      for (let n = 0; n < block; n++) yield* agents.getThread({ threadId })
    })),
    (total) => total / block
  )

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const host = yield* Layer.build(MockHost.layer({ store: { filename: `${directory}/store.db` } }))
  const threadId = yield* Effect.provideContext(MockHost.newThread(directory), host)
  const server = yield* Layer.build(
    Server.serve(Rpc.layer().pipe(Layer.provideMerge(Server.layer({ token }))), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provide(Layer.succeedContext(host)),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    )
  )
  const url = HttpServer.formatAddress(Context.get(server, HttpServer.HttpServer).address)
  const remote = Context.get(yield* Layer.build(Client.layer({ url, token })), ProviderService)
  const local = Context.get(host, ProviderService)
  const samples: Array<number> = []
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const added = (yield* calls(remote, threadId)) - (yield* calls(local, threadId))
    if (round >= 0) samples.push(added)
  }
  return [
    figure({
      name: "call of a client, beyond the call itself",
      unit: "ms",
      ours: samples,
      goal: { text: "1 ms", met: ({ ours }) => ours <= 1 }
    })
  ]
})
