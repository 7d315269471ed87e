/** A live thread: what changes it without a restart, what comes before its first prompt, and who ends its turns. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, ManagedRuntime, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { LifecycleHooks, ProviderService, SessionStore, ThreadId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { awaitEvent, is, layer, mock, stored, tags, threadId } = Agents

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("startSession on a live thread", () => {
  it.effect("P8 mock: another model and title take effect without a restart; the model goes with the next prompt", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { epoch } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const again = yield* agents.startSession({ threadId, model: { id: "large" }, title: "Renamed" })
      assert.strictEqual(again.epoch, epoch)
      assert.deepInclude(yield* agents.getThread({ threadId }), { model: { id: "large" }, title: "Renamed" })
      yield* agents.runTurn({ threadId, prompt: "two" })
      const received = (yield* agent.received).map((turn) => turn.input.model?.id)
      assert.deepStrictEqual(received, [undefined, "large"])
    }).pipe(Effect.provide(layer({ mock: { models: ["small", "large"] } }))))

  it.effect("P8 mock: a thread is as old as its first session, however often it was started since", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      const createdAt = Effect.map(store.getThread(threadId), (thread) => Option.getOrThrow(thread).createdAt)
      yield* Agents.start()
      const first = yield* createdAt
      yield* TestClock.adjust("1 hour")
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "go" })
      assert.strictEqual(yield* createdAt, first)
      assert.isAbove((yield* agents.getThread({ threadId })).activeAt, first)
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: the model of a turn is the thread's from then on, also in the session after this one", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.startSession({ threadId, model: { id: "large" } })
      yield* agents.runTurn({ threadId, prompt: "one", model: { id: "small" } })
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "three" })
      assert.deepInclude(yield* agents.getThread({ threadId }), { model: { id: "small" } })
      assert.strictEqual((yield* agent.starts).at(-1)?.model?.id, "small")
      assert.isFalse((yield* agent.received).some((turn) => turn.input.model?.id === "large"))
    }).pipe(Effect.provide(layer({ mock: { models: ["small", "large"] } }))))

  it.effect("P8 mock: a model that the agent does not have is refused, and the thread stays as it was", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const before = yield* agents.getThread({ threadId })
      const error = yield* Effect.flip(agents.startSession({ threadId, model: { id: "none" }, title: "Renamed" }))
      assert.strictEqual(error._tag, "ModelUnavailable")
      assert.deepStrictEqual(yield* agents.getThread({ threadId }), before)
    }).pipe(Effect.provide(layer({ mock: { models: ["small", "large"] } }))))

  it.effect("P8 mock: a start with a directory that cannot be used leaves the live session alone", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { epoch } = yield* Agents.start()
      const error = yield* Effect.flip(agents.startSession({ threadId, directory: "/nowhere/at/all" }))
      assert.strictEqual(error._tag, "DirectoryInvalid")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "one" })).epoch, epoch)
    }).pipe(Effect.provide(layer())))
})

describe("the span of a call", () => {
  it.effect("P8 plain agent: ends with the call: what a session does for its whole life is in no caller's span", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const read = yield* Deferred.make<string>()
      const noteSpan = Effect.currentSpan.pipe(
        Effect.match({ onFailure: () => "none", onSuccess: (span) => span.name }),
        Effect.flatMap((name) => Deferred.succeed(read, name))
      )
      yield* PlainAgent.register({ events: Stream.concat(Stream.drain(Stream.fromEffect(noteSpan)), Stream.never) })
      const start = agents.startSession({ threadId, instanceId: PlainAgent.plain, directory: process.cwd() })
      yield* Effect.withSpan(start, "request")
      assert.strictEqual(yield* Deferred.await(read), "none")
    }).pipe(Effect.provide(layer())))
})

describe("session:start hooks", () => {
  it.effect("P12 mock: a runTurn that is given up while they run does not let the next prompt overtake them", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const slow = LifecycleHooks.observe({
        name: "slow",
        events: ["session:start"],
        run: () =>
          Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(Effect.sync(() => order.push("hook")))
          )
      })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        const first = yield* background(agents.runTurn({ threadId, prompt: "given up" }))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(first)
        yield* agent.nextTurn(() => {
          order.push("prompt")
          return [MockStep.text("ok")]
        })
        const second = yield* background(agents.runTurn({ threadId, prompt: "two" }))
        assert.deepStrictEqual(yield* agent.received, [])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(second)
        assert.deepStrictEqual(order, ["hook", "prompt"])
      }).pipe(Effect.provide(layer({ hooks: [slow] })))
    }))
})

describe("stops and shutdowns", () => {
  it.effect("P8 mock: a stop in the same tick as the first start of a thread stops it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const start = yield* background(Effect.flip(agents.startSession({ threadId, instanceId: mock, directory })))
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      assert.deepStrictEqual((yield* agent.sessions).filter((session) => session.live), [])
    }).pipe(Effect.provide(layer())))

  it.live("P4 mock: closing the runtime while a runTurn is awaited is a shutdown, not the user's interrupt", () =>
    Effect.gen(function*() {
      const filename = `${yield* Agents.folder}/threads.db`
      const directory = yield* Agents.folder
      const runtime = ManagedRuntime.make(layer({ filename }))
      const running = runtime.runFork(Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* agents.startSession({ threadId, instanceId: mock, directory })
        yield* agent.nextTurn(() => [MockStep.hang])
        return yield* agents.runTurn({ threadId, prompt: "one" })
      }))
      yield* Effect.promise(() => runtime.runPromise(Effect.asVoid(MockProvider.use((agent) => agent.awaitTurn()))))
      yield* runtime.disposeEffect
      yield* Fiber.await(running)
      const events = yield* stored().pipe(Effect.provide(SessionStore.layerSqlite({ filename })))
      const interrupted = events.filter(is("TurnInterrupted"))
      assert.deepStrictEqual(interrupted.map(({ by }) => by), ["shutdown"])
      assert.strictEqual(tags(events).at(-1), "SessionEnded")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P4 mock: after a runTurn was interrupted the next turn waits for its end", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      const run = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* agent.awaitTurn()
      yield* awaitEvent(is("TurnStarted"))
      yield* Fiber.interrupt(run)
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual((yield* stored()).filter(is("TurnInterrupted")).map(({ by }) => by), ["user"])
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn whose caller went away can be interrupted once more, and the next one runs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("on it"), MockStep.hang])
      const run = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* awaitEvent(is("ItemCompleted"))
      yield* Fiber.interrupt(run)
      yield* agents.interruptTurn({ threadId })
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual(Object.values(Agents.endings(yield* stored())), [["TurnInterrupted"], ["TurnCompleted"]])
    }).pipe(Effect.provide(layer())))
})

describe("createThread", () => {
  it.effect("P1 mock: a thread that was made and never started is Created on any instance", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const made = yield* agents.createThread({ threadId, instanceId: mock, directory, title: "Plan" })
      assert.deepStrictEqual([made.epoch, made.status, made.title], [0, "stopped", "Plan"])
      assert.isUndefined(made.sessionId)
      assert.deepStrictEqual(yield* agent.starts, [])
      assert.strictEqual(
        (yield* Effect.flip(agents.createThread({ threadId, instanceId: mock, directory })))._tag,
        "ThreadExists"
      )
      const { threads } = yield* agents.listThreads({})
      assert.deepStrictEqual(threads.map(({ threadId }) => threadId), [threadId])
      const turn = yield* agents.runTurn({ threadId, prompt: "one" })
      assert.deepStrictEqual([turn.epoch, turn.continuity._tag], [1, "Created"])
      const other = ThreadId.make("other")
      yield* agents.createThread({ threadId: other, instanceId: mock, directory })
      const second = yield* MockProvider.make({ instanceId: "second" })
      const started = yield* agents.startSession({ threadId: other, instanceId: second.instanceId })
      assert.deepStrictEqual([started.instanceId, started.continuity._tag], [second.instanceId, "Created"])
    }).pipe(Effect.provide(layer())))
})

/** On an agent whose compactions are told and not held, and that is told where the transcript is. */
const observed = Effect.provide(
  Layer.fresh(
    layer({
      settings: { compaction: { tellAgent: true } },
      mock: { capabilities: { compactionGate: "observe-only" } }
    })
  )
)

