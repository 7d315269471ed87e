/** What a thread is said to be doing: by the actor while it is live or starting, else by what is stored. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { allow } from "../../src/hooks/index.ts"
import { LifecycleHooks, ProviderService, Redaction, SessionStore } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, mock, threadId } = Agents

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** As a client sees it, from both operations. */
const shown = Effect.gen(function*() {
  const agents = yield* ProviderService
  const { status } = yield* agents.getThread({ threadId })
  const { threads } = yield* agents.listThreads({})
  assert.deepStrictEqual(threads.map((thread) => thread.status), [status])
  return status
})

/** The column itself: what another process, or the settlement after a crash, would read. */
const column = Effect.gen(function*() {
  const sql = yield* Agents.sql
  const rows = yield* sql<{ readonly status: string }>`SELECT status FROM eca_threads WHERE thread_id = ${threadId}`
  return rows[0]?.status
})

/** A start that has reached the agent and waits there. */
const slowStart = Effect.gen(function*() {
  const agent = yield* MockProvider
  const reached = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)))
  return { reached: Deferred.await(reached), go: Deferred.succeed(gate, undefined) }
})

describe("the status of a thread", () => {
  it.effect("P8 mock: a thread is starting while its session starts, and the store never says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* agents.createThread({ threadId, instanceId: mock, directory: yield* Agents.folder })
      assert.strictEqual(yield* shown, "stopped")
      const first = yield* slowStart
      const start = yield* background(agents.startSession({ threadId }))
      yield* first.reached
      assert.strictEqual(yield* shown, "starting")
      assert.strictEqual(yield* column, "stopped")
      yield* first.go
      yield* Fiber.join(start)
      assert.strictEqual(yield* shown, "idle")

      yield* agents.stopSession({ threadId })
      const second = yield* slowStart
      const turn = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* second.reached
      assert.strictEqual(yield* shown, "starting")
      yield* second.go
      yield* Fiber.join(turn)
      assert.strictEqual(yield* shown, "idle")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a start that is stopped or fails leaves the thread stopped, a reset that fails leaves it live", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const reset = yield* slowStart
      const resetting = yield* background(agents.resetThread({ threadId }))
      yield* reset.reached
      assert.strictEqual(yield* shown, "starting")
      assert.strictEqual(yield* column, "idle")
      yield* Fiber.interrupt(resetting)
      assert.strictEqual(yield* shown, "idle")

      yield* agents.stopSession({ threadId })
      const cut = yield* slowStart
      const start = yield* background(Effect.flip(agents.startSession({ threadId })))
      yield* cut.reached
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* Fiber.join(start))._tag, "ThreadStopping")
      assert.strictEqual(yield* shown, "stopped")

      yield* agent.unreachable(true)
      assert.strictEqual((yield* Effect.flip(agents.startSession({ threadId })))._tag, "AgentUnreachable")
      assert.strictEqual(yield* shown, "stopped")
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a thread is running while a turn is on its way, before the store knows that the agent has it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowSend(Deferred.await(gate))
      const turn = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* agent.awaitTurn()
      assert.strictEqual(yield* shown, "running")
      assert.strictEqual(yield* column, "idle")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(turn)
      assert.strictEqual(yield* shown, "idle")
      yield* agent.nextTurn(() => [MockStep.command("make")])
      yield* background(agents.sendTurn({ threadId, prompt: "two" }))
      yield* awaitEvent(is("ApprovalRequested"))
      assert.strictEqual(yield* shown, "waiting")
      assert.strictEqual(yield* column, "waiting")
    }).pipe(Effect.provide(layer())))

  it.effect("P13 mock: a thread is compacting while its transcript is saved, and the store says so while guards are asked", () => {
    const saving = Deferred.makeUnsafe<void>()
    const saved = Deferred.makeUnsafe<void>()
    const asked = Deferred.makeUnsafe<void>()
    const answer = Deferred.makeUnsafe<void>()
    const slowly = Redaction.custom("slow", (text) =>
      Deferred.succeed(saving, undefined).pipe(
        Effect.andThen(Deferred.await(saved)),
        Effect.as(text)
      ))
    const guard = LifecycleHooks.guard({
      name: "slow",
      events: ["compaction:before"],
      run: () => Deferred.succeed(asked, undefined).pipe(Effect.andThen(Deferred.await(answer)), Effect.as(allow))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const store = yield* SessionStore
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const compaction = yield* background(agents.compactThread({ threadId }))
      yield* Deferred.await(saving)
      assert.strictEqual(yield* shown, "compacting")
      assert.strictEqual(yield* column, "idle")
      yield* Deferred.succeed(saved, undefined)
      yield* Deferred.await(asked)
      assert.strictEqual(yield* shown, "compacting")
      assert.strictEqual(yield* column, "compacting")
      assert.strictEqual((yield* Effect.flatMap(store.getThread(threadId), Effect.fromOption)).status, "compacting")
      yield* Deferred.succeed(answer, undefined)
      assert.strictEqual((yield* Fiber.join(compaction)).outcome, "completed")
      assert.strictEqual(yield* shown, "idle")
      assert.strictEqual(yield* column, "idle")
    }).pipe(Effect.provide(layer({ hooks: [guard], settings: { transcripts: { redactor: slowly } } })))
  })
})
