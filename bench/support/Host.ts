/** The whole library on one adapter, on a SQLite file or without a store. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import {
  CodingAgents,
  type InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId
} from "../../src/index.ts"
import type { Conformance } from "../../src/testing/index.ts"
import * as NoStore from "./NoStore.ts"

export const layer = <A, E>(
  adapter: Layer.Layer<A, E, Conformance.Needs>,
  filename: string | undefined,
  settings?: CodingAgents.Settings
) =>
  CodingAgents.layerService(settings).pipe(
    Layer.provideMerge(adapter),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(
      filename === undefined ? NoStore.layer : Layer.orDie(SessionStore.layerSqlite({ filename }))
    ),
    Layer.provideMerge(NodeServices.layer)
  )

let threads = 0

/** Starts a new thread that needs no approvals. Some agents ask their model for a title where there is none. */
export const newThread = (instanceId: InstanceId, title?: string) =>
  Effect.fnUntraced(function*(directory: string) {
    const agents = yield* ProviderService
    const threadId = ThreadId.make(`bench-${++threads}`)
    yield* agents.startSession({ threadId, instanceId, directory, runtimeMode: "full-access", title })
    return threadId
  })
