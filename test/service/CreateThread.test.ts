/** Threads that are made before an agent is started, on the mock. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import {
  CodingAgents,
  InstanceId,
  ProviderService,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { mock, threadId } = Agents
const other = InstanceId.make("other")

/** An app with two agents. */
const app = CodingAgents.layer({
  agents: [MockProvider.layer(), Layer.effectDiscard(MockProvider.make({ instanceId: other }))],
  store: SessionStore.layerMemory
}).pipe(Layer.provideMerge(NodeServices.layer))

const run = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, app, { local: true })

const create = Effect.gen(function*() {
  const agents = yield* ProviderService
  const directory = yield* Agents.folder
  const thread = yield* agents.createThread({
    threadId,
    instanceId: mock,
    directory,
    runtimeMode: "full-access",
    model: { id: "small" },
    title: "later"
  })
  return { agents, directory, thread }
})

describe("createThread", () => {
  it.effect("P1 mock: makes a thread that is stored, stopped and without a session, and starts no agent", () =>
    run(Effect.gen(function*() {
      const { agents, directory, thread } = yield* create
      const agent = yield* MockProvider
      assert.lengthOf(yield* agent.starts, 0)
      assert.deepInclude<unknown>(thread, {
        threadId,
        instanceId: mock,
        directory,
        epoch: 0,
        status: "stopped",
        title: "later"
      })
      assert.isUndefined(thread.sessionId)
      const info = { ...thread, openRequests: [], background: [], usage: { tokens: 0, costUsd: 0 } }
      assert.deepStrictEqual(yield* agents.getThread({ threadId }), info)
      assert.deepStrictEqual((yield* agents.listThreads({})).threads, [info])
      assert.deepStrictEqual(yield* agents.readTranscript({ threadId }), [])
      yield* agents.stopSession({ threadId })
    })))

  it.effect("P1 mock: the first turn of such a thread is Created, as the thread was made", () =>
    run(Effect.gen(function*() {
      const { agents, directory } = yield* create
      const agent = yield* MockProvider
      const turn = yield* agents.runTurn({ threadId, prompt: "hello" })
      assert.deepStrictEqual([turn.epoch, turn.continuity._tag, turn.text], [1, "Created", "echo: hello"])
      const [started] = yield* agent.starts
      assert.deepInclude(started, { directory, runtimeMode: "full-access", title: "later", model: { id: "small" } })
      assert.strictEqual(started?.from._tag, "New")
    })))

  it.effect("P1 mock: its first start is Created on any instance", () =>
    run(Effect.gen(function*() {
      const { agents } = yield* create
      const { continuity, epoch, instanceId } = yield* agents.startSession({ threadId, instanceId: other })
      assert.deepStrictEqual([continuity._tag, epoch, instanceId], ["Created", 1, other])
    })))

  it.effect("a thread is made once: by one of several calls, and not where there is one", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      const input = { threadId, instanceId: mock, directory }
      const calls = yield* Effect.all(Array.from({ length: 5 }, () => Effect.result(agents.createThread(input))), {
        concurrency: "unbounded"
      })
      const answers = calls.map((call) => call._tag === "Success" ? "made" : call.failure._tag).toSorted()
      assert.deepStrictEqual(answers, ["ThreadExists", "ThreadExists", "ThreadExists", "ThreadExists", "made"])
      yield* agents.runTurn({ threadId, prompt: "one" })
      assert.strictEqual((yield* Effect.flip(agents.createThread(input)))._tag, "ThreadExists")
    })))

  it.effect("an instance or a directory that is not there is refused, and nothing is stored", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      const nobody = InstanceId.make("nobody")
      const tags = yield* Effect.all([
        Effect.flip(agents.createThread({ threadId, instanceId: nobody, directory })),
        Effect.flip(agents.createThread({ threadId, instanceId: mock, directory: `${directory}/missing` }))
      ]).pipe(Effect.map((errors) => errors.map(({ _tag }) => _tag)))
      assert.deepStrictEqual(tags, ["InstanceNotFound", "DirectoryInvalid"])
      assert.deepStrictEqual((yield* agents.listThreads({})).threads, [])
    })))

  it.effect("P1 mock: waits for a start of the thread that is under way, and is told that it exists", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)))
      const start = yield* Effect.forkChild(
        agents.startSession({ threadId, instanceId: mock, directory, title: "Started" }),
        { startImmediately: true }
      )
      yield* Deferred.await(reached)
      const made = yield* Effect.forkChild(
        Effect.flip(agents.createThread({ threadId, instanceId: mock, directory, title: "Made" })),
        { startImmediately: true }
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(start)
      assert.strictEqual((yield* Fiber.join(made))._tag, "ThreadExists")
      assert.strictEqual((yield* agents.getThread({ threadId })).title, "Started")
    })))

  it.effect("P1 mock: a snapshot of a thread that never had a session says so, and of one that is not there that it is not", () =>
    run(Effect.gen(function*() {
      const archive = yield* TranscriptArchive
      assert.strictEqual((yield* Effect.flip(archive.snapshot({ threadId })))._tag, "ThreadNotFound")
      const { agents } = yield* create
      const error = yield* Effect.flip(archive.snapshot({ threadId }))
      assert.deepInclude(error, { _tag: "NothingToSave", threadId, retryable: false })
      assert.deepStrictEqual(yield* archive.list({ threadId }), [])
      yield* agents.startSession({ threadId })
      yield* archive.snapshot({ threadId })
    })))

  for (const operation of ["compactThread", "forkThread", "resetThread"] as const) {
    it.effect(`P1 mock: ${operation} of a thread that never had a session starts it first`, () =>
      run(Effect.gen(function*() {
        const { agents } = yield* create
        const newThreadId = ThreadId.make("copy")
        if (operation === "compactThread") yield* agents.compactThread({ threadId })
        else if (operation === "resetThread") {
          const { continuity } = yield* agents.resetThread({ threadId })
          assert.deepStrictEqual(continuity, { _tag: "Created" })
        } else yield* agents.forkThread({ threadId, newThreadId })
        assert.isDefined((yield* agents.getThread({ threadId })).sessionId)
        yield* agents.deleteThread({ threadId })
        assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
      })))
  }
})
