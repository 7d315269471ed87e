/**
 * `ThreadView.step` over the events of a thread: 100 turns, in all 100,000 events as a reader was shown them, mostly deltas.
 * A sample is one fold of all of them.
 */
import { Effect, Fiber, Stream } from "effect"
import { isTerminal, ProviderService, type ThreadEvent, ThreadView } from "../src/index.ts"
import { MockStep } from "../src/testing/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const turns = 100
/** Of a turn. */
const items = 50
const deltas = 18
const rounds = { warmup: 5, measured: 20 }

const recorded = (directory: string) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const threadId = yield* MockHost.newThread(directory)
    let ends = 0
    const reader = yield* agents.streamEvents({ threadId }).pipe(
      Stream.takeUntil((event) => isTerminal(event) && ++ends === turns),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    for (let n = 0; n < turns; n++) yield* agents.runTurn({ threadId, prompt: "go" })
    return yield* Fiber.join(reader)
  })

const fold = (events: ReadonlyArray<ThreadEvent>) => events.reduce(ThreadView.step, ThreadView.empty)

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const steps = Array.from({ length: items }, () => MockStep.text(Array.from({ length: deltas }, () => "delta ")))
  const host = MockHost.layer({ store: { filename: `${directory}/store.db` }, script: () => steps })
  const events = yield* Effect.provide(recorded(directory), host)
  const rates: Array<number> = []
  let whole = true
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const took = yield* millis(Effect.sync(() => {
      const shown = ThreadView.turns(fold(events))
      whole &&= shown.length === turns && shown.every((turn) => turn.items.length === items + 1)
    }))
    if (round >= 0) rates.push(events.length / took * 1000)
  }
  return [
    figure({
      name: "ThreadView.step, mostly deltas",
      unit: "events/s",
      ours: rates,
      more: true,
      goal: { text: "1,000,000", met: ({ ours }) => whole && ours >= 1_000_000 }
    })
  ]
})
