import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { LifecycleHooks, ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { threadId } = Agents

/** Real I/O, which no TestClock hurries: a child that starts and ends. */
const realIo = Effect.callback<void>((resume) => {
  const child = execFile(process.execPath, ["--version"], () => resume(Effect.void))
  return Effect.sync(() => child.kill("SIGKILL"))
})

describe("MockProvider.reapIdle", () => {
  it.effect("P12 mock: a hook of session:end that does real I/O is done when it answers, within its timeout", () => {
    const heard: Array<string> = []
    const hook = LifecycleHooks.observe({
      name: "slow",
      events: ["session:end"],
      timeout: "2 seconds",
      attempts: 1,
      run: (event) => Effect.andThen(realIo, Effect.sync(() => heard.push(event.reason)))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* TestClock.adjust("17 minutes")
      yield* agents.runTurn({ threadId, prompt: "hello" })
      const idleSince = yield* Clock.currentTimeMillis
      assert.isTrue(yield* agent.reapIdle(threadId))
      assert.deepStrictEqual(heard, ["reaped"])
      assert.deepStrictEqual((yield* agent.sessions).map(({ live }) => live), [false])
      const waited = (yield* Clock.currentTimeMillis) - idleSince
      assert.isAtLeast(waited, 30 * 60_000)
      assert.isAtMost(waited, 31 * 60_000 + 2000)
      assert.isFalse(yield* agent.reapIdle(threadId), "it is stopped already")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "again" })).continuity._tag, "Resumed")
    }).pipe(Effect.provide(Agents.layer({ hooks: [hook] })))
  })

  it.effect("P9 mock: a busy session is not reaped, and the answer says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "work" })
      assert.isFalse(yield* agent.reapIdle(threadId))
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "running")
    }).pipe(Effect.provide(Agents.layer({ settings: { noProgressDeadline: "1 day" } }))))

  it.effect("P9 mock: the service's own settings of the reaper are given", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      assert.isTrue(yield* agent.reapIdle(threadId, { idleAfter: "1 minute", sweepEvery: "10 seconds" }))
      assert.isAtMost(yield* Clock.currentTimeMillis, 72_000)
    }).pipe(
      Effect.provide(Agents.layer({ settings: { reaper: { idleAfter: "1 minute", sweepEvery: "10 seconds" } } }))
    ))
})
