/** Threads that are changed between their turns and during them, on the mock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { AdapterError, ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as SilentMock from "../support/SilentMock.ts"

const { awaitEvent, is, layer, mock, stored, threadId } = Agents

const started = Effect.fnUntraced(function*(input: { readonly runtimeMode?: "full-access" } = {}) {
  const agents = yield* ProviderService
  yield* agents.startSession({ threadId, instanceId: mock, directory: yield* Agents.folder, ...input })
  return { agents, agent: yield* MockProvider }
})

/** A turn that waits for an approval of its first command and has another one behind it. */
const asking = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* (yield* MockProvider).nextTurn(() => [MockStep.command("one"), MockStep.command("two"), MockStep.text("done")])
  const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
  const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
  return { turn, requestId }
})

const once = { _tag: "AllowOnce" } as const

const changes = Effect.map(
  stored(),
  (events) =>
    events.flatMap((event): ReadonlyArray<unknown> =>
      event._tag === "ModeChanged"
        ? [{ mode: event.runtimeMode, by: event.by }]
        : event._tag === "ModelChanged"
        ? [{ model: event.model.id, by: event.by }]
        : []
    )
)

const epochs = Effect.map(
  stored(),
  (events) => events.filter(is("SessionStarted")).map(({ runtimeMode }) => runtimeMode)
)

