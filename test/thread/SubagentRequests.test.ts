/** What a subagent beside the turns asks: the turn that it works for waits for the user as well. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, layer, stored, threadId } = Agents

const deadlines = { turnDeadline: "10 minutes", noProgressDeadline: "1 minute", interruptGrace: "10 seconds" } as const

/** A turn that hangs beside a task that it has begun, which asks the user. */
const asking = Effect.fnUntraced(function*(asks: "by its task" | "by no task") {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  const { sessionId } = yield* Agents.start()
  yield* agent.nextTurn(() => [
    MockStep.command("helper", { background: true, asks: false }),
    MockStep.hang
  ])
  const { turnId } = yield* agents.sendTurn({ threadId, prompt: "helper" })
  const { task: { taskId }, turnId: began } = yield* awaitEvent(is("TaskStarted"))
  assert.strictEqual(began, turnId)
  const about = { kind: "command", subject: "make" } as const
  yield* agent.askBeside(sessionId, asks === "by its task" ? { ...about, taskId } : about)
  const { request } = yield* awaitEvent(is("ApprovalRequested"))
  return { agents, requestId: request.requestId, ends: Effect.map(stored(), (events) => endings(events)[turnId]) }
})

describe("a turn whose subagent waits for the user", () => {
  it.effect("P4 mock: has no deadline meanwhile, and has it again once the user has answered", () =>
    Effect.gen(function*() {
      const { agents, ends, requestId } = yield* asking("by its task")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* ends, [])
      yield* agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
      yield* TestClock.adjust("1 minute")
      const { failure } = yield* awaitEvent(is("TurnFailed"))
      assert.deepInclude({ ...failure }, { _tag: "DeadlineExceeded", deadline: "no-progress" })
    }).pipe(Effect.provide(layer({ settings: deadlines }))))

  it.effect("P4 mock: of a request that belongs to no work of the turn it does not wait", () =>
    Effect.gen(function*() {
      yield* asking("by no task")
      yield* TestClock.adjust("1 minute")
      const { failure } = yield* awaitEvent(is("TurnFailed"))
      assert.deepInclude({ ...failure }, { _tag: "DeadlineExceeded", deadline: "no-progress" })
    }).pipe(Effect.provide(layer({ settings: deadlines }))))
})
