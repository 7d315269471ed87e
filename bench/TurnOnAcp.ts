/**
 * What the ACP adapter alone (without the service and its store) adds to a turn, and to a turn of 10,000 chunks, on an
 * agent that only talks; beside it the SDK's own client, and a loop by hand, in turn. Lost are characters that did not
 * come.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Deferred, Effect, Layer, Stream } from "effect"
import { Acp } from "../src/acp/index.ts"
import { AgentProcesses } from "../src/adapter/index.ts"
import { ThreadId, TurnId } from "../src/index.ts"
import { alternate, figure, millis, repeat } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as RawAcp from "./support/RawAcp.ts"
import { script } from "./support/Script.ts"

const deltas = 10_000
const expected = "delta ".length * deltas
const rounds = { warmup: 2, measured: 12 }

const profile = Acp.profile({ provider: "bench", command: "node", args: [script("AcpProcess")] })

/** A session of ours, as the hand-written clients are. */
const ours = Effect.fnUntraced(function*(directory: string) {
  const adapter = yield* Acp.make({ profile, binary: process.execPath })
  const session = yield* adapter.startSession({
    threadId: ThreadId.make("bench"),
    directory,
    runtimeMode: "full-access",
    projectConfig: "trust",
    from: { _tag: "New" }
  })
  let characters = 0
  let ended = Deferred.makeUnsafe<void>()
  yield* session.events.pipe(
    Stream.runForEachArray((events) =>
      Effect.sync(() => {
        for (const event of events) {
          if (event._tag === "ItemDelta") characters += event.delta.length
          if (event._tag === "TurnCompleted") Deferred.doneUnsafe(ended, Effect.void)
        }
      })
    ),
    Effect.forkScoped
  )
  let turns = 0
  return (prompt: string) =>
    Effect.suspend(() => {
      characters = 0
      ended = Deferred.makeUnsafe()
      const turnId = TurnId.make(`turn-${++turns}`)
      return session.sendTurn({ turnId, ref: undefined, input: { prompt } }).pipe(
        Effect.andThen(Deferred.await(ended)),
        Effect.map(() => characters),
        Effect.orDie
      )
    })
})

const client = (start: (cwd: string) => Promise<RawAcp.Client>, directory: string) =>
  Effect.map(
    Effect.acquireRelease(Effect.promise(() => start(directory)), ({ close }) => Effect.promise(close)),
    ({ runTurn }) => (prompt: string) => Effect.promise(() => runTurn(prompt))
  )

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const adapter = yield* ours(directory)
  const byHand = yield* client(RawAcp.byHand, directory)
  const sdk = yield* client(RawAcp.withSdk, directory)
  let lost = 0
  const rate = (run: typeof byHand, count = false) =>
    Effect.gen(function*() {
      let came = 0
      const took = yield* millis(Effect.map(run(`deltas ${deltas}`), (characters) => {
        came = characters
      }))
      if (count) lost += Math.abs(expected - came)
      return [deltas / took * 1000]
    })
  const turns = yield* alternate({ warmup: 20, measured: 100 }, repeat(1, adapter("hello")), repeat(1, byHand("hello")))
  const rates = yield* alternate(rounds, rate(adapter, true), rate(byHand))
  const besideSdk = yield* alternate(rounds, rate(adapter, true), rate(sdk))
  return [
    figure({
      name: "turn of 100 chunks, ACP adapter alone",
      unit: "ms",
      ours: turns.a,
      raw: turns.b,
      goal: { text: "within 3 ms of raw", met: ({ ours, raw }) => ours - raw <= 3 }
    }),
    figure({
      name: "chunks, ACP adapter beside a loop by hand",
      unit: "events/s",
      more: true,
      ours: rates.a,
      raw: rates.b
    }),
    figure({
      name: "chunks, ACP adapter beside the SDK's client",
      unit: "events/s",
      more: true,
      ours: besideSdk.a,
      raw: besideSdk.b,
      goal: { text: "1.0x of the SDK, none lost", met: ({ ratio }) => ratio >= 1 && lost === 0 }
    }),
    figure({
      name: "characters lost, ACP adapter",
      unit: "characters",
      ours: [lost],
      goal: { text: "0", met: ({ ours }) => ours === 0 }
    })
  ]
}).pipe(Effect.provide(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))
