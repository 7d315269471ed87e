/**
 * The whole library on the mock agent: a real SQLite file, the service, and what tests need to see.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { type Duration, Effect, FileSystem, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { HookError } from "../../src/hooks/index.ts"
import {
  CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  type ThreadEvent,
  ThreadId,
  type TurnId
} from "../../src/index.ts"
import { DeliveryUncertain, TurnRefused } from "../../src/protocol.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider, type MockProviderOptions } from "../../src/testing/index.ts"
import * as Remote from "./Remote.ts"

export const threadId = ThreadId.make("thread")
export const mock = InstanceId.make("mock")

export interface Options {
  /** Default: a database in memory. */
  readonly filename?: string | undefined
  /** How long a statement waits for a lock, in real time. */
  readonly busyTimeout?: Duration.Input | undefined
  readonly settings?: CodingAgents.Settings | undefined
  readonly mock?: MockProviderOptions | undefined
  readonly hooks?: ReadonlyArray<Layer.Layer<never, HookError, LifecycleHooks>> | undefined
  /** Hooks that look at the mock. */
  readonly hooksOnMock?: ReadonlyArray<Layer.Layer<never, HookError, LifecycleHooks | MockProvider>> | undefined
}

/** What runs without any library of ours. */
export const platform = NodeServices.layer

/**
 * One host on a store of any kind: closing its scope is an orderly shutdown. In vitest's project `remote` the services are
 * those of a client of it, by way of a socket.
 */
export const layerOn = <A, E, R>(
  store: Layer.Layer<A, E, R>,
  options: Pick<Options, "settings" | "mock" | "hooks" | "hooksOnMock"> = {}
) => {
  const host = local(store, options)
  return process.env["SERVICES"] === "remote" ? Layer.merge(host, Remote.over(host)) : host
}

const local = <A, E, R>(
  store: Layer.Layer<A, E, R>,
  options: Pick<Options, "settings" | "mock" | "hooks" | "hooksOnMock">
) =>
  CodingAgents.layerService(options.settings).pipe(
    Layer.provide(Layer.orDie(Layer.mergeAll(Layer.empty, ...options.hooks ?? [], ...options.hooksOnMock ?? []))),
    Layer.provideMerge(MockProvider.layer(options.mock)),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(store),
    Layer.provideMerge(NodeServices.layer)
  )

/** One host on a store of its own. */
export const layer = (options: Options = {}) =>
  layerOn(
    Layer.orDie(SessionStore.layer.pipe(
      Layer.provideMerge(SqliteClient.layer({
        filename: options.filename ?? ":memory:",
        busyTimeout: options.busyTimeout
      }))
    )),
    options
  )

/** A folder that is gone after the test. */
export const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
})

/** Starts the thread on the mock in a folder of its own. */
export const start = Effect.fnUntraced(function*(options: { readonly directory?: string } = {}) {
  const agents = yield* ProviderService
  return yield* agents.startSession({ threadId, instanceId: mock, directory: options.directory ?? (yield* folder) })
})

/** For what only the database shows. */
export const sql = SqlClient.SqlClient

export const uncertain = (turnId: TurnId) => new DeliveryUncertain({ turnId, code: "ECONNRESET" })
export const refused = (turnId: TurnId) => new TurnRefused({ turnId, name: "ModelNotFound", reason: null })

/** All that is stored of the thread. */
export const stored = Effect.fnUntraced(function*(id: ThreadId = threadId) {
  const store = yield* SessionStore
  return yield* store.readEvents({ threadId: id, after: 0, limit: 10_000 })
})

/** The first event that fits, stored or to come. */
export const awaitEvent = <A extends ThreadEvent>(fits: (event: ThreadEvent) => event is A, id: ThreadId = threadId) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    return yield* agents.streamEvents({ threadId: id }).pipe(
      Stream.filter(fits),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
  })

export const is =
  <Tag extends ThreadEvent["_tag"]>(tag: Tag) =>
  (event: ThreadEvent): event is Extract<ThreadEvent, { readonly _tag: Tag }> => event._tag === tag

export const tags = (events: ReadonlyArray<ThreadEvent>) => events.map((event) => event._tag)

/** Terminal events per turn: every accepted turn has one. */
export const endings = (events: ReadonlyArray<ThreadEvent>): Record<string, ReadonlyArray<string>> => {
  const found: Record<string, Array<string>> = {}
  for (const event of events) {
    if (event._tag === "TurnStarted") found[event.turnId] = []
    if (
      event._tag === "TurnCompleted" || event._tag === "TurnFailed" || event._tag === "TurnInterrupted" ||
      event._tag === "TurnUnknown"
    ) {
      found[event.turnId]?.push(event._tag)
    }
  }
  return found
}
