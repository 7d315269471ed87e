/**
 * The whole app on the mock agent, with a store in memory: `CodingAgents.layer` for tests.
 *
 * @since 0.1.0
 */
import type { Layer } from "effect"
import * as CodingAgents from "../CodingAgents.ts"
import type { Settings } from "../host/Settings.ts"
import { SessionStore } from "../store/SessionStore.ts"
import { MockProvider, type MockProviderOptions } from "./MockProvider.ts"

type AnyLayer = Layer.Layer<never, unknown, unknown>

/**
 * Gives what `CodingAgents.layer` gives, and {@link MockProvider}, by which a test says how the agent answers. Needs
 * `NodeServices.layer`, as the app does.
 *
 * **Example**
 *
 * ```ts
 * const App = layerTest({ mock: { instanceId: "opencode" } }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTest = <const Hooks extends ReadonlyArray<AnyLayer> = readonly []>(options: {
  readonly mock?: MockProviderOptions | undefined
  readonly hooks?: Hooks | undefined
  readonly settings?: Settings | undefined
} = {}) =>
  CodingAgents.layer({
    agents: MockProvider.layer(options.mock),
    store: SessionStore.layerMemory,
    hooks: options.hooks,
    settings: options.settings
  })
