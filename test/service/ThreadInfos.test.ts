/** What a list of threads shows of each: what it waits for, how its last turn stands, what it has used; and every change. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { symlinkSync } from "node:fs"
import { InstanceId, ItemId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { TaskId, type ThreadListChange } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, mock, threadId } = Agents
const other = ThreadId.make("other")

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const info = Effect.gen(function*() {
  const agents = yield* ProviderService
  const thread = yield* agents.getThread({ threadId })
  // A page says the same.
  const { threads } = yield* agents.listThreads({})
  assert.deepStrictEqual(threads.find((one) => one.threadId === threadId), thread)
  return thread
})

const createOther = Effect.gen(function*() {
  const agents = yield* ProviderService
  const directory = yield* Agents.folder
  yield* agents.createThread({ threadId: other, instanceId: mock, directory })
  return directory
})

const listed = Effect.fnUntraced(
  function*(where: Parameters<ProviderService["Service"]["listThreads"]>[0]["where"]) {
    const agents = yield* ProviderService
    return (yield* agents.listThreads({ where })).threads.map((thread) => thread.threadId)
  }
)

const turnId = TurnId.make("turn")

describe("ThreadInfo", () => {
  it.effect("P6 mock: it has the requests that wait for an answer, and no settled one", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      assert.deepInclude(yield* info, { openRequests: [], background: [], usage: { tokens: 0, costUsd: 0 } })
      yield* agent.nextTurn(() => [MockStep.command("make"), MockStep.command("make install")])
      const turn = yield* background(agents.runTurn({ threadId, turnId, prompt: "one" }))
      const first = yield* awaitEvent(is("ApprovalRequested"))
      const waiting = yield* info
      assert.deepStrictEqual(waiting.openRequests, [
        { _tag: "Approval", request: first.request, turnId, at: first.at }
      ])
      assert.deepInclude(waiting.lastTurn, { turnId, status: "running" })
      yield* agents.respondToApproval({
        threadId,
        requestId: first.request.requestId,
        decision: { _tag: "AllowOnce" }
      })
      const second = yield* awaitEvent((event): event is typeof first =>
        event._tag === "ApprovalRequested" && event.seq > first.seq
      )
      assert.deepStrictEqual((yield* info).openRequests.map(({ request }) => request.requestId), [
        second.request.requestId
      ])
      yield* agents.interruptTurn({ threadId })
      yield* Fiber.await(turn)
      const after = yield* info
      assert.deepStrictEqual(after.openRequests, [])
      assert.deepInclude(after.lastTurn, { turnId, status: "interrupted" })
      assert.isNumber(after.lastTurn?.endedAt)
    }).pipe(Effect.provide(layer())))

  it.effect("P16 mock: it has what the turns have used, the context as it was told last, and nothing of it after a reset", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      for (const used of [10, 20]) {
        yield* agent.nextTurn(() => [
          MockStep.emit([{ _tag: "ContextUpdated", used, window: 100 }]),
          MockStep.usage({ input: used, costUsd: 0.5 }),
          MockStep.text("done")
        ])
        yield* agents.runTurn({ threadId, prompt: "one" })
      }
      const { context, usage } = yield* info
      assert.deepStrictEqual(context, { used: 20, window: 100 })
      assert.deepStrictEqual(usage, { tokens: 30, costUsd: 1 })
      yield* agents.stopSession({ threadId })
      yield* agents.startSession({ threadId })
      assert.deepStrictEqual((yield* info).context, { used: 20, window: 100 })
      yield* agents.resetThread({ threadId })
      assert.isUndefined((yield* info).context)
    }).pipe(Effect.provide(layer())))

  it.effect("P9 mock: it has tasks and items that go on beside the turns, until they end or their session does", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const task = (id: string) => ({
        taskId: TaskId.make(id),
        kind: "command" as const,
        title: id,
        status: "running" as const
      })
      const item = {
        _tag: "Command" as const,
        itemId: ItemId.make("left"),
        command: "sleep 100",
        status: "running" as const
      }
      yield* agent.nextTurn(() => [
        MockStep.emit([
          { _tag: "TaskStarted", turnId, task: task("a") },
          { _tag: "TaskStarted", turnId, task: task("b") },
          { _tag: "ItemStarted", turnId, item },
          { _tag: "ItemDetached", turnId, item },
          { _tag: "TaskEnded", turnId, task: { ...task("a"), status: "completed" } }
        ])
      ])
      yield* agents.runTurn({ threadId, turnId, prompt: "one" })
      assert.deepStrictEqual((yield* info).background, [
        { _tag: "Task", task: task("b") },
        { _tag: "Item", item }
      ])
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* info).background, [])
    }).pipe(Effect.provide(layer())))

  it.effect("P16 mock: what is told of the context after a rewind is the context again", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const filled = (used: number) =>
        agent.nextTurn(() => [MockStep.emit([{ _tag: "ContextUpdated", used, window: 100 }]), MockStep.text("done")])
      yield* filled(20)
      const { turnId: before } = yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.rewindThread({ threadId, before })
      assert.isUndefined((yield* info).context)
      yield* filled(10)
      yield* agents.runTurn({ threadId, prompt: "two" })
      assert.deepStrictEqual((yield* info).context, { used: 10, window: 100 })
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a turn that the agent has refused is not the last turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, turnId, prompt: "one" })
      yield* agent.failNextSend(({ turnId }) => Agents.refused(turnId))
      yield* Effect.flip(agents.sendTurn({ threadId, prompt: "two" }))
      assert.deepInclude((yield* info).lastTurn, { turnId, status: "completed" })
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: a turn on its way to the agent is the last turn, and is sending", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowSend(Deferred.await(gate))
      const turn = yield* background(agents.runTurn({ threadId, turnId, prompt: "one" }))
      yield* agent.awaitTurn()
      assert.deepInclude((yield* info).lastTurn, { turnId, status: "sending" })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(turn)
      assert.deepInclude((yield* info).lastTurn, { turnId, status: "completed" })
    }).pipe(Effect.provide(layer())))
})

describe("listThreads where", () => {
  it.effect("P15 mock: threads are found by what they do now, by their instance and by their directory, however it is written", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const folder = yield* Agents.folder
      yield* Agents.start({ directory: folder })
      const directory = yield* createOther
      const link = `${folder}/link`
      yield* Effect.sync(() => symlinkSync(directory, link))
      assert.deepStrictEqual(yield* listed({ directory: link }), [other])
      assert.deepStrictEqual(yield* listed({ directory: "/nowhere" }), [])
      assert.deepStrictEqual(yield* listed({ instanceId: InstanceId.make("none") }), [])
      assert.sameMembers(yield* listed({ instanceId: mock }), [threadId, other])
      assert.deepStrictEqual(yield* listed({ status: ["stopped"] }), [other])
      assert.deepStrictEqual(yield* listed({ status: ["idle"] }), [threadId])
      assert.deepStrictEqual(yield* listed({ status: [] }), [])

      // On its way: the store still says that it is idle.
      const gate = yield* Deferred.make<void>()
      yield* agent.slowSend(Deferred.await(gate))
      const turn = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* agent.awaitTurn()
      assert.deepStrictEqual(yield* listed({ status: ["idle"] }), [])
      assert.deepStrictEqual(yield* listed({ status: ["running", "waiting"] }), [threadId])
      assert.deepStrictEqual(yield* listed({ status: ["running"], directory: link }), [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(turn)

      const reached = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      const start = yield* background(agents.startSession({ threadId: other }))
      yield* Deferred.await(reached)
      assert.deepStrictEqual(yield* listed({ status: ["starting"] }), [other])
      assert.deepStrictEqual(yield* listed({ status: ["stopped"] }), [])
      yield* Fiber.interrupt(start)
    }).pipe(Effect.provide(layer())))
})

describe("watchThreads", () => {
  const shown = (change: ThreadListChange): string =>
    change._tag === "Page"
      ? `page ${change.page.threads.map((thread) => thread.threadId).join(" ")}`
      : change._tag === "Gone"
      ? `gone ${change.threadId}`
      : `${change.thread.threadId} ${change.thread.status}`

  it.effect("P11 mock: a watcher has the page, then each state that a thread comes to, and its end", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* createOther
      const seen: Array<string> = []
      const watch = yield* background(
        agents.watchThreads({}).pipe(
          Stream.map(shown),
          Stream.changes,
          Stream.tap((change) => Effect.sync(() => seen.push(change))),
          Stream.takeUntil((change) => change === `gone ${threadId}`),
          Stream.runDrain
        )
      )
      const until = (change: string) =>
        Effect.repeat(Effect.yieldNow, { times: 10_000, until: () => seen.includes(change) })
      yield* until("page other")
      yield* Agents.start()
      yield* until(`${threadId} idle`)
      yield* agent.nextTurn(() => [MockStep.command("make")])
      const turn = yield* background(agents.runTurn({ threadId, prompt: "one" }))
      yield* until(`${threadId} waiting`)
      yield* agents.interruptTurn({ threadId })
      yield* Fiber.await(turn)
      yield* agents.stopSession({ threadId })
      yield* until(`${threadId} stopped`)
      yield* agents.deleteThread({ threadId })
      yield* Fiber.join(watch)
      const order = ["page other", `${threadId} idle`, `${threadId} waiting`, `${threadId} stopped`, `gone ${threadId}`]
      assert.deepStrictEqual(
        seen.filter((change) => order.includes(change)).filter((change, n, all) => all.indexOf(change) === n),
        order
      )
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a thread that comes to fit is told, and that it does not any more; others are not", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* createOther
      yield* Agents.start()
      const watch = yield* agents.watchThreads({ where: { status: ["idle"] } }).pipe(
        Stream.map(shown),
        Stream.changes,
        Stream.takeUntil((change) => change === "other idle"),
        Stream.runCollect,
        background
      )
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      yield* agents.stopSession({ threadId })
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      yield* agents.startSession({ threadId: other })
      assert.deepStrictEqual(yield* Fiber.join(watch), [`page ${threadId}`, `gone ${threadId}`, "other idle"])
    }).pipe(Effect.provide(layer())))
})
