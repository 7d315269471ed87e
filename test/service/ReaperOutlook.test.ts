/** P9 on the mock: what `ThreadInfo` says that the reaper will do with a session, and that the reaper does it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { TaskId } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HostClock from "../support/HostClock.ts"

const { awaitEvent, is, layer, mock, threadId } = Agents
const other = ThreadId.make("other")
const turnId = TurnId.make("turn")

const info = (id: ThreadId = threadId) => ProviderService.use((agents) => agents.getThread({ threadId: id }))

describe("ThreadInfo: what the reaper will do", () => {
  const minute = 60_000
  const settings = { reaper: { idleAfter: "10 minutes", pinCap: "1 hour", sweepEvery: "1 minute" } } as const
  const idle = { _tag: "Stop", because: "idle", givesWay: false } as const

  it.effect("P9 mock: it is what the reaper does, then: not while a turn runs, nor for time that the host slept through", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const host = yield* HostClock.HostClock
      yield* Agents.start()
      assert.deepStrictEqual((yield* info()).reaper, { ...idle, at: 10 * minute })
      yield* agent.nextTurn(() => [MockStep.command("make")])
      yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
      yield* awaitEvent(is("ApprovalRequested"))
      assert.deepStrictEqual((yield* info()).reaper, { _tag: "Keep", because: "busy" })
      yield* TestClock.adjust("5 minutes")
      yield* agents.interruptTurn({ threadId })
      assert.deepStrictEqual((yield* info()).reaper, { ...idle, at: 15 * minute })
      yield* host.sleep("8 hours")
      assert.deepStrictEqual((yield* info()).reaper, { ...idle, at: 15 * minute + 8 * 60 * minute })
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual((yield* info()).status, "idle")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* awaitEvent(is("SessionEnded"))).reason, "reaped")
      const stopped = yield* info()
      assert.deepStrictEqual([stopped.status, stopped.reaper], ["stopped", undefined])
    }).pipe(Effect.provide(layer({ settings })), HostClock.provide))

  it.effect("P9 mock: work in the background keeps the session until the cap on that", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const task = { taskId: TaskId.make("a"), kind: "command", title: "a", status: "running" } as const
      yield* agent.nextTurn(() => [MockStep.emit([{ _tag: "TaskStarted", turnId, task }])])
      yield* agents.runTurn({ threadId, turnId, prompt: "one" })
      assert.deepStrictEqual((yield* info()).reaper, { ...idle, because: "pin-cap", at: 60 * minute })
    }).pipe(Effect.provide(layer({ settings }))))

  it.effect("P9 mock: a session of which the app's own rule throws is kept, and shown", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      assert.deepStrictEqual((yield* info()).reaper, { _tag: "Keep", because: "exempt" })
      assert.lengthOf((yield* agents.listThreads({})).threads, 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* info()).status, "idle")
    }).pipe(Effect.provide(layer({
      settings: {
        reaper: {
          maxLive: 1,
          exempt: () => {
            throw new Error("no labels")
          }
        }
      }
    }))))

  it.effect("P9 mock: an exempt thread's session is kept", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      assert.deepStrictEqual((yield* info()).reaper, { _tag: "Keep", because: "exempt" })
    }).pipe(Effect.provide(layer({ settings: { reaper: { exempt: () => true } } }))))

  it.effect("P9 mock: above the cap on live sessions the one that was used least recently is stopped next", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.createThread({ threadId: other, instanceId: mock, directory: yield* Agents.folder })
      yield* agent.nextTurn(() => [MockStep.command("make")])
      yield* agents.sendTurn({ threadId, turnId, prompt: "one" })
      yield* awaitEvent(is("ApprovalRequested"))
      yield* TestClock.adjust("1 second")
      // The first is in use, so this one is above the cap.
      yield* agents.startSession({ threadId: other })
      const above = { _tag: "Stop", because: "live-cap", at: 1000, givesWay: true } as const
      assert.deepStrictEqual((yield* info(other)).reaper, above)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* info(other)).status, "stopped")
      yield* agents.interruptTurn({ threadId })
      assert.deepStrictEqual((yield* info()).reaper, { ...idle, at: 11 * minute + 1000, givesWay: true })
    }).pipe(Effect.provide(layer({ settings: { reaper: { ...settings.reaper, maxLive: 1 } } }))))
})
