/**
 * What the library adds to a turn of one chunk, and to one of 10,000 deltas, on a real Codex: `runTurn` and
 * `streamEvents`, and a hand-written loop of JSON-RPC, in turn. An app-server speaks to one client, so each has its own, of
 * the same binary, on the same model. Lost are characters that did not come.
 */
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { isTerminal, ProviderService, type ThreadEvent } from "../src/index.ts"
import * as CodexHost from "./support/CodexHost.ts"
import { alternate, figure, millis, repeat } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawCodex from "./support/RawCodex.ts"

const deltas = 10_000
const prompt = `deltas ${deltas}`
const expected = "delta ".length * deltas

export const measure = Effect.gen(function*() {
  const model = yield* OpenCodeHost.model
  const directory = yield* MockHost.folder
  const binary = yield* CodexHost.binary
  const host = yield* Layer.build(
    CodexHost.host(`${directory}/store.db`, CodexHost.options(model, `${directory}/ours`))
  )
  const agents = Context.get(host, ProviderService)
  const raw = yield* Effect.acquireRelease(
    Effect.promise(() => RawCodex.start(binary, model, `${directory}/raw`)),
    (raw) => Effect.promise(raw.close)
  )
  const threadId = yield* Effect.provideContext(CodexHost.newThread(directory), host)
  const rawThread = yield* Effect.promise(() => raw.startThread(directory))
  const turns = yield* alternate(
    { warmup: 12, measured: 60 },
    repeat(1, agents.runTurn({ threadId, prompt: "hello" })),
    repeat(1, Effect.promise(() => raw.runTurn(rawThread, "hello")))
  )

  let lost = 0
  const rate = (took: number) => [deltas / took * 1000]
  const ours = Effect.gen(function*() {
    const threadId = yield* Effect.provideContext(CodexHost.newThread(directory), host)
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
    const thread = yield* Effect.promise(() => raw.startThread(directory))
    return rate(yield* millis(Effect.promise(() => raw.runTurn(thread, prompt))))
  })
  const rates = yield* alternate({ warmup: 1, measured: 8 }, ours, byHand)
  return [
    figure({
      name: "turn of one chunk, Codex",
      unit: "ms",
      ours: turns.a,
      raw: turns.b,
      goal: {
        text: "within 1.5 ms and 1.05x of raw",
        met: ({ ours, ratio, raw }) => ours - raw <= 1.5 && ratio <= 1.05
      }
    }),
    figure({
      name: "deltas to one subscriber, Codex",
      unit: "events/s",
      more: true,
      ours: rates.a,
      raw: rates.b,
      goal: { text: "0.95x of raw, none lost", met: ({ ratio }) => ratio >= 0.95 && lost === 0 }
    }),
    figure({
      name: "characters lost, Codex",
      unit: "characters",
      ours: [lost],
      goal: { text: "0", met: ({ ours }) => ours === 0 }
    })
  ]
})
