/**
 * The adapters of an app. An adapter's Layer registers itself in its own Scope; several instances of one provider are
 * several Layers. Swapping an agent is swapping its Layer.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  type Duration,
  Effect,
  Layer,
  Option,
  Predicate,
  RcMap,
  Schema,
  Scope,
  type Stream,
  SubscriptionRef
} from "effect"
import { InstanceId } from "../domain/Ids.ts"
import { guarded } from "./AdapterGuard.ts"
import { InstanceUnavailable } from "./InstanceError.ts"
import type { ProviderAdapter } from "./ProviderAdapter.ts"

/**
 * Two layers were given the same instance id.
 *
 * @category errors
 * @since 0.1.0
 */
export class InstanceExists
  extends Schema.TaggedError<InstanceExists>("effect-coding-agents/InstanceExists")("InstanceExists", {
    instanceId: InstanceId
  }, { httpApiStatus: 500 })
{
  readonly retryable = false
  override get message() {
    return `Two provider layers use the instance id "${this.instanceId}"`
  }
}

/**
 * Instances that are made when they are used. `None` where there is none of this id. The instance is kept until the Scope
 * closes.
 *
 * @category models
 * @since 0.1.0
 */
export type InstanceSource = (
  instanceId: InstanceId
) => Effect.Effect<Option.Option<ProviderAdapter>, InstanceUnavailable, Scope.Scope>

/**
 * The adapters of this app by their instance ids.
 *
 * @category services
 * @since 0.1.0
 */
