/**
 * The whole app without Effect: agents and a store in, functions that answer Promises out.
 *
 * **Example**
 *
 * ```ts
 * import { CodingAgents } from "effect-coding-agents/promise"
 * import { OpenCode } from "effect-coding-agents/opencode"
 *
 * await using agents = await CodingAgents.open({ agents: OpenCode.layer(), store: "threads.db" })
 * await agents.startSession({ threadId: "t1", instanceId: "opencode", directory: process.cwd() })
 * const turn = await agents.runTurn({ threadId: "t1", prompt: "What is in this repository?" })
 * console.log(turn.text)
 * ```
 *
 * **Gotchas**
 *
 * - One process owns a store: open it once, and close it before the process ends. What a killed process left is settled
 *   when the store is opened again.
 * - `await using` needs Node 24 or a compiler; elsewhere call `close`.
 * - Inside a hook use the `agents` that it is given.
 *
 * @since 0.1.0
 */
import { Context, Effect, Exit, type FileSystem, Layer, type Path, Schema, Scope } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import * as Effectful from "../CodingAgents.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import type { LifecycleHooks } from "../hooks/LifecycleHooks.ts"
import type { Settings } from "../host/Settings.ts"
import type { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import { HookDeliveries } from "../service/HookDeliveries.ts"
import * as Operations from "../service/Operations.ts"
import { ProviderService } from "../service/ProviderService.ts"
import { TranscriptArchive } from "../service/TranscriptArchive.ts"
import { SessionStore, type Stores } from "../store/SessionStore.ts"
import * as Calls from "./Calls.ts"
import * as Door from "./Door.ts"

/**
 * What agents, hooks and stores may need of the machine.
 *
 * @category models
 * @since 0.1.0
 */
export type Platform = FileSystem.FileSystem | Path.Path | ChildProcessSpawner.ChildProcessSpawner

type Part = Layer.Layer<
  never,
  unknown,
  ProviderRegistry | LifecycleHooks | Stores | Platform | HttpClient.HttpClient
>

/**
 * What an app is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Calls.CallOptions {
  /** One agent or several: `OpenCode.layer()`, `Codex.layer()`, ... */
  readonly agents: Part | ReadonlyArray<Part>
  /** A file for SQLite (`:memory:` for none), or a Layer such as `SessionStore.layer` on another database. */
  readonly store: string | Layer.Layer<Stores, unknown, Platform>
  /** Of `setup`, `observe`, `guard` and `transform`, of `CommandHook` and `WebhookHook`. Default: none. */
  readonly hooks?: ReadonlyArray<Part> | undefined
  readonly settings?: Settings | undefined
  /** Default: `NodeServices.layer` of `@effect/platform-node`, which must be installed. */
  readonly platform?: Layer.Layer<Platform> | undefined
}

/**
 * The app: every operation of the service, and those of the archive and of hooks' deliveries.
 *
 * @category models
 * @since 0.1.0
 */
export interface CodingAgents extends Door.Threads, AsyncDisposable {
  /** Saved transcripts. */
  readonly archive: Door.Archive
  /** What hooks could not be told. */
  readonly deliveries: Door.Deliveries
  /**
   * Stops all sessions as a shutdown does and closes the store; settles once all is over. Open iterations end. A call that
   * is under way and cannot end rejects with `AgentsClosed`, and so does every later one. The same as leaving the block of
   * `await using`; may be called again.
   */
  readonly close: () => Promise<void>
}

const isLayer = (input: unknown): input is Layer.Layer<unknown, unknown, unknown> => Layer.isLayer(input)
const part = (expected: string) => Schema.declare(isLayer, { expected })
const parts = (example: string) =>
  Schema.Union([part(`a Layer, as ${example}`), Schema.Array(part(`a Layer, as ${example}`))])

/** What the compiler of a JavaScript app does not check. A misspelt option would be one that is left out. */
const decode = Schema.decodeUnknownEffect(
  Schema.Struct({
    agents: parts("OpenCode.layer()"),
    store: Schema.Union([Schema.String, part("the name of a file, or a Layer")]),
    hooks: Schema.optional(parts("observe({ ... })")),
    settings: Schema.optional(Schema.Unknown),
    platform: Schema.optional(part("a Layer")),
    signal: Schema.optional(Schema.Unknown)
  }),
  { errors: "all", onExcessProperty: "error" }
)

const check = (options: unknown) =>
  Effect.mapError(decode(options), (error) => new Effectful.SettingsInvalid({ issues: InputIssue.of(error) }))

const nodePlatform: Layer.Layer<Platform> = Layer.unwrap(
  Effect.map(Effect.promise(() => import("@effect/platform-node/NodeServices")), ({ layer }) => layer)
)

const layerOf = ({ agents, hooks, platform = nodePlatform, settings, store }: Options) =>
  Effectful.layer({
    agents,
    hooks,
    settings,
    store: typeof store === "string" ? SessionStore.layerSqlite({ filename: store }) : store
  }).pipe(Layer.provide([platform, FetchHttpClient.layer]))

const doorOf = (
  services: Context.Context<ProviderService | TranscriptArchive | HookDeliveries>,
  scope: Scope.Closeable
): CodingAgents => {
  const running = new Calls.Running()
  const calls = Calls.make(services, running)
  let closing: Promise<void> | undefined
  const close = () => {
    running.close()
    // The service first, which ends turns and streams as a shutdown does; then what it could not end.
    closing ??= Effect.runPromiseWith(services)(Effect.ensuring(Scope.close(scope, Exit.void), running.drain))
    return closing
  }
  return {
    ...Door.make(calls, Operations.service, Context.get(services, ProviderService)),
    archive: Door.make(calls, Operations.archive, Context.get(services, TranscriptArchive)),
    deliveries: Door.make(calls, Operations.hooks, Context.get(services, HookDeliveries)),
    close,
    [Symbol.asyncDispose]: close
  }
}

/**
 * Opens the store, registers the agents, and settles what a crash has left. Rejects with what can go wrong there:
 * `StoreOwned`, `StoreCorrupt`, `SettingsInvalid`, `HookInvalid`, ...
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (options: Options): Promise<CodingAgents> =>
  Calls.make(Context.empty()).run(
    // What was built is closed again, or is the caller's to close.
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* check(options)
        const scope = yield* Scope.make()
        const services = yield* restore(Layer.buildWithScope(layerOf(options), scope)).pipe(
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
        return doorOf(services, scope)
      })
    ),
    options
  )
