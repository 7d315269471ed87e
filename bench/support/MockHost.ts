/** The whole library on the mock agent, on a SQLite file in a temporary folder of a real disk, or without a store. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer } from "effect"
import {
  CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId
} from "../../src/index.ts"
import { MockProvider, type MockScript } from "../../src/testing/index.ts"
import * as NoStore from "./NoStore.ts"

export const instanceId = InstanceId.make("mock")

/** A folder that is removed when the scope closes, by its real path. */
export const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "bench-" }))
}).pipe(Effect.provide(NodeServices.layer), Effect.orDie)

export const layer = (options: {
  readonly store: "none" | { readonly filename: string }
  readonly script?: MockScript | undefined
  readonly settings?: CodingAgents.Settings | undefined
}) =>
  CodingAgents.layerService(options.settings).pipe(
    Layer.provideMerge(MockProvider.layer({ script: options.script })),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(
      options.store === "none" ? NoStore.layer : Layer.orDie(SessionStore.layerSqlite(options.store))
    ),
    Layer.provideMerge(NodeServices.layer),
    Layer.orDie
  )

let threads = 0

/** Starts a new thread that needs no approvals. */
export const newThread = Effect.fnUntraced(function*(directory: string) {
  const agents = yield* ProviderService
  const threadId = ThreadId.make(`bench-${++threads}`)
  yield* agents.startSession({ threadId, instanceId, directory, runtimeMode: "full-access" })
  return threadId
})