describe("configureThread", () => {
  it.effect("P7 mock: a mode that is loosened during a turn holds from its next tool on; what is open stays open", () =>
    Effect.gen(function*() {
      const { agents } = yield* started()
      const { requestId, turn } = yield* asking
      assert.deepStrictEqual(yield* agents.configureThread({ threadId, runtimeMode: "full-access" }), {
        threadId,
        applied: "now"
      })
      assert.strictEqual((yield* agents.getThread({ threadId })).runtimeMode, "full-access")
      assert.deepStrictEqual(yield* agents.respondToApproval({ threadId, requestId, decision: once }), {})
      yield* Fiber.join(turn)
      assert.lengthOf((yield* stored()).filter(is("ApprovalRequested")), 1)
      assert.deepStrictEqual(yield* changes, [{ mode: "full-access", by: "user" }])
      assert.deepStrictEqual(yield* epochs, ["approval-required"])
    }).pipe(Effect.provide(layer())))

  it.effect("P7 mock: a mode that is tightened during a turn holds before its next tool runs", () =>
    Effect.gen(function*() {
      const { agents } = yield* started()
      const { requestId, turn } = yield* asking
      yield* agents.configureThread({ threadId, runtimeMode: "read-only" })
      yield* agents.respondToApproval({ threadId, requestId, decision: once })
      yield* Fiber.join(turn)
      const commands = (yield* stored()).flatMap((event) =>
        event._tag === "ItemCompleted" && event.item._tag === "Command" ? [[event.item.command, event.item.status]] : []
      )
      assert.deepStrictEqual(commands, [["one", "completed"], ["two", "declined"]])
      assert.lengthOf((yield* stored()).filter(is("ApprovalRequested")), 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P6 mock: an answer can change the mode with it, and nothing is changed where the request does not wait", () =>
    Effect.gen(function*() {
      const { agents } = yield* started()
      const { requestId, turn } = yield* asking
      const answer = { threadId, requestId, decision: once, configure: { runtimeMode: "full-access" as const } }
      assert.deepStrictEqual(yield* agents.respondToApproval(answer), { applied: "now" })
      yield* Fiber.join(turn)
      assert.lengthOf((yield* stored()).filter(is("ApprovalRequested")), 1)
      yield* agents.configureThread({ threadId, runtimeMode: "approval-required" })
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
      assert.strictEqual((yield* agents.getThread({ threadId })).runtimeMode, "approval-required")
    }).pipe(Effect.provide(layer())))

  for (const running of [false, true]) {
    const agentOf = { capabilities: { modeSwitch: "per-session" as const } }
    it.effect(`P7 mock: an agent that cannot change its mode ${running ? "while a turn runs" : "live"} has it in its next session, and says so`, () =>
      Effect.gen(function*() {
        const { agents } = yield* started()
        yield* agents.runTurn({ threadId, prompt: "before" })
        if (running) {
          const { requestId, turn } = yield* asking
          const { applied } = yield* agents.configureThread({ threadId, runtimeMode: "full-access" })
          assert.strictEqual(applied, "next-session")
          // The turn that runs goes on as it was begun.
          yield* agents.respondToApproval({ threadId, requestId, decision: once })
          const second = yield* awaitEvent((event): event is Extract<typeof event, { _tag: "ApprovalRequested" }> =>
            event._tag === "ApprovalRequested" && event.request.subject === "two"
          )
          yield* agents.respondToApproval({ threadId, requestId: second.request.requestId, decision: once })
          yield* Fiber.join(turn)
          assert.deepStrictEqual(yield* epochs, ["approval-required"])
        } else {
          const { applied } = yield* agents.configureThread({ threadId, runtimeMode: "full-access" })
          assert.strictEqual(applied, "next-session")
          assert.strictEqual((yield* agents.getThread({ threadId })).status, "stopped")
        }
        const { continuity } = yield* agents.runTurn({ threadId, prompt: "after" })
        assert.strictEqual(continuity._tag, "Resumed")
        assert.deepStrictEqual(yield* epochs, ["approval-required", "full-access"])
        assert.deepStrictEqual(yield* changes, [])
      }).pipe(Effect.provide(layer({ mock: agentOf }))))
  }

  it.effect("P7 mock: a stopped thread starts as it was configured; a mode that its agent does not have is refused", () =>
    Effect.gen(function*() {
      const { agent, agents } = yield* started()
      yield* agents.stopSession({ threadId })
      const { applied } = yield* agents.configureThread({ threadId, runtimeMode: "read-only", model: { id: "large" } })
      assert.strictEqual(applied, "next-session")
      assert.strictEqual((yield* agents.configureThread({ threadId, title: "A title" })).applied, "now")
      yield* agents.runTurn({ threadId, prompt: "go" })
      assert.deepInclude((yield* agent.starts).at(-1), {
        runtimeMode: "read-only",
        model: { id: "large" },
        title: "A title"
      })
      const refused = yield* Effect.flip(agents.configureThread({ threadId, runtimeMode: "auto-accept-edits" }))
      assert.instanceOf(refused, AdapterError.PolicyUnenforceable)
      assert.strictEqual((yield* agents.getThread({ threadId })).runtimeMode, "read-only")
      yield* agents.stopSession({ threadId })
      yield* Effect.flip(agents.configureThread({ threadId, runtimeMode: "auto-accept-edits" }))
      assert.strictEqual((yield* agents.getThread({ threadId })).runtimeMode, "read-only")
    }).pipe(
      Effect.provide(
        layer({ mock: { capabilities: { runtimeModes: ["approval-required", "read-only", "full-access"] } } })
      )
    ))

  it.effect("P7 mock: of a mode or a model that is refused nothing is changed, neither labels nor the title", () =>
    Effect.gen(function*() {
      const { agents } = yield* started()
      const change = { threadId, title: "Another", labels: { team: "red" }, archived: true }
      const shown = Effect.map(
        agents.getThread({ threadId }),
        ({ archived, labels, model, runtimeMode, title }) => ({ archived, labels, model, runtimeMode, title })
      )
      const before = yield* shown
      const refused = [
        yield* Effect.flip(agents.configureThread({ ...change, model: { id: "no such" } })),
        yield* Effect.flip(agents.configureThread({ ...change, runtimeMode: "auto-accept-edits" }))
      ]
      assert.deepStrictEqual(refused.map(({ _tag }) => _tag), ["ModelUnavailable", "PolicyUnenforceable"])
      assert.deepStrictEqual(yield* shown, before)
      yield* agents.configureThread(change)
      assert.deepInclude<unknown>(yield* shown, { title: "Another", labels: { team: "red" }, archived: true })
    }).pipe(Effect.provide(layer({
      mock: { models: ["large"], capabilities: { runtimeModes: ["approval-required"] } }
    }))))

  it.effect("P1 mock: another model is the next turn's, also if it is given while a turn runs, and told once", () =>
    Effect.gen(function*() {
      const { agent, agents } = yield* started()
      const { requestId, turn } = yield* asking
      assert.strictEqual((yield* agents.configureThread({ threadId, model: { id: "large" } })).applied, "next-turn")
      assert.strictEqual((yield* agents.configureThread({ threadId, model: { id: "large" } })).applied, "now")
      yield* agents.configureThread({ threadId, runtimeMode: "full-access" })
      yield* agents.respondToApproval({ threadId, requestId, decision: once })
      yield* Fiber.join(turn)
      yield* agents.runTurn({ threadId, prompt: "next" })
      assert.deepStrictEqual((yield* agent.received).map(({ input }) => input.model?.id), [undefined, "large"])
      assert.deepStrictEqual(yield* changes, [{ model: "large", by: "user" }, { mode: "full-access", by: "user" }])
    }).pipe(Effect.provide(layer())))

  it.effect("P17 mock: a change of mode never grants trust, neither to the live session nor to the next", () =>
    Effect.gen(function*() {
      const { agent, agents } = yield* started()
      yield* agents.configureThread({ threadId, runtimeMode: "full-access" })
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "go" })
      assert.deepStrictEqual(
        (yield* agent.starts).map(({ projectConfig, runtimeMode }) => [runtimeMode, projectConfig]),
        [
          ["approval-required", "instructions"],
          ["full-access", "instructions"]
        ]
      )
      assert.strictEqual((yield* agents.getThread({ threadId })).project.config, "instructions")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: an agent that answers neither a title nor a question for a model holds no thread; a stop cuts through", () =>
    Effect.gen(function*() {
      yield* SilentMock.inPlace({ rename: () => Effect.never, checkModel: () => Effect.never })
      const { agents } = yield* started()
      const titled = yield* Effect.forkChild(agents.configureThread({ threadId, title: "Mine" }), {
        startImmediately: true
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(titled)).applied, "now")
      assert.strictEqual((yield* agents.getThread({ threadId })).title, "Mine")
      const change = Effect.flip(agents.configureThread({ threadId, model: { id: "large" } }))
      const asked = yield* Effect.forkChild(change, { startImmediately: true })
      yield* TestClock.adjust("15 minutes")
      assert.strictEqual((yield* Fiber.join(asked))._tag, "AgentUnreachable")
      const cut = yield* Effect.forkChild(change, { startImmediately: true })
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Fiber.join(cut))._tag, "ThreadStopping")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: an agent that does not answer a change of mode is held to it in its next session", () =>
    Effect.gen(function*() {
      const { agent, agents } = yield* started()
      yield* agent.unreachable(true)
      const { applied } = yield* agents.configureThread({ threadId, runtimeMode: "read-only" })
      assert.strictEqual(applied, "next-session")
      yield* agent.unreachable(false)
      yield* agents.runTurn({ threadId, prompt: "go" })
      assert.strictEqual((yield* epochs).at(-1), "read-only")
    }).pipe(Effect.provide(layer())))
})
