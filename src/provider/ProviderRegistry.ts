/**
 * The adapters of an app. An adapter's Layer registers itself in its own Scope; several instances of one provider are
 * several Layers. Swapping an agent is swapping its Layer.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Option, Schema, type Scope } from "effect"
import { InstanceId } from "../domain/Ids.ts"
import { guarded } from "./AdapterGuard.ts"
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
 * The adapters of this app by their instance ids.
 *
 * @category services
 * @since 0.1.0
 */
export class ProviderRegistry extends Context.Service<ProviderRegistry, {
  readonly register: (adapter: ProviderAdapter) => Effect.Effect<void, InstanceExists, Scope.Scope>
  readonly get: (instanceId: InstanceId) => Effect.Effect<Option.Option<ProviderAdapter>>
  /** All instances, in the order of their registration. */
  readonly list: Effect.Effect<ReadonlyArray<ProviderAdapter>>
}>()("effect-coding-agents/ProviderRegistry") {
  static readonly layer = Layer.sync(ProviderRegistry, () => {
    const adapters = new Map<InstanceId, ProviderAdapter>()
    return ProviderRegistry.of({
      register: (adapter) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (adapters.has(adapter.instanceId)) return new InstanceExists({ instanceId: adapter.instanceId })
            return Effect.sync(() => void adapters.set(adapter.instanceId, guarded(adapter)))
          }),
          () => Effect.sync(() => adapters.delete(adapter.instanceId))
        ),
      get: (instanceId) => Effect.sync(() => Option.fromUndefinedOr(adapters.get(instanceId))),
      list: Effect.sync(() => Array.from(adapters.values()))
    })
  })

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
