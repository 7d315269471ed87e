/** Instances that come and go: replaced, made when they are used, and gone while their threads are there. On the mock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId, ProviderRegistry, ProviderService, ServiceError, ThreadId } from "../../src/index.ts"
import { AgentStartFailed, InstanceUnavailable } from "../../src/protocol.ts"
import { InstanceExists } from "../../src/provider/index.ts"
import { MockAgentDisk, MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { mock, threadId } = Agents
const alice = InstanceId.make("mock-alice")
const bob = InstanceId.make("mock-bob")

const ids = (adapters: ReadonlyArray<{ readonly instanceId: InstanceId }>) =>
  adapters.map(({ instanceId }) => instanceId)

/** Registers a mock of this id; the effect that is answered takes it away again. */
const added = Effect.fnUntraced(function*(instanceId: InstanceId, disk?: MockAgentDisk.MockAgentDisk) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const agent = yield* Scope.provide(MockProvider.make({ instanceId, ...(disk === undefined ? {} : { disk }) }), scope)
  return { agent, remove: Scope.close(scope, Exit.void) }
})

describe("ProviderRegistry", () => {
  it.effect("replace takes the place of an instance until its Scope closes; changes tells each time", () =>
    Effect.gen(function*() {
      const registry = yield* ProviderRegistry
      yield* added(mock)
      yield* added(alice)
      const first = yield* Effect.fromOption(yield* registry.get(mock))
      const seen: Array<ReadonlyArray<string>> = []
      const reading = yield* registry.changes.pipe(
        Stream.runForEach((all) => Effect.sync(() => seen.push(ids(all)))),
        Effect.forkChild({ startImmediately: true })
      )
      const scope = yield* Scope.make()
      yield* Scope.provide(registry.replace({ ...first, projectConfig: "ignore" }), scope)
      assert.strictEqual((yield* Effect.fromOption(yield* registry.get(mock))).projectConfig, "ignore")
      assert.deepStrictEqual(ids(yield* registry.list), [mock, alice])
      assert.instanceOf(yield* Effect.flip(registry.register(first)), InstanceExists)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Effect.fromOption(yield* registry.get(mock)), first)
      const { remove } = yield* added(bob)
      yield* remove
      yield* Effect.yieldNow
      yield* Fiber.interrupt(reading)
      assert.deepStrictEqual(seen[0], [mock, alice])
      assert.includeDeepMembers(seen, [[mock, alice, bob]])
      assert.deepStrictEqual(seen.at(-1), [mock, alice])
    }).pipe(Effect.provide(ProviderRegistry.layer)))

  it.effect("an instance that replaces one whose Scope is closed meanwhile leaves nothing behind", () =>
    Effect.gen(function*() {
      const registry = yield* ProviderRegistry
      const { remove } = yield* added(mock)
      const first = yield* Effect.fromOption(yield* registry.get(mock))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* registry.replace(first)
        yield* remove
        assert.isTrue(Option.isSome(yield* registry.get(mock)))
      }))
      assert.deepStrictEqual(yield* registry.list, [])
    }).pipe(Effect.provide(ProviderRegistry.layer)))
})

/** Instances that are made when they are used, and notes of when. */
const onDemand = () => {
  const notes: Array<string> = []
  const disk = MockAgentDisk.makeUnsafe()
  const fault: { next: AgentStartFailed | undefined } = { next: undefined }
  const layer = ProviderRegistry.onDemand({
    idleAfter: "5 minutes",
    layer: (instanceId) =>
      instanceId.startsWith("mock-")
        ? Layer.effectDiscard(Effect.gen(function*() {
          if (fault.next !== undefined) return yield* fault.next
          yield* Effect.acquireRelease(
            Effect.sync(() => notes.push(`made ${instanceId}`)),
            () => Effect.sync(() => notes.push(`dropped ${instanceId}`))
          )
          yield* MockProvider.make({ instanceId, disk })
        }))
        : undefined
  })
  return { fault, layer, notes }
}

const start = (agents: ProviderService["Service"], instanceId: InstanceId, id = threadId) =>
  Effect.flatMap(Agents.folder, (directory) => agents.startSession({ threadId: id, instanceId, directory }))

