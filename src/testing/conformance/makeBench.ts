/**
 * Builds the bench of one rule: a new store file, and hosts with the adapter's Layer built afresh.
 */
import { Effect, FileSystem, Layer, Option, Path } from "effect"
import * as CodingAgents from "../../CodingAgents.ts"
import { InstanceId } from "../../domain/Ids.ts"
import { LifecycleHooks } from "../../hooks/LifecycleHooks.ts"
import type { Settings } from "../../host/Settings.ts"
import { AgentProcesses } from "../../process/AgentProcesses.ts"
import type { Capabilities, ProviderAdapter } from "../../provider/ProviderAdapter.ts"
import { ProviderRegistry } from "../../provider/ProviderRegistry.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import type { Bench, Host } from "./Bench.ts"
import { NotChecked, type Tagged, Violated } from "./Check.ts"
import { type Controls, defaultPatience, type Fixture, type Needs, plainDirectories, type Platform } from "./Fixture.ts"
import * as PlainPrompts from "./PlainPrompts.ts"
import * as VirtualClock from "./VirtualClock.ts"

/**
 * A store with its tables and nothing in them, made once per process: to make them takes longer than a short rule, so each
 * rule begins with a copy.
 */
const emptyStore = Effect.runSync(Effect.cached(
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const filename = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "conformance-store-" }), "store.db")
    yield* Effect.scoped(Layer.build(SessionStore.layerSqlite({ filename })))
    return yield* fs.readFile(filename)
  }).pipe(Effect.scoped, Effect.orDie, VirtualClock.real)
))

const adapterOf = (name: string) =>
  Effect.gen(function*() {
    const registry = yield* ProviderRegistry
    const instanceId = InstanceId.make(name)
    const found = Option.getOrUndefined(yield* registry.get(instanceId))
    if (found !== undefined) return found
    const known = (yield* registry.list).map((adapter) => adapter.instanceId)
    return yield* new Violated({ expected: `a layer that registers the instance "${instanceId}"`, seen: known })
  })

/** `undeclared` collects the capabilities that the adapter delivers without declaring them. */
export const makeBench = Effect.fnUntraced(function*<Agent, E extends Tagged>(
  adapterLayer: Layer.Layer<Agent, E, Needs>,
  fixture: Fixture<Agent>,
  undeclared: Array<keyof Capabilities>
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const platform = yield* Effect.context<Platform>()
  const folder = yield* Effect.orDie(fs.makeTempDirectoryScoped({ prefix: "conformance-store-" }))
  const filename = path.join(folder, "store.db")
  yield* Effect.orDie(fs.writeFile(filename, yield* emptyStore))
  const patience = fixture.patience ?? defaultPatience
  const adapter = adapterLayer.pipe(
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(Layer.succeedContext(platform))
  )
  const { capabilities } = yield* VirtualClock.real(
    adapterOf(fixture.instanceId).pipe(
      Effect.provide(Layer.provide(adapter, AgentProcesses.layerNoop), { local: true })
    )
  )

  const hostLayer = (settings: Settings | undefined) =>
    // A stop takes one of each at most, so it ends within the patience whatever the agent does.
    CodingAgents.layerService({ interruptGrace: patience / 3, stopTimeout: patience / 3, ...settings }).pipe(
      Layer.provideMerge(adapter),
      Layer.provideMerge(
        SessionStore.layerSqlite({ filename })
      )
    )

  const hostOf = (bench: Bench, adapter: ProviderAdapter, controls: Controls) =>
    Effect.gen(function*() {
      const host: Host = {
        agents: yield* ProviderService,
        store: yield* SessionStore,
        hooks: yield* LifecycleHooks,
        adapter,
        controls,
        bench
      }
      return host
    })

  const bench: Bench = {
    capabilities,
    prompts: fixture.prompts ?? PlainPrompts.make,
    directories: yield* fixture.directories ?? plainDirectories,
    file: (name) => `${path.basename(folder)}-${name}.txt`,
    path,
    exists: (file) => Effect.orDie(fs.exists(file)),
    hands: fixture.hands ?? true,
    models: fixture.models,
    signIn: fixture.signIn,
    commands: fixture.commands,
    tools: fixture.tools,
    sessions: fixture.sessions ?? 50,
    project: Effect.fnUntraced(function*(name) {
      if (fixture.project === undefined) return yield* new NotChecked({ missing: "project" })
      const directory = path.join(bench.directories.home, `${path.basename(folder)}-${name}`)
      yield* Effect.orDie(fs.makeDirectory(directory))
      return { directory, ...(yield* Effect.provide(fixture.project(directory), platform)) }
    }),
    inStore: (text) =>
      Effect.gen(function*() {
        for (const name of yield* fs.readDirectory(folder)) {
          const { buffer, byteLength, byteOffset } = yield* fs.readFile(path.join(folder, name))
          if (Buffer.from(buffer, byteOffset, byteLength).includes(text)) return true
        }
        return false
      }).pipe(Effect.orDie, VirtualClock.real),
    patience,
    onHost: (use, settings) =>
      Effect.scoped(Effect.gen(function*() {
        const host = Effect.gen(function*() {
          const controls = yield* fixture.controls ?? Effect.succeed({})
          return yield* use(yield* hostOf(bench, yield* adapterOf(fixture.instanceId), controls))
        })
        // A Layer may load modules, which a virtual clock does not know of.
        const memory = Layer.makeMemoMapUnsafe()
        const scope = yield* Effect.scope
        const services = yield* VirtualClock.real(Layer.buildWithMemoMap(hostLayer(settings), memory, scope))
        return yield* host.pipe(Effect.scoped, Effect.provide(services))
      })),
    undeclared: (capability) => Effect.sync(() => void undeclared.push(capability))
  }
  return bench
})
