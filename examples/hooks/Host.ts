/** The app: one agent, three hooks, a store. Everything that survives is in `folder`. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Layer } from "effect"
import { CodingAgents, LifecycleHooks, ProviderRegistry, SessionStore, SqliteClient } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Analytics from "./Analytics.ts"
import * as Cleanup from "./Cleanup.ts"
import * as Greeter from "./Greeter.ts"

/** A stand-in for an agent. For a real one put `OpenCode.layer()` in its place. */
const Agent = MockProvider.layer({
  script: ({ history, prompt }) =>
    prompt === "never ends" ? [MockStep.hang] : [
      MockStep.text(`You asked "${prompt}", and I remember ${history.length} messages.`),
      MockStep.usage({ input: 900 + 10 * history.length, output: 40, costUsd: 0.01 })
    ]
})

export const analytics = (folder: string) => SqliteClient.layer({ filename: `${folder}/analytics.db` })

const hooks = (folder: string) =>
  Layer.mergeAll(
    Greeter.layer(`${folder}/guests.txt`),
    Cleanup.layer(`${folder}/scratch`),
    Analytics.layer.pipe(Layer.provide(analytics(folder)))
  )

export const layer = (folder: string) =>
  CodingAgents.layerService({ reaper: { idleAfter: "2 seconds", sweepEvery: "100 millis" } }).pipe(
    Layer.provide(Agent),
    Layer.provide(hooks(folder)),
    Layer.provide([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provide(SessionStore.layerSqlite({ filename: `${folder}/threads.db` })),
    Layer.provide(NodeServices.layer)
  )