describe("instances on demand", () => {
  it.effect("P8 mock: one is made when a thread first uses it, kept by live sessions, and dropped when idle", () =>
    Effect.gen(function*() {
      const { layer, notes } = onDemand()
      yield* Layer.build(layer).pipe(Effect.provideService(ProviderRegistry, yield* ProviderRegistry))
      const agents = yield* ProviderService
      assert.deepStrictEqual(notes, [])
      yield* start(agents, alice)
      yield* start(agents, alice, ThreadId.make("second"))
      yield* start(agents, bob, ThreadId.make("third"))
      assert.deepStrictEqual(notes, ["made mock-alice", "made mock-bob"])
      yield* agents.runTurn({ threadId, prompt: "remember" })
      yield* agents.stopSession({ threadId })
      yield* agents.stopSession({ threadId: ThreadId.make("third") })
      yield* TestClock.adjust("6 minutes")
      // The second thread still has a session.
      assert.deepStrictEqual(notes.slice(2), ["dropped mock-bob"])
      yield* agents.stopSession({ threadId: ThreadId.make("second") })
      yield* TestClock.adjust("6 minutes")
      assert.deepStrictEqual(notes.slice(3), ["dropped mock-alice"])
      const next = yield* agents.runTurn({ threadId, prompt: "and on" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      assert.deepStrictEqual(notes.slice(4), ["made mock-alice"])
    }).pipe(Effect.provide(Agents.layer())))

  it.effect("P8 mock: one that cannot be made is unavailable, and tried again by the next call; unknown ids are not found", () =>
    Effect.gen(function*() {
      const { fault, layer, notes } = onDemand()
      yield* Layer.build(layer).pipe(Effect.provideService(ProviderRegistry, yield* ProviderRegistry))
      const agents = yield* ProviderService
      fault.next = new AgentStartFailed({ instanceId: alice, reason: "exited", stderr: "no home" })
      const error = yield* Effect.flip(start(agents, alice))
      assert.deepInclude<unknown>(error, {
        _tag: "InstanceUnavailable",
        instanceId: alice,
        reason: "failed",
        error: "AgentStartFailed",
        retryable: true
      })
      assert.strictEqual((yield* Effect.flip(agents.checkAgent({ instanceId: alice })))._tag, "InstanceUnavailable")
      fault.next = undefined
      assert.strictEqual((yield* start(agents, alice)).instanceId, alice)
      assert.deepStrictEqual(notes, ["made mock-alice"])
      const unknown = yield* Effect.flip(start(agents, InstanceId.make("nobody"), ThreadId.make("second")))
      assert.strictEqual(unknown._tag, "InstanceNotFound")
    }).pipe(Effect.provide(Agents.layer())))
})

describe("instances on demand that throw", () => {
  it.effect("P8 mock: are unavailable, and tried again by the next call", () =>
    Effect.gen(function*() {
      const made = [
        (): Layer.Layer<never, never, ProviderRegistry> => {
          throw new Error("no such user")
        },
        () => Layer.effectDiscard(Effect.die(new Error("no home"))),
        () => Layer.effectDiscard(MockProvider.make({ instanceId: alice }))
      ]
      const layer = ProviderRegistry.onDemand({ layer: () => made.shift()?.() })
      yield* Layer.build(layer).pipe(Effect.provideService(ProviderRegistry, yield* ProviderRegistry))
      const agents = yield* ProviderService
      for (const _ of [1, 2]) {
        const error = yield* Effect.flip(start(agents, alice))
        assert.deepInclude<unknown>(error, { _tag: "InstanceUnavailable", instanceId: alice, reason: "failed" })
      }
      assert.strictEqual((yield* start(agents, alice)).instanceId, alice)
    }).pipe(Effect.provide(Agents.layer())))
})

describe("threads of an instance that is not there", () => {
  it.effect("P1 mock: are listed, read and swapped, and not started", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { remove } = yield* added(alice)
      yield* start(agents, alice)
      yield* agents.runTurn({ threadId, prompt: "remember 42" })
      yield* agents.stopSession({ threadId })
      yield* remove
      assert.deepStrictEqual((yield* agents.listThreads({})).threads.map((thread) => thread.instanceId), [alice])
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
      assert.lengthOf(yield* agents.readTranscript({ threadId }), 1)
      const calls = [
        agents.runTurn({ threadId, prompt: "and now?" }),
        agents.startSession({ threadId }),
        agents.resetThread({ threadId }),
        agents.compactThread({ threadId }),
        agents.forkThread({ threadId, newThreadId: ThreadId.make("copy") })
      ]
      for (const call of calls) {
        const error = yield* Effect.flip<unknown, unknown, never>(call)
        assert.instanceOf(error, InstanceUnavailable)
        assert.strictEqual(error.reason, "absent")
        assert.deepInclude(ServiceError.toPublic(error), {
          status: 503,
          details: { instanceId: alice, reason: "absent" }
        })
      }
      const swapped = yield* agents.startSession({ threadId, instanceId: mock })
      assert.strictEqual(swapped.continuity._tag, "Rehydrated")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "and now?" })).text, "echo: and now?")
    }).pipe(Effect.provide(Agents.layer())))

  it.effect("P8 mock: a session goes on with the adapter that started it; the next one is of the adapter in its place", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const registry = yield* ProviderRegistry
      yield* Agents.start()
      const first = yield* Effect.fromOption(yield* registry.get(mock))
      let starts = 0
      yield* registry.replace({
        ...first,
        startSession: (input) => {
          starts++
          return first.startSession(input)
        }
      })
      yield* agents.runTurn({ threadId, prompt: "one" })
      assert.strictEqual(starts, 0)
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "two" })).continuity._tag, "Resumed")
      assert.strictEqual(starts, 1)
    }).pipe(Effect.provide(Agents.layer())))
})
