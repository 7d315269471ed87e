/**
 * Events per second from the agent to one subscriber, with the store on, in one turn of 100,000 events.
 *
 * `mostly deltas` is what agents send: items of one start, 18 deltas and one completion, so one event in ten is stored.
 * `all stored` is the worst case: every event is durable. The time is from the call of `sendTurn` to the terminal event
 * at the subscriber; an event that is missing or out of order, there or in the store, makes the goal missed.
 */
import { Effect, Fiber, Stream } from "effect"
import { isTerminal, ProviderService, SessionStore, type ThreadEvent, type ThreadId } from "../src/index.ts"
import { isEphemeral } from "../src/protocol.ts"
import { MockStep } from "../src/testing/index.ts"
import { figure, millis } from "./support/Figure.ts"
import * as MockHost from "./support/MockHost.ts"

const total = 100_000
const rounds = { warmup: 2, measured: 5 }

/** The agent emits item by item, as its frames would come. */
const items = (perItem: number) => {
  const deltas = Array.from({ length: perItem - 2 }, () => "delta ")
  return Array.from({ length: total / perItem }, () => MockStep.text(deltas))
}

/** What a reader must see of it: the thread's start, the turn's start and end, and all in between. */
const expected = { events: total + 3, durable: (perItem: number) => total / perItem * 2 + 3 }

interface Seen {
  readonly events: number
  readonly durable: number
  readonly inOrder: boolean
}

/** Reads up to the terminal event. */
const subscribe = (threadId: ThreadId) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const seen = { events: 0, durable: 0, inOrder: true }
    const take = (event: ThreadEvent) => {
      seen.events++
      if (!isEphemeral(event)) seen.durable++
      if (event.seq !== seen.durable) seen.inOrder = false
    }
    yield* agents.streamEvents({ threadId }).pipe(
      Stream.takeUntil(isTerminal),
      Stream.runForEachArray((events) => Effect.sync(() => events.forEach(take)))
    )
    return seen
  })

const stored = (threadId: ThreadId) =>
  Effect.map(
    SessionStore.use((store) => store.readEvents({ threadId, after: 0, limit: total * 2 })),
    (events) => events.filter((event, n) => event.seq === n + 1).length
  )

const measureOne = (name: string, perItem: number, goal: boolean) =>
  Effect.gen(function*() {
    const directory = yield* MockHost.folder
    const rates: Array<number> = []
    let lost = 0
    const steps = items(perItem)
    yield* Effect.gen(function*() {
      const agents = yield* ProviderService
      for (let round = -rounds.warmup; round < rounds.measured; round++) {
        const threadId = yield* MockHost.newThread(directory)
        const reader = yield* Effect.forkChild(subscribe(threadId), { startImmediately: true })
        let seen: Seen | undefined
        const took = yield* millis(Effect.gen(function*() {
          yield* agents.sendTurn({ threadId, prompt: "go" })
          seen = yield* Fiber.join(reader)
        }))
        if (round >= 0) rates.push(total / took * 1000)
        const durable = expected.durable(perItem)
        if (seen?.inOrder !== true) lost++
        lost += expected.events - (seen?.events ?? 0) + Math.abs(durable - (yield* stored(threadId)))
        yield* agents.stopSession({ threadId })
      }
    }).pipe(Effect.provide(MockHost.layer({ store: { filename: `${directory}/store.db` }, script: () => steps })))
    return [
      figure({
        name: `events on the mock, ${name}`,
        unit: "events/s",
        ours: rates,
        more: true,
        ...(goal ? { goal: { text: "850,000 and none lost", met: ({ ours }) => ours >= 850_000 && lost === 0 } } : {})
      }),
      figure({
        name: `events lost, ${name}`,
        unit: "events",
        ours: [lost],
        goal: { text: "0", met: ({ ours }) => ours === 0 }
      })
    ]
  })

export const measure = Effect.gen(function*() {
  return [
    ...(yield* measureOne("mostly deltas", 20, true)),
    ...(yield* measureOne("all stored", 2, false))
  ]
})
