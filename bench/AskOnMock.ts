/**
 * One question without a thread on the mock agent: a session that is started, asked and gone, all that the library itself
 * costs. A sample is the mean of a block of questions.
 */
import { Effect, Layer } from "effect"
import { InstanceId, ProviderService } from "../src/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const block = 50
const rounds = { warmup: 10, measured: 40 }

const blockOfQuestions = Effect.gen(function*() {
  const agents = yield* ProviderService
  const total = yield* millis(Effect.gen(function*() {
    for (let n = 0; n < block; n++) {
      yield* agents.ask({ instanceId: InstanceId.make("mock"), prompt: "A title, please." })
    }
  }))
  return total / block
})

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const host = yield* Layer.build(MockHost.layer({ store: { filename: `${directory}/store.db` } }))
  const samples: Array<number> = []
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const taken = yield* Effect.provideContext(blockOfQuestions, host)
    if (round >= 0) samples.push(taken)
  }
  return [
    figure({
      name: "question without a thread on the mock",
      unit: "ms",
      ours: samples,
      goal: { text: "2 ms", met: ({ ours }) => ours <= 2 }
    })
  ]
})
