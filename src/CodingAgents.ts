/**
 * The whole app in one Layer: agents, hooks and a store in, {@link ProviderService}, {@link TranscriptArchive}
 * and {@link HookDeliveries} out.
 *
 * **Example** (threads on OpenCode)
 *
 * ```ts
 * const App = CodingAgents.layer({
 *   agents: OpenCode.layer(),
 *   store: SessionStore.layerSqlite({ filename: "threads.db" }),
 *   settings: { reaper: { idleAfter: "30 minutes" } }
 * }).pipe(Layer.provide(NodeServices.layer))
 *
 * const program = Effect.gen(function*() {
 *   const agents = yield* ProviderService
 *   const threadId = ThreadId.make("t1")
 *   yield* agents.startSession({ threadId, instanceId: InstanceId.make("opencode"), directory: "/repo" })
 *   const turn = yield* agents.runTurn({ threadId, prompt: "What is in this repository?" })
 *   console.log(turn.text)
 * }).pipe(Effect.provide(App))
 * ```
 *
 * **Gotchas**
 *
 * - One process owns a store. A second one is refused with `StoreOwned`.
 * - Adapters and hooks find the registries of the Layer that they are given to. An adapter that is built elsewhere is
 *   not known here.
 *
 * @since 0.1.0
 */
import { Context, Deferred, Effect, type FileSystem, Layer, type Path, Schema } from "effect"
import * as InputIssue from "./domain/InputIssue.ts"
import { LifecycleHooks } from "./hooks/LifecycleHooks.ts"
import * as door from "./host/door.ts"
import { make } from "./host/host.ts"
import * as HostSettings from "./host/Settings.ts"
import * as SettingsConfig from "./host/SettingsConfig.ts"
import { ProviderRegistry } from "./provider/ProviderRegistry.ts"
import type { Ask } from "./service/Commands.ts"
import { HookDeliveries } from "./service/HookDeliveries.ts"
import type { AskErrors } from "./service/OperationErrors.ts"
import { ProviderService } from "./service/ProviderService.ts"
import type { Answer } from "./service/Results.ts"
import { AskOutputInvalid } from "./service/ServiceError.ts"
import { TranscriptArchive } from "./service/TranscriptArchive.ts"
import type { Stores } from "./store/SessionStore.ts"

export { defaults, type Settings, SettingsInvalid } from "./host/Settings.ts"
export { type FromConfig } from "./host/SettingsConfig.ts"

/**
 * The service alone, for those who compose the rest by hand. Adapters register themselves with the `ProviderRegistry`,
 * hooks with `LifecycleHooks`; the reaper runs as long as this Layer. One service per store: a second one takes threads
 * over, and what the first then writes is refused (`EpochFenced`).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerService = (settings: HostSettings.Settings = {}): Service<HostSettings.SettingsInvalid> =>
  serviceOf(HostSettings.resolve(settings))

type Service<E> = Layer.Layer<
  ProviderService | TranscriptArchive | HookDeliveries,
  E,
  ProviderRegistry | LifecycleHooks | Stores | FileSystem.FileSystem | Path.Path
>

const serviceOf = <E>(settings: Effect.Effect<HostSettings.Resolved, E>): Service<E> =>
  Layer.effectContext(Effect.gen(function*() {
    const { deliveries, service, services, transcripts } = yield* make(yield* settings)
    const context = Context.make(ProviderService, door.service(service)).pipe(
      Context.add(TranscriptArchive, door.archive(transcripts)),
      Context.add(HookDeliveries, door.hooks(deliveries))
    )
    yield* Deferred.succeed(services, context)
    return context
  }))

type AnyLayer = Layer.Layer<never, unknown, unknown>

type OneOf<Layers extends AnyLayer | ReadonlyArray<AnyLayer>> = Layers extends ReadonlyArray<infer One extends AnyLayer>
  ? One
  : Extract<Layers, AnyLayer>

function merged<Layers extends AnyLayer | ReadonlyArray<AnyLayer>>(
  layers: Layers
): Layer.Layer<
  Layer.Success<OneOf<Layers>>,
  Layer.Error<OneOf<Layers>>,
  Layer.Services<OneOf<Layers>>
>
function merged(layers: AnyLayer | ReadonlyArray<AnyLayer>): AnyLayer {
  return isMany(layers) ? Layer.mergeAll(Layer.empty, ...layers) : layers
}

const isMany = (layers: AnyLayer | ReadonlyArray<AnyLayer>): layers is ReadonlyArray<AnyLayer> => Array.isArray(layers)

/**
 * What an app is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts<
  Agents extends AnyLayer | ReadonlyArray<AnyLayer>,
  Hooks extends ReadonlyArray<AnyLayer>,
  StoreError,
  StoreNeeds
> {
  /** One adapter's Layer or several: `OpenCode.layer()`, `MockProvider.layer()`, ... */
  readonly agents: Agents
  /** Layers of `LifecycleHooks.observe`, `guard` and `transform`, of `CommandHook` and `WebhookHook`. Default: none. */
  readonly hooks?: Hooks | undefined
  /** `SessionStore.layerSqlite(...)`, or `SessionStore.layer` on another database. */
  readonly store: Layer.Layer<Stores, StoreError, StoreNeeds>
}

