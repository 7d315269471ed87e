/**
 * What the library adds to a turn of one chunk, and to one of 10,000 deltas, on a real Codex: `runTurn` and
 * `streamEvents`, and a hand-written loop of JSON-RPC, in turn. An app-server speaks to one client, so each has its own, of
 * the same binary, on the same model. Lost are characters that did not come.
 *
 * The turn is taken a second time against a raw loop whose Codex has the certificates that ours inherits.
 */
import { Context, Effect, Layer } from "effect"
import { ProviderService } from "../src/index.ts"
import { certificates } from "./support/Certificates.ts"
import * as CodexHost from "./support/CodexHost.ts"
import * as Deltas from "./support/Deltas.ts"
import { alternate, millis, repeat } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"
import * as OpenCodeHost from "./support/OpenCodeHost.ts"
import * as RawCodex from "./support/RawCodex.ts"
import * as TurnFigures from "./support/TurnFigures.ts"

export const measure = Effect.gen(function*() {
  const model = yield* OpenCodeHost.model
  const directory = yield* MockHost.folder
  const binary = yield* CodexHost.binary
  const host = yield* Layer.build(
    CodexHost.host(`${directory}/store.db`, CodexHost.options(model, `${directory}/ours`))
  )
  const agents = Context.get(host, ProviderService)
  const startRaw = (folder: string, env?: Readonly<Record<string, string>>) =>
    Effect.acquireRelease(
      Effect.promise(() => RawCodex.start(binary, model, `${directory}/${folder}`, env)),
      (raw) => Effect.promise(raw.close)
    )
  const threadId = yield* Effect.provideContext(CodexHost.newThread(directory), host)
  const turnsBeside = Effect.fnUntraced(function*(raw: RawCodex.RawCodex) {
    const thread = yield* Effect.promise(() => raw.startThread(directory))
    return yield* alternate(
      { warmup: 12, measured: 60 },
      repeat(1, agents.runTurn({ threadId, prompt: "hello" })),
      repeat(1, Effect.promise(() => raw.runTurn(thread, "hello")))
    )
  })
  const raw = yield* startRaw("raw")
  const turns = yield* turnsBeside(raw)
  const alike = yield* Effect.scoped(Effect.flatMap(startRaw("alike", certificates), turnsBeside))

  let lost = 0
  const ours = Effect.gen(function*() {
    const threadId = yield* Effect.provideContext(CodexHost.newThread(directory), host)
    const turn = yield* Effect.provideContext(Deltas.turn(threadId), host)
    lost += turn.lost
    return turn.rate
  })
  const byHand = Effect.gen(function*() {
    const thread = yield* Effect.promise(() => raw.startThread(directory))
    return Deltas.rate(yield* millis(Effect.promise(() => raw.runTurn(thread, Deltas.prompt))))
  })
  const rates = yield* alternate({ warmup: 1, measured: 8 }, ours, byHand)
  return [
    ...TurnFigures.figures("Codex", { turns, rates, lost }),
    TurnFigures.turn("Codex, raw with our certificates", alike)
  ]
})
