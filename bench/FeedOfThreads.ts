/**
 * Events per second to one reader of `streamAllEvents`: all that is stored of 1,000 threads, 100 events each, read from the
 * start by a host that was started for it.
 */
import { Effect, Stream } from "effect"
import { ProviderService } from "../src/index.ts"
import { MockStep } from "../src/testing/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const threads = 1000
/** Its session, its turn and the items of that: two events each. */
const perThread = 100
const items = (perThread - 4) / 2
const rounds = { warmup: 1, measured: 5 }

const fill = (directory: string) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    for (let n = 0; n < threads; n++) {
      const threadId = yield* MockHost.newThread(directory)
      yield* agents.runTurn({ threadId, prompt: "go" })
      yield* agents.stopSession({ threadId })
    }
  })

/** All that is there, counted. */
const read = Effect.gen(function*() {
  const agents = yield* ProviderService
  let events = 0
  yield* agents.streamAllEvents({}).pipe(
    Stream.take(threads * perThread),
    Stream.runForEachArray((some) =>
      Effect.sync(() => {
        events += some.length
      })
    )
  )
  return events
})

export const measure = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const steps = Array.from({ length: items }, () => MockStep.text(["some words of an answer"]))
  const host = MockHost.layer({ store: { filename: `${directory}/store.db` }, script: () => steps })
  yield* Effect.provide(fill(directory), host, { local: true })
  const rates: Array<number> = []
  let missing = 0
  yield* Effect.gen(function*() {
    for (let round = -rounds.warmup; round < rounds.measured; round++) {
      const took = yield* millis(Effect.tap(read, (events) =>
        Effect.sync(() => {
          missing += threads * perThread - events
        })))
      if (round >= 0) rates.push(threads * perThread / took * 1000)
    }
  }).pipe(Effect.provide(host, { local: true }))
  return [
    figure({
      name: "stored events of 1,000 threads to one reader",
      unit: "events/s",
      ours: rates,
      more: true,
      goal: { text: "300,000 and none missing", met: ({ ours }) => ours >= 300_000 && missing === 0 }
    })
  ]
})