export class ProviderRegistry extends Context.Service<ProviderRegistry, {
  readonly register: (adapter: ProviderAdapter) => Effect.Effect<void, InstanceExists, Scope.Scope>
  /**
   * Takes the place of the instance with this id, if there is one, until the Scope closes; then that is back if its own Scope
   * is still open. Sessions that are live go on with the adapter that they were started by.
   */
  readonly replace: (adapter: ProviderAdapter) => Effect.Effect<void, never, Scope.Scope>
  /** One that is registered. */
  readonly get: (instanceId: InstanceId) => Effect.Effect<Option.Option<ProviderAdapter>>
  /** All that are registered, in the order of their registration. */
  readonly list: Effect.Effect<ReadonlyArray<ProviderAdapter>>
  /** The registered instances now, and again whenever one was added, replaced or removed. */
  readonly changes: Stream.Stream<ReadonlyArray<ProviderAdapter>>
  /** Asked for instances that are not registered, until the Scope closes; the first that has one is it. */
  readonly source: (source: InstanceSource) => Effect.Effect<void, never, Scope.Scope>
  /** One that is registered, or of a source. It is there at least until the Scope closes. */
  readonly resolve: InstanceSource
}>()("effect-coding-agents/ProviderRegistry") {
  static readonly layer: Layer.Layer<ProviderRegistry> = Layer.effect(
    ProviderRegistry,
    Effect.gen(function*() {
      /** Of each instance the one that holds last, over those that it has replaced. */
      const adapters = new Map<InstanceId, ReadonlyArray<ProviderAdapter>>()
      const sources = new Set<InstanceSource>()
      const all = yield* SubscriptionRef.make<ReadonlyArray<ProviderAdapter>>([])
      const publish = Effect.suspend(() =>
        SubscriptionRef.set(all, Array.from(adapters.values()).flatMap((stack) => stack.slice(-1)))
      )
      const get = (instanceId: InstanceId) => Option.fromUndefinedOr(adapters.get(instanceId)?.at(-1))
      const put = (adapter: ProviderAdapter) =>
        Effect.suspend(() => {
          adapters.set(adapter.instanceId, [...adapters.get(adapter.instanceId) ?? [], adapter])
          return Effect.as(publish, adapter)
        })
      const take = (adapter: ProviderAdapter) =>
        Effect.suspend(() => {
          const rest = (adapters.get(adapter.instanceId) ?? []).filter((one) => one !== adapter)
          if (rest.length === 0) adapters.delete(adapter.instanceId)
          else adapters.set(adapter.instanceId, rest)
          return publish
        })
      return ProviderRegistry.of({
        register: (adapter) =>
          Effect.acquireRelease(
            Effect.suspend(() =>
              adapters.has(adapter.instanceId)
                ? new InstanceExists({ instanceId: adapter.instanceId })
                : put(guarded(adapter))
            ),
            take
          ).pipe(Effect.asVoid),
        replace: (adapter) => Effect.asVoid(Effect.acquireRelease(Effect.suspend(() => put(guarded(adapter))), take)),
        get: (instanceId) => Effect.sync(() => get(instanceId)),
        list: SubscriptionRef.get(all),
        changes: SubscriptionRef.changes(all),
        source: (source) =>
          Effect.acquireRelease(
            Effect.sync(() => void sources.add(source)),
            () => Effect.sync(() => sources.delete(source))
          ),
        resolve: Effect.fnUntraced(function*(instanceId) {
          const registered = get(instanceId)
          if (Option.isSome(registered)) return registered
          for (const source of Array.from(sources)) {
            const found = yield* source(instanceId)
            if (Option.isSome(found)) return found
          }
          return Option.none()
        })
      })
    })
  )

  /**
   * Instances that are built when a thread first uses them, and dropped when none has for a while: one per user, or per
   * project. `layer` answers the Layer that registers the instance of this id; of other ids it answers nothing.
   *
   * **Example**
   *
   * ```ts
   * const PerUser = ProviderRegistry.onDemand({
   *   layer: (instanceId) => {
   *     const user = instanceId.startsWith("codex-") ? instanceId.slice(6) : undefined
   *     return user === undefined
   *       ? undefined
   *       : Codex.layer({ instanceId, isolated: { folder: `agents/${user}` } })
   *   }
   * })
   * ```
   */
  static readonly onDemand = <E, R>(options: {
    readonly layer: (instanceId: InstanceId) => Layer.Layer<never, E, R> | undefined
    /** How long an instance stays that no session and no call uses. Default: 10 minutes. */
    readonly idleAfter?: Duration.Input | undefined
  }): Layer.Layer<never, never, ProviderRegistry | Exclude<R, ProviderRegistry>> =>
    Layer.effectDiscard(Effect.gen(function*() {
      const registry = yield* ProviderRegistry
      const services = yield* Effect.context<Exclude<R, ProviderRegistry>>()
      const built = yield* RcMap.make({
        idleTimeToLive: options.idleAfter ?? "10 minutes",
        lookup: Effect.fnUntraced(function*(instanceId: InstanceId) {
          const layer = options.layer(instanceId)
          if (layer === undefined) return Option.none()
          // The Layer registers the instance in a registry of its own: it lives as long as this entry.
          const own = yield* Layer.build(Layer.provideMerge(layer, Layer.fresh(ProviderRegistry.layer))).pipe(
            Effect.provideContext(Context.omit(Scope.Scope)(services)),
            Effect.mapError((error) => unavailable(instanceId, error))
          )
          const adapter = yield* Context.get(own, ProviderRegistry).get(instanceId)
          return Option.isSome(adapter) ? adapter : yield* unavailable(instanceId, { _tag: "OtherInstance" })
        }, (building, instanceId) => Effect.catchDefect(building, (defect) => failedToBuild(instanceId, defect)))
      })
      yield* registry.source((instanceId) =>
        // What failed is tried again by the next call.
        Effect.tapError(RcMap.get(built, instanceId), () => RcMap.invalidate(built, instanceId))
      )
    }))

  /**
   * Registers an adapter for as long as the scope is open: what an adapter's Layer does. Layers in one array do not see
   * each other, so an adapter that is provided beside its registry finds none; the defect says what to do.
   */
  static readonly register = (
    adapter: ProviderAdapter
  ): Effect.Effect<void, InstanceExists, ProviderRegistry | Scope.Scope> =>
    Effect.flatMap(
      Effect.serviceOption(ProviderRegistry),
      Option.match({
        onNone: () => Effect.die(new RegistryMissing({ instanceId: adapter.instanceId })),
        onSome: (registry) => registry.register(adapter)
      })
    )
}

const unavailable = (instanceId: InstanceId, error: unknown) =>
  new InstanceUnavailable({
    instanceId,
    reason: "failed",
    ...(Predicate.hasProperty(error, "_tag") ? { error: String(error._tag) } : {})
  })

/** The Layer, or the function that answers it, has thrown. */
const failedToBuild = (instanceId: InstanceId, defect: unknown) =>
  Effect.logError("The Layer of a provider instance has thrown", Cause.die(defect)).pipe(
    Effect.annotateLogs({ instanceId }),
    Effect.andThen(unavailable(instanceId, undefined))
  )

/** The adapter's Layer was built without a registry. */
class RegistryMissing extends Schema.TaggedError<RegistryMissing>("effect-coding-agents/RegistryMissing")(
  "RegistryMissing",
  { instanceId: InstanceId }
) {
  override get message() {
    return `The adapter "${this.instanceId}" finds no ProviderRegistry. Use CodingAgents.layer({ agents, store }), or ` +
      "provide the registry after the adapter and not in one array with it: " +
      "Layer.provide(adapter), then Layer.provide(ProviderRegistry.layer)"
  }
}
