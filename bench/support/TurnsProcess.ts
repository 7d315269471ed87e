/**
 * A host that takes turns on the mock, to be looked at from outside: `TurnsProcess.ts FOLDER TURNS BURSTS
 * ITEMS`. Each turn comes in bursts of so many items, with a millisecond between them. Its one line of output is how many transactions of each kind the store made.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { isTerminal, type NumberedEvent } from "../../src/domain/ThreadEvent.ts"
import { CodingAgents, LifecycleHooks, ProviderRegistry, ProviderService, SessionStore } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as MockHost from "./MockHost.ts"

const [folder = "", turns = 0, bursts = 0, items = 0] = process.argv.slice(2)

const counts = { recordIntent: 0, acceptTurn: 0, appendEvents: 0, endTurn: 0, events: 0 }

const counted =
  <Args extends ReadonlyArray<unknown>, R>(operation: keyof typeof counts, f: (...args: Args) => R) =>
  (...args: Args): R => {
    counts[operation]++
    return f(...args)
  }

/** What a commit of these events is to its turn. */
const kindOf = (events: ReadonlyArray<NumberedEvent>): keyof typeof counts => {
  if (events.some((event) => event._tag === "TurnStarted")) return "acceptTurn"
  return events.some(isTerminal) ? "endTurn" : "appendEvents"
}

const store = Layer.effect(
  SessionStore,
  Effect.map(SessionStore, (store) =>
    SessionStore.of({
      ...store,
      recordIntent: counted("recordIntent", store.recordIntent),
      commit: (write) => {
        const events = write.parts.flatMap((part) => part.events)
        counts[kindOf(events)]++
        counts.events += events.length
        return store.commit(write)
      }
    }))
).pipe(Layer.provideMerge(SessionStore.layerSqlite({ filename: `${folder}/store.db` })))

const burst = Array.from({ length: Number(items) }, () => MockStep.text("said"))
const turn = Array.from({ length: Number(bursts) }, (_, n) => n === 0 ? burst : [MockStep.sleep("1 millis"), ...burst])
  .flat()

const host = CodingAgents.layerService().pipe(
  Layer.provideMerge(MockProvider.layer({ script: () => turn })),
  Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
  Layer.provideMerge(store),
  Layer.provideMerge(NodeServices.layer)
)

const program = Effect.gen(function*() {
  const agents = yield* ProviderService
  const threadId = yield* MockHost.newThread(folder)
  for (let n = 0; n < Number(turns); n++) yield* agents.runTurn({ threadId, prompt: "hello" })
  yield* Console.log(JSON.stringify(counts))
})

NodeRuntime.runMain(program.pipe(Effect.provide(host)))
