/**
 * What the library adds to a turn of one chunk, and to one of 10,000 deltas, on a real Claude Code: `runTurn` and
 * `streamEvents`, and a hand-written loop of stream-json, in turn. Each session has a process of its own, of the same binary, on
 * the same model. Lost are characters that did not come.
 *
 * And what live sessions of one turn each take: the share of their processes in what the machine has (PSS, so that pages that
 * they have in common count once).
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer } from "effect"
import * as Processes from "../examples/support/Processes.ts"
import { ProviderService } from "../src/index.ts"
import * as ClaudeHost from "./support/ClaudeHost.ts"
import * as Deltas from "./support/Deltas.ts"
import { alternate, figure, millis, repeat } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawClaude from "./support/RawClaude.ts"
import * as TurnFigures from "./support/TurnFigures.ts"

const sessions = 4

export const measure = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const model = yield* OpenCodeHost.model
  const directory = yield* MockHost.folder
  const binary = yield* ClaudeHost.binary
  const processes = yield* Processes.make
  const options = ClaudeHost.options(model, `${directory}/ours`, processes.env)
  const host = yield* Layer.build(ClaudeHost.host(`${directory}/store.db`, options))
  const agents = Context.get(host, ProviderService)
  const newThread = Effect.provideContext(ClaudeHost.newThread(directory), host)

  const threads = yield* Effect.replicateEffect(newThread, sessions)
  yield* Effect.forEach(threads, (threadId) => agents.runTurn({ threadId, prompt: "hello" }), { discard: true })
  const shares = yield* Effect.forEach(yield* processes.alive, ({ pid }) =>
    Effect.map(
      fs.readFileString(`/proc/${pid}/smaps_rollup`),
      (text) => Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN) / 1024
    ))
  yield* Effect.forEach(threads, (threadId) => agents.stopSession({ threadId }), { discard: true })

  const startRaw = Effect.acquireRelease(
    Effect.promise(() => RawClaude.start(binary, model, `${directory}/raw`, directory)),
    (raw) => Effect.promise(raw.close)
  )
  const threadId = yield* newThread
  const raw = yield* startRaw
  const turns = yield* alternate(
    { warmup: 12, measured: 60 },
    repeat(1, agents.runTurn({ threadId, prompt: "hello" })),
    repeat(1, Effect.promise(() => raw.runTurn("hello")))
  )

  let lost = 0
  const ours = Effect.gen(function*() {
    const turn = yield* Effect.provideContext(Effect.flatMap(ClaudeHost.newThread(directory), Deltas.turn), host)
    lost += turn.lost
    return turn.rate
  })
  const byHand = Effect.scoped(Effect.gen(function*() {
    const fresh = yield* startRaw
    return Deltas.rate(yield* millis(Effect.promise(() => fresh.runTurn(Deltas.prompt))))
  }))
  const rates = yield* alternate({ warmup: 1, measured: 8 }, ours, byHand)
  return [
    ...TurnFigures.figures("Claude", { turns, rates, lost }),
    figure({
      name: `resident share of a Claude, one of ${sessions} live sessions`,
      unit: "MB",
      ours: [shares.reduce((sum, share) => sum + share, 0) / sessions]
    })
  ]
}).pipe(Effect.provide(NodeServices.layer))
