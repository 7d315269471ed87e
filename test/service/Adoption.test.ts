/** P1 on the mock: sessions that the agent's own program made become threads, each of one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { InstanceId, ProviderService, type SessionId, ThreadId } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { is, layer, mock, stored, threadId } = Agents

const adopt = (sessionId: SessionId, directory: string, id: ThreadId = threadId) =>
  ProviderService.use((agents) => agents.adoptSession({ threadId: id, instanceId: mock, sessionId, directory }))

describe("adopting", () => {
  it.effect("P1 mock: an adopted session goes on with its past, and its thread's transcript begins there", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const sessionId = yield* agent.makeSession({ directory, words: "the number is 42" })
      const info = yield* adopt(sessionId, directory)
      assert.deepInclude(info, { sessionId, directory, runtimeMode: "approval-required" })
      assert.deepStrictEqual(info.continuity, { _tag: "Adopted" })
      yield* agents.runTurn({ threadId, prompt: "go on" })
      const [session] = yield* agent.sessions
      assert.deepStrictEqual(session?.history.map(({ text }) => text), ["the number is 42", "go on", "echo: go on"])
      const turns = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(turns.map((turn) => turn.input?.prompt), ["go on"])
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* agents.startSession({ threadId })).continuity, { _tag: "Resumed" })
      const started = (yield* stored()).filter(is("SessionStarted")).map(({ continuity }) => continuity._tag)
      assert.deepStrictEqual(started, ["Adopted", "Resumed"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: adopting into another directory moves the session there and says so, or fails and changes nothing", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const [directory, other] = [yield* Agents.folder, yield* Agents.folder]
      const sessionId = yield* agent.makeSession({ directory, words: "elsewhere" })
      const moved = yield* adopt(sessionId, other)
      assert.deepStrictEqual(moved.continuity, { _tag: "Adopted", movedFrom: directory })
      assert.strictEqual((yield* agents.getThread({ threadId })).directory, other)
    }).pipe(Effect.provide(layer({ mock: { capabilities: { moveDirectory: "anywhere" } } }))))

  it.effect("mock: a session that is not there, one that a thread has, and a thread that is there are refused", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const ours = yield* Agents.start({ directory })
      const sessionId = yield* agent.makeSession({ directory, words: "outside" })
      const next = ThreadId.make("next")
      assert.deepInclude(yield* Effect.flip(adopt(ours.sessionId, directory, next)), { _tag: "SessionTaken", threadId })
      assert.strictEqual((yield* Effect.flip(adopt(sessionId, directory)))._tag, "ThreadExists")
      yield* agent.loseSession(sessionId)
      assert.deepInclude(yield* Effect.flip(adopt(sessionId, directory, next)), { _tag: "SessionMissing", sessionId })
      assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId: next })))._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a session that a thread can return to after a swap of the agent is that thread's", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      const { sessionId } = yield* Agents.start({ directory })
      yield* agents.runTurn({ threadId, prompt: "one" })
      const instanceId = InstanceId.make("other")
      yield* MockProvider.make({ instanceId })
      yield* agents.startSession({ threadId, instanceId })
      const refused = yield* Effect.flip(adopt(sessionId, directory, ThreadId.make("next")))
      assert.deepInclude(refused, { _tag: "SessionTaken", threadId })
      yield* agents.resetThread({ threadId })
      yield* adopt(sessionId, directory, ThreadId.make("next"))
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: of two threads that adopt a session at once, one has it", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const sessionId = yield* agent.makeSession({ directory, words: "outside" })
      const adopting = ["one", "two"].map((id) => Effect.result(adopt(sessionId, directory, ThreadId.make(id))))
      const results = yield* Effect.all(adopting, { concurrency: "unbounded" })
      const ends = results.map((result) => result._tag === "Failure" ? result.failure._tag : "adopted")
      assert.sameMembers(ends, ["adopted", "SessionTaken"])
    }).pipe(Effect.provide(layer())))

  it.effect("mock: the agent's sessions are listed page by page, newest first, without those that threads have", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const [directory, other] = [yield* Agents.folder, yield* Agents.folder]
      yield* Agents.start({ directory })
      const make = (words: string, where: string) => agent.makeSession({ directory: where, words })
      const [one, two, three] = [yield* make("1", directory), yield* make("2", other), yield* make("3", directory)]
      const list = (query: object) => agents.listSessions({ instanceId: mock, ...query })
      const ids = (page: { readonly sessions: ReadonlyArray<{ readonly sessionId: SessionId }> }) =>
        page.sessions.map(({ sessionId }) => sessionId)
      assert.deepStrictEqual(ids(yield* list({})), [three, two, one])
      assert.deepStrictEqual(ids(yield* list({ directory })), [three, one])
      const first = yield* list({ limit: 2 })
      assert.deepStrictEqual(ids(first), [three, two])
      const second = yield* list({ limit: 2, after: first.next })
      assert.deepStrictEqual(ids(second), [one])
      assert.isUndefined(second.next)
      yield* adopt(three, directory, ThreadId.make("adopted"))
      assert.deepStrictEqual(ids(yield* list({ directory })), [one])
      assert.strictEqual((yield* Effect.flip(list({ limit: 0 })))._tag, "InputInvalid")
      yield* agent.unreachable(true)
      assert.strictEqual((yield* Effect.flip(list({})))._tag, "AgentUnreachable")
    }).pipe(Effect.provide(layer())))

  it.effect("mock: an agent without such a list says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const sessionId = yield* agent.makeSession({ directory, words: "outside" })
      assert.strictEqual((yield* Effect.flip(agents.listSessions({ instanceId: mock })))._tag, "CapabilityMissing")
      assert.strictEqual((yield* Effect.flip(adopt(sessionId, directory)))._tag, "CapabilityMissing")
    }).pipe(Effect.provide(layer({ mock: { capabilities: { adopt: false } } }))))
})