const compose = <
  Agents extends AnyLayer | ReadonlyArray<AnyLayer>,
  Hooks extends ReadonlyArray<AnyLayer>,
  StoreError,
  StoreNeeds,
  ServiceError
>(
  { agents, hooks, store }: Parts<Agents, Hooks, StoreError, StoreNeeds>,
  service: Service<ServiceError>
) =>
  service.pipe(
    // Fresh, so that two apps that are built together do not share registries, nor adapters and hooks that are in the other's.
    Layer.provide(Layer.fresh(hooks === undefined ? Layer.empty : merged(hooks))),
    Layer.provideMerge(Layer.fresh(merged(agents))),
    Layer.provideMerge(Layer.fresh(Layer.merge(ProviderRegistry.layer, LifecycleHooks.layer))),
    Layer.provideMerge(store)
  )

/**
 * The whole app. What it still needs is what the agents, the hooks and the store need of the platform
 * (`NodeServices.layer`). It also gives what the agents' Layers give, such as `MockProvider`, and the stores.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  const Agents extends AnyLayer | ReadonlyArray<AnyLayer>,
  StoreError,
  StoreNeeds,
  const Hooks extends ReadonlyArray<AnyLayer> = readonly []
>(
  parts: Parts<Agents, Hooks, StoreError, StoreNeeds> & {
    readonly settings?: HostSettings.Settings | undefined
  }
) => compose(parts, layerService(parts.settings))

/**
 * As {@link layer}, with settings that are read from Effect's `Config` when the Layer is built.
 *
 * **Example** (`IDLE_AFTER="10 minutes"` in the environment)
 *
 * ```ts
 * CodingAgents.layerConfig({
 *   agents: OpenCode.layer(),
 *   store: SessionStore.layerSqlite({ filename: "threads.db" }),
 *   settings: {
 *     onMissing: "rehydrate",
 *     reaper: { idleAfter: Config.Duration("IDLE_AFTER").pipe(Config.withDefault(Duration.minutes(30))) }
 *   }
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <
  const Agents extends AnyLayer | ReadonlyArray<AnyLayer>,
  StoreError,
  StoreNeeds,
  const Hooks extends ReadonlyArray<AnyLayer> = readonly []
>(
  parts: Parts<Agents, Hooks, StoreError, StoreNeeds> & {
    readonly settings: SettingsConfig.FromConfig
  }
) => compose(parts, serviceOf(Effect.flatMap(SettingsConfig.read(parts.settings), HostSettings.resolve)))

/**
 * Asks for a value: the answer of `ask` is decoded by the Schema, and where it does not fit, the agent is told why and asked
 * once more. Fails with `AskOutputInvalid` if that does not fit either.
 *
 * **Example** (a commit message)
 *
 * ```ts
 * const Message = Schema.Struct({ subject: Schema.String, body: Schema.String })
 * const { output } = yield* CodingAgents.askFor(Message, { instanceId, prompt: `Describe this change:\n${diff}` })
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const askFor = Effect.fn("CodingAgents.askFor")(function*<A, I>(
  schema: Schema.Codec<A, I>,
  input: Omit<Ask, "output">
): Effect.fn.Return<Omit<Answer, "output"> & { readonly output: A }, AskErrors, ProviderService> {
  const agents = yield* ProviderService
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all" })
  const described = Schema.toJsonSchemaDocument(schema)
  const output = yield* Effect.orDie(
    Schema.decodeUnknownEffect(Schema.JsonObject)({ ...described.schema, $defs: described.definitions })
  )
  const attempt = Effect.fnUntraced(function*(prompt: string) {
    const answer = yield* agents.ask({ ...input, prompt, output })
    const { instanceId, text } = answer
    const decoded = yield* Effect.mapError(
      decode(answer.output),
      (error) => new AskOutputInvalid({ instanceId, text, issues: InputIssue.bounded(InputIssue.of(error)).issues })
    )
    return { ...answer, output: decoded }
  })
  return yield* Effect.catchTag(
    attempt(input.prompt),
    "AskOutputInvalid",
    (error) =>
      attempt(`${input.prompt}\n\nYou answered:\n${error.text}\n\nThat is not valid: ${error.message}. Answer again.`)
  )
})
