import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { Adapter } from "../../src/adapter/index.ts"
import { InstanceId, ProviderName, SessionId, ThreadId } from "../../src/domain/Ids.ts"
import type { Capabilities, ProviderSession, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { ProviderRegistry } from "../../src/provider/ProviderRegistry.ts"

class Workshop extends Context.Service<Workshop, { readonly opened: Array<string>; readonly closed: Array<string> }>()(
  "test/Workshop"
) {}

const instanceId = InstanceId.make("acme")

const capabilities: Capabilities = {
  ...Adapter.least,
  runtimeModes: ["full-access"],
  compactionGate: "observe-only",
  autoCompaction: "always",
  projectConfig: ["trust", "instructions", "ignore"]
}

const session = (sessionId: SessionId): ProviderSession => ({
  sessionId,
  directory: "/",
  origin: { _tag: "New" },
  cursor: Effect.succeedNone,
  events: Stream.never,
  exit: Effect.undefined,
  turnRef: () => Effect.undefined,
  sendTurn: () => Effect.void,
  checkModel: () => Effect.void,
  rename: () => Effect.void,
  switchMode: () => Effect.succeed(false),
  steerTurn: () => Effect.void,
  interruptTurn: () => Effect.void,
  respondToApproval: () => Effect.void,
  answerQuestion: () => Effect.void,
  compact: Effect.void,
  fork: () => Effect.die("no fork"),
  rewind: () => Effect.die("no rewind"),
  exportSession: () => Effect.die("no export"),
  capabilities,
  history: Effect.die("no history"),
  evidence: () => Effect.die("no evidence"),
  answerElicitation: () => Effect.void,
  stopTask: () => Effect.void
})

const options = {
  provider: ProviderName.make("acme"),
  instanceId,
  capabilities,
  startSession: Effect.fnUntraced(function*({ threadId }: StartInput) {
    const { closed, opened } = yield* Workshop
    yield* Effect.acquireRelease(
      Effect.sync(() => opened.push(threadId)),
      () => Effect.sync(() => closed.push(threadId))
    )
    return session(SessionId.make(threadId))
  })
}

const input = (threadId: string): StartInput => ({
  threadId: ThreadId.make(threadId),
  directory: "/",
  runtimeMode: "full-access",
  projectConfig: "instructions",
  from: { _tag: "New" }
})

const registered = Effect.gen(function*() {
  const registry = yield* ProviderRegistry
  return yield* Effect.orDie(Effect.fromOption(yield* registry.get(instanceId)))
})

const workshop = () => {
  const log = { opened: new Array<string>(), closed: new Array<string>() }
  return { ...log, layer: Layer.succeed(Workshop, log) }
}

it.effect("P10 adapter: what a session acquires ends with the session, while the Layer is still open", () => {
  const { closed, layer, opened } = workshop()
  return Effect.gen(function*() {
    const adapter = yield* registered
    const [one, two] = [yield* Scope.make(), yield* Scope.make()]
    yield* Scope.provide(adapter.startSession(input("one")), one)
    yield* Scope.provide(adapter.startSession(input("two")), two)
    assert.deepStrictEqual([opened, closed], [["one", "two"], []])
    yield* Scope.close(one, Exit.void)
    assert.deepStrictEqual(closed, ["one"])
    yield* Scope.close(two, Exit.void)
    assert.deepStrictEqual(closed, ["one", "two"])
  }).pipe(
    Effect.provide(Adapter.layer(options).pipe(Layer.provide(layer), Layer.provideMerge(ProviderRegistry.layer)))
  )
})

it.effect("P10 adapter: a Layer that closes does not end the sessions that others still hold", () => {
  const { closed, layer } = workshop()
  return Effect.gen(function*() {
    const layerScope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(
      Adapter.layer(options).pipe(Layer.provide(layer), Layer.provideMerge(ProviderRegistry.layer)),
      layerScope
    )
    const registry = Context.get(context, ProviderRegistry)
    const adapter = yield* Effect.orDie(Effect.fromOption(yield* registry.get(instanceId)))
    yield* Effect.scoped(Effect.gen(function*() {
      yield* adapter.startSession(input("one"))
      yield* Scope.close(layerScope, Exit.void)
      assert.isTrue(Option.isNone(yield* registry.get(instanceId)))
      assert.deepStrictEqual(closed, [])
    }))
    assert.deepStrictEqual(closed, ["one"])
  })
})

it.effect("adapter: a session starts with the services of the Layer and under the span of its caller", () => {
  const { layer, opened } = workshop()
  const spans: Array<string> = []
  const startSession = (given: StartInput) =>
    Effect.tap(
      options.startSession(given),
      Effect.map(Effect.currentParentSpan, (span) => spans.push(span._tag === "Span" ? span.name : span._tag))
    ).pipe(Effect.orDie)
  return Effect.gen(function*() {
    const adapter = yield* registered
    const others = { opened: [], closed: [] }
    yield* Effect.scoped(adapter.startSession(input("one"))).pipe(
      Effect.withSpan("caller"),
      Effect.provideService(Workshop, others)
    )
    assert.deepStrictEqual([opened, others.opened], [["one"], []])
    assert.deepStrictEqual(spans, ["caller"])
  }).pipe(
    Effect.provide(
      Adapter.layer({ ...options, startSession }).pipe(
        Layer.provide(layer),
        Layer.withSpan("layer"),
        Layer.provideMerge(ProviderRegistry.layer)
      )
    )
  )
})

it.effect("adapter: two Layers of one instance id are InstanceExists", () => {
  const { layer } = workshop()
  const twice = Adapter.layer(options).pipe(Layer.merge(Layer.fresh(Adapter.layer(options))), Layer.provide(layer))
  return Effect.gen(function*() {
    const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(twice, ProviderRegistry.layer))))
    assert.deepInclude(error, { _tag: "InstanceExists", instanceId })
  })
})
