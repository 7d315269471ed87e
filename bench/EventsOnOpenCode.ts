/**
 * Deltas per second of a turn of 10,000 of them on a real OpenCode, at one subscriber: `streamEvents` and a raw SSE loop
 * in turn on the same server. From the prompt to the end of the turn; lost are deltas and text that did not come.
 */
import { Effect, Layer } from "effect"
import * as Deltas from "./support/Deltas.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawLoop from "./support/RawLoop.ts"

const rounds = { warmup: 1, measured: 14 }
export const measure = Effect.gen(function*() {
  const { client, directory, running } = yield* OpenCodeHost.server
  const host = yield* Layer.build(OpenCodeHost.host(`${directory}/store.db`, running))
  const raw = yield* Effect.acquireRelease(
    Effect.promise(() => RawLoop.make(client)),
    (raw) => Effect.promise(raw.close)
  )
  let lost = 0
  const ours = Effect.gen(function*() {
    const threadId = yield* Effect.provideContext(OpenCodeHost.newThread(directory), host)
    const turn = yield* Effect.provideContext(Deltas.turn(threadId), host)
    lost += turn.lost
    return turn.rate
  })

  const byHand = Effect.gen(function*() {
    const sessionId = yield* Effect.promise(raw.createSession)
    return Deltas.rate(yield* millis(Effect.promise(() => raw.runTurn(sessionId, Deltas.prompt))))
  })

  const samples = yield* alternate(rounds, ours, byHand)
  return [
    figure({
      name: "deltas to one subscriber, OpenCode",
      unit: "events/s",
      more: true,
      ours: samples.a,
      raw: samples.b,
      goal: { text: "0.95x of raw, none lost", met: ({ ratio }) => ratio >= 0.95 && lost === 0 }
    }),
    figure({
      name: "characters lost, OpenCode",
      unit: "characters",
      ours: [lost],
      goal: { text: "0", met: ({ ours }) => ours === 0 }
    })
  ]
})
