/**
 * What the library adds to a turn of one chunk on a real OpenCode: `runTurn` and a hand-written loop on the raw SDK, in
 * turn on the same server, each on one session. From the call to the result.
 */
import { Context, Effect, Layer } from "effect"
import { ProviderService } from "../src/index.ts"
import { alternate, figure, repeat } from "./support/Figure.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawLoop from "./support/RawLoop.ts"

const rounds = { warmup: 12, measured: 60 }

export const measure = Effect.gen(function*() {
  const { client, directory, running } = yield* OpenCodeHost.server
  const host = yield* Layer.build(OpenCodeHost.host(`${directory}/store.db`, running))
  const agents = Context.get(host, ProviderService)
  const threadId = yield* Effect.provideContext(OpenCodeHost.newThread(directory), host)
  const raw = yield* Effect.acquireRelease(
    Effect.promise(() => RawLoop.make(client)),
    (raw) => Effect.promise(raw.close)
  )
  const sessionId = yield* Effect.promise(raw.createSession)
  const samples = yield* alternate(
    rounds,
    repeat(1, agents.runTurn({ threadId, prompt: "hello" })),
    repeat(1, Effect.promise(() => raw.runTurn(sessionId, "hello")))
  )
  return [
    figure({
      name: "turn of one chunk, OpenCode",
      unit: "ms",
      ours: samples.a,
      raw: samples.b,
      goal: {
        text: "within 1 ms and 1.05x of raw",
        met: ({ ours, ratio, raw }) => ours - raw <= 1 && ratio <= 1.05
      }
    })
  ]
})
