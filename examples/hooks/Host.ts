/** The app: one agent, three hooks, a store. Everything that survives is in `folder`. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Layer } from "effect"
import { CodingAgents, SessionStore, SqliteClient } from "../../src/index.ts"
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
  [
    Greeter.layer(`${folder}/guests.txt`),
    Cleanup.layer(`${folder}/scratch`),
    Analytics.layer.pipe(Layer.provide(analytics(folder)))
  ] as const

export const layer = (folder: string) =>
  CodingAgents.layer({
    agents: Agent,
    hooks: hooks(folder),
    store: SessionStore.layerSqlite({ filename: `${folder}/threads.db` }),
    settings: { reaper: { idleAfter: "2 seconds", sweepEvery: "100 millis" } }
  }).pipe(Layer.provide(NodeServices.layer))
