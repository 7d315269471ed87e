/**
 * Deltas per second of a turn of 10,000 of them on a real OpenCode, at one subscriber: `streamEvents` and a raw SSE loop
 * in turn on the same server. From the prompt to the end of the turn; lost are deltas and text that did not come.
 */
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { isTerminal, ProviderService, type ThreadEvent } from "../src/index.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawLoop from "./support/RawLoop.ts"

const deltas = 10_000
const rounds = { warmup: 1, measured: 14 }
const prompt = `deltas ${deltas}`
const expected = "delta ".length * deltas

export const measure = Effect.gen(function*() {
  const { client, directory, running } = yield* OpenCodeHost.server
  const host = yield* Layer.build(OpenCodeHost.host(`${directory}/store.db`, running))
  const agents = Context.get(host, ProviderService)
  const raw = yield* Effect.acquireRelease(
    Effect.promise(() => RawLoop.make(client)),
    (raw) => Effect.promise(raw.close)
  )
  let lost = 0
  const rate = (took: number) => [deltas / took * 1000]

  const ours = Effect.gen(function*() {
    const threadId = yield* Effect.provideContext(OpenCodeHost.newThread(directory), host)
    const seen = { characters: 0 }
    const take = (event: ThreadEvent) => {
      if (event._tag === "ItemDelta") seen.characters += event.delta.length
    }
    const reader = yield* agents.streamEvents({ threadId }).pipe(
      Stream.takeUntil(isTerminal),
      Stream.runForEachArray((events) => Effect.sync(() => events.forEach(take))),
      Effect.forkChild({ startImmediately: true })
    )
    const took = yield* millis(Effect.andThen(agents.sendTurn({ threadId, prompt }), Fiber.join(reader)))
    lost += Math.abs(expected - seen.characters)
    yield* agents.stopSession({ threadId })
    return rate(took)
  })

  const byHand = Effect.gen(function*() {
    const sessionId = yield* Effect.promise(raw.createSession)
    return rate(yield* millis(Effect.promise(() => raw.runTurn(sessionId, prompt))))
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