/** Kept apart: only a clock that is moved shows that nothing waits. */
describe("notes of compactions", () => {
  it.effect("P13 mock: a note that comes while a prompt is on its way is told with the next one", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const gate = yield* Deferred.make<void>()
      yield* agent.slowSend(Deferred.await(gate))
      const second = yield* background(agents.runTurn({ threadId, prompt: "two" }))
      yield* agent.awaitTurn(({ input }) => input.prompt === "two")
      yield* agent.emit(sessionId, [{ _tag: "CompactionStarted", trigger: "auto" }])
      yield* awaitEvent(is("CompactionGated"))
      yield* agent.emit(sessionId, [{ _tag: "CompactionCompleted", summary: "short" }])
      yield* awaitEvent(is("CompactionSettled"))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(second)
      yield* agents.runTurn({ threadId, prompt: "three" })
      const contexts = (yield* agent.received).map(({ input }) => input.context?.length ?? 0)
      assert.deepStrictEqual(contexts, [0, 0, 1])
      yield* TestClock.adjust("1 second")
    }).pipe(observed))

  it.effect("P13 mock: a note that input for the running turn has brought along is not told again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "one" })
      yield* agent.emit(sessionId, [
        { _tag: "CompactionStarted", trigger: "auto" },
        { _tag: "CompactionCompleted", summary: "short" }
      ])
      yield* awaitEvent(is("CompactionSettled"))
      yield* agents.sendTurn({ threadId, prompt: "and this", steer: true })
      yield* agents.interruptTurn({ threadId })
      yield* agents.runTurn({ threadId, prompt: "two" })
      const contexts = (yield* agent.received).map(({ input }) => input.context?.length ?? 0)
      assert.deepStrictEqual(contexts, [0, 1, 0])
    }).pipe(observed))
})
