/**
 * The app as one Layer, and its settings: on the mock.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Context, Duration, Effect, Exit, Layer } from "effect"
import * as Settings from "../../src/host/Settings.ts"
import * as SettingsConfig from "../../src/host/SettingsConfig.ts"
import {
  CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId
} from "../../src/index.ts"
import { layerTest, MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const threadId = ThreadId.make("thread")

const oneTurn = (instanceId: string) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const directory = yield* Agents.folder
    yield* agents.startSession({ threadId, instanceId: InstanceId.make(instanceId), directory })
    return (yield* agents.runTurn({ threadId, prompt: "hello" })).text
  })

const messageOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.isFailure(exit) ? Cause.prettyErrors(exit.cause).map(({ message }) => message).join() : "no failure"

describe("CodingAgents.layer", () => {
  it.effect("needs agents, a store and the platform, and nothing else", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* oneTurn("mock"), "echo: hello")
    }).pipe(
      Effect.provide(
        CodingAgents.layer({ agents: MockProvider.layer(), store: SessionStore.layerMemory }).pipe(
          Layer.provideMerge(NodeServices.layer)
        )
      )
    ))

  it.effect("takes several agents and hooks; hooks and agents are those of this app alone", () => {
    const told: Array<string> = []
    const hook = LifecycleHooks.observe({
      name: "log",
      events: ["session:start"],
      run: (event) => Effect.sync(() => told.push(event.instanceId))
    })
    const app = (...instances: ReadonlyArray<string>) =>
      CodingAgents.layer({
        agents: instances.map((instanceId) => Layer.effectDiscard(MockProvider.make({ instanceId }))),
        hooks: [hook],
        store: Layer.fresh(SessionStore.layerMemory)
      }).pipe(Layer.provideMerge(NodeServices.layer))
    return Effect.gen(function*() {
      yield* Effect.provide(oneTurn("b"), app("a", "b"))
      yield* Effect.provide(oneTurn("a"), app("a"))
      assert.deepStrictEqual(told, ["b", "a"])
    })
  })

  it.effect("apps that are built together: one Layer is one app, and each app has its own agents", () => {
    const agents = MockProvider.layer()
    const app = (instances: ReadonlyArray<string>) => {
      const one = CodingAgents.layer({ agents, store: Layer.fresh(SessionStore.layerMemory) }).pipe(
        Layer.provide(NodeServices.layer)
      )
      return instances.map((name) =>
        Layer.effectDiscard(Effect.gen(function*() {
          const { list } = yield* ProviderRegistry
          seen.push([name, yield* ProviderService, (yield* list).map(({ instanceId }) => instanceId)])
        })).pipe(Layer.provide(one))
      )
    }
    const seen: Array<readonly [name: string, service: unknown, agents: ReadonlyArray<string>]> = []
    return Effect.gen(function*() {
      yield* Layer.build(Layer.mergeAll(Layer.empty, ...app(["a", "a"]), ...app(["b"])))
      assert.deepStrictEqual(seen.map(([name, , agents]) => [name, agents]).toSorted(), [
        ["a", ["mock"]],
        ["a", ["mock"]],
        ["b", ["mock"]]
      ])
      assert.strictEqual(new Set(seen.map(([, service]) => service)).size, 2)
    })
  })

  it.effect("layerTest is the app on the mock and a store in memory", () =>
    Effect.gen(function*() {
      const mock = yield* MockProvider
      assert.strictEqual(yield* oneTurn("opencode"), "echo: hello")
      assert.lengthOf(yield* mock.received, 1)
    }).pipe(
      Effect.provide(layerTest({ mock: { instanceId: "opencode" } }).pipe(Layer.provideMerge(NodeServices.layer)))
    ))

  const inOneArray = CodingAgents.layerService().pipe(
    Layer.provide([MockProvider.layer(), ProviderRegistry.layer]),
    Layer.provide(LifecycleHooks.layer),
    Layer.provideMerge(SessionStore.layerMemory),
    Layer.provideMerge(NodeServices.layer)
  )

  it.effect("an adapter in one array with its registry works where the registry is further out as well", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* oneTurn("mock"), "echo: hello")
    }).pipe(Effect.provide(inOneArray.pipe(Layer.provide(ProviderRegistry.layer)), { local: true })))

  it.effect("an adapter in one array with its registry is told what to do", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.provide(oneTurn("mock"), inOneArray, { local: true }))
      assert.include(messageOf(exit), "The adapter \"mock\" finds no ProviderRegistry. Use CodingAgents.layer")
      // The type says, too, that the registry is missing: this is an app that has ignored it.
    }).pipe(Effect.provide(Context.makeUnsafe<ProviderRegistry>(new Map()))))
})

describe("settings", () => {
  it.effect("what is left out, or undefined, has its default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Settings.resolve({}), Settings.defaults)
      assert.deepStrictEqual(
        yield* Settings.resolve({
          turnDeadline: undefined,
          reaper: { pinCap: undefined },
          compaction: { auto: undefined }
        }),
        Settings.defaults
      )
    }))

  it.effect("what is given holds, in every form that a duration has", () =>
    Effect.gen(function*() {
      const resolved = yield* Settings.resolve({
        turnDeadline: "2 minutes",
        stopTimeout: 5,
        interruptGrace: Duration.seconds(1),
        compaction: { auto: false, deadline: "Infinity" },
        reaper: { idleAfter: "1 hour" },
        transcripts: { retention: { maxAge: "1 day" } }
      })
      assert.deepStrictEqual(resolved, {
        ...Settings.defaults,
        turnDeadline: Duration.minutes(2),
        stopTimeout: Duration.millis(5),
        interruptGrace: Duration.seconds(1),
        compaction: { ...Settings.defaults.compaction, auto: false, deadline: Duration.infinity },
        reaper: { ...Settings.defaults.reaper, idleAfter: Duration.hours(1) },
        transcripts: {
          ...Settings.defaults.transcripts,
          retention: { keepLast: 20, maxAge: Duration.days(1) }
        }
      })
    }))

  it.effect("P15 settings: looks without a pause between them are refused, and not taken for none", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(
        Settings.resolve({ reaper: { sweepEvery: 0 }, retention: { every: "0 millis" } })
      )
      assert.deepStrictEqual(refused.issues.map(({ path }) => path).toSorted(), [
        "reaper.sweepEvery",
        "retention.every"
      ])
    }))

  it.effect("P15 settings: ill-formed ones fail, and the message says which", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Settings.resolve({
        promptLimit: -1,
        attachmentLimit: { each: "1 MB" },
        onMissing: "ignore",
        turnDeadline: "soon",
        stopTimeout: -5,
        reaper: { idleAfter: {}, maxLive: 0, exempt: true, idelAfter: "1 second" },
        transcripts: { redactor: "none" }
      }))
      assert.deepStrictEqual(error.issues.map(({ path }) => path).toSorted(), [
        "attachmentLimit.each",
        "onMissing",
        "promptLimit",
        "reaper.exempt",
        "reaper.idelAfter",
        "reaper.maxLive",
        "stopTimeout",
        "transcripts.redactor",
        "turnDeadline"
      ])
      assert.include(error.message, "turnDeadline: Expected a duration that is not negative")
    }))

  it.effect("each that is data may come from Config; functions stay code", () => {
    const exempt = () => true
    const settings = SettingsConfig.read({
      onMissing: Config.Literals(["rehydrate", "fresh", "fail"], "ON_MISSING"),
      promptLimit: 7,
      compaction: { auto: Config.Boolean("AUTO") },
      transcripts: { retention: { keepLast: Config.Int("KEEP") } },
      reaper: { idleAfter: Config.Duration("IDLE"), maxLive: Config.Int("MAX_LIVE"), exempt }
    })
    return Effect.gen(function*() {
      const resolved = yield* Effect.flatMap(settings, Settings.resolve)
      assert.deepStrictEqual(resolved, {
        ...Settings.defaults,
        onMissing: "fail",
        promptLimit: 7,
        compaction: { ...Settings.defaults.compaction, auto: false },
        transcripts: { ...Settings.defaults.transcripts, retention: { keepLast: 3 } },
        reaper: { ...Settings.defaults.reaper, idleAfter: Duration.minutes(10), maxLive: 8, exempt }
      })
    }).pipe(Effect.provide(ConfigProvider.layer(
      ConfigProvider.fromUnknown({ ON_MISSING: "fail", AUTO: "false", KEEP: "3", MAX_LIVE: "8", IDLE: "10 minutes" })
    )))
  })

  it.effect("layerConfig reads them when the Layer is built", () =>
    Effect.gen(function*() {
      const app = CodingAgents.layerConfig({
        agents: MockProvider.layer(),
        store: SessionStore.layerMemory,
        settings: { promptLimit: Config.Int("LIMIT") }
      }).pipe(Layer.provideMerge(NodeServices.layer))
      const tag = yield* Effect.flip(oneTurn("mock").pipe(Effect.provide(app))).pipe(
        Effect.map((error) => error._tag),
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ LIMIT: "4" })))
      )
      assert.strictEqual(tag, "PromptTooLong")
      const missing = yield* Effect.flip(Effect.scoped(Layer.build(Layer.fresh(app)))).pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
      )
      assert.strictEqual(missing._tag, "ConfigError")
    }))
})
