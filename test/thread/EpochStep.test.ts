/** Steps of an epoch that show what random lives seldom do. */
import { assert, describe, it } from "@effect/vitest"
import { ItemId, RequestId, TaskId, TurnId } from "../../src/domain/Ids.ts"
import type { TurnLimits } from "../../src/domain/TurnLimits.ts"
import { resolve } from "../../src/domain/TurnLimits.ts"
import { zero } from "../../src/domain/Usage.ts"
import { CodingAgents } from "../../src/index.ts"
import type { ProviderEvent } from "../../src/protocol.ts"
import * as Epoch from "../../src/thread/epoch/Epoch.ts"
import * as EpochState from "../../src/thread/epoch/EpochState.ts"

const ours = TurnId.make("ours")
const own = TurnId.make("own")

/** The state after these inputs, each a second after the one before, and all events. */
const after = (limits: TurnLimits, ...inputs: ReadonlyArray<EpochState.Input>) => {
  let state = EpochState.make({
    policy: CodingAgents.defaults.compaction,
    limits: resolve(limits),
    held: true,
    compactionPrefix: "cmp"
  }, 0)
  const events = inputs.flatMap((input, second) => {
    const step = Epoch.step(state, input, 1000 * (second + 1))
    state = step.state
    return step.events
  })
  return { state, events }
}

const emitted = (...events: ReadonlyArray<ProviderEvent>): EpochState.Input => ({ _tag: "Emitted", events })
const sending: EpochState.Input = { _tag: "Sending", turnId: ours, input: { prompt: "go" }, notes: [] }
const accepted: EpochState.Input = { _tag: "Accepted" }
const began = (turnId = own) => emitted({ _tag: "TurnBegan", turnId, cause: "agent" })
const completed = (turnId: TurnId) => emitted({ _tag: "TurnCompleted", turnId, usage: zero })

describe("a step of an epoch", () => {
  it("P4 epoch: a turn that waits behind another has its time from where the agent takes it up", () => {
    const { state } = after({}, began(), sending, accepted, completed(own))
    assert.deepInclude(state.running, { turnId: ours, startedAt: 4000 })
  })

  it("P18 epoch: the agent's own turns are counted anew after one of ours", () => {
    const second = TurnId.make("own-2")
    const first = [began(), completed(own)]
    assert.deepInclude(after({ ownTurns: 1 }, ...first, began(second)).state.running, {
      deadline: { _tag: "LimitReached", limit: "own-turns", max: 1 }
    })
    const between = after({ ownTurns: 1 }, ...first, sending, accepted, completed(ours), began(second))
    assert.deepInclude(between.state.running, { turnId: second, deadline: undefined })
  })

  it("P18 epoch: a turn that a user has begun elsewhere starts the count of the agent's own anew", () => {
    const [elsewhere, second] = [TurnId.make("elsewhere"), TurnId.make("own-2")]
    const { state } = after(
      { ownTurns: 1 },
      began(),
      completed(own),
      emitted({ _tag: "TurnBegan", turnId: elsewhere, cause: "other-client" }),
      completed(elsewhere),
      began(second)
    )
    assert.deepInclude(state.running, { turnId: second, deadline: undefined })
  })

  it("P18 epoch: of several limits the one that was met first is the reason", () => {
    const usage = (tokens: number, costUsd: number) =>
      emitted({ _tag: "UsageUpdated", turnId: ours, usage: { ...zero, input: tokens, costUsd } })
    const { events } = after(
      { tokens: 100, costUsd: 1 },
      sending,
      accepted,
      usage(1, 2),
      usage(200, 3),
      emitted({ _tag: "TurnInterrupted", turnId: ours, by: "agent", usage: zero })
    )
    const end = events.at(-1)
    assert.deepStrictEqual(end?._tag === "TurnFailed" && end.failure, { _tag: "LimitReached", limit: "cost", max: 1 })
  })

  it("P16 epoch: the text of a turn is its own last message, and none of a subagent's", () => {
    const said = (id: string, text: string, subagent?: string) =>
      emitted({
        _tag: "ItemCompleted",
        turnId: ours,
        item: {
          _tag: "AssistantMessage",
          itemId: ItemId.make(id),
          text,
          ...(subagent === undefined ? {} : { subagent })
        }
      })
    const { state } = after({}, sending, accepted, said("a", "first"), said("b", "mine"), said("c", "below", "helper"))
    assert.strictEqual(state.running?.text, "mine")
  })

  it("P6 epoch: what a task asks is waited for by the turn that began it, whatever is told of the task meanwhile", () => {
    const task = { taskId: TaskId.make("t"), kind: "subagent", title: "Look", status: "running" } as const
    const { state } = after(
      {},
      sending,
      accepted,
      emitted({ _tag: "TaskStarted", turnId: ours, task }),
      emitted({ _tag: "TaskUpdated", task: { ...task, title: "Look again" } }),
      emitted({
        _tag: "ApprovalRequested",
        request: {
          requestId: RequestId.make("r"),
          kind: "command",
          subject: "ls",
          detail: null,
          taskId: task.taskId
        }
      })
    )
    assert.isTrue(Epoch.isWaiting(state, ours))
  })

  it("P6 epoch: an answer of ours is recorded with the turn of its request, and the session was used", () => {
    const requestId = RequestId.make("r")
    const { events, state } = after(
      {},
      sending,
      accepted,
      emitted({
        _tag: "ApprovalRequested",
        turnId: ours,
        request: { requestId, kind: "command", subject: "ls", detail: null }
      }),
      { _tag: "AnswerBegun", requestId, kind: "approval" },
      { _tag: "Answered", settled: { _tag: "ApprovalSettled", requestId, by: "user", decision: { _tag: "Deny" } } }
    )
    assert.deepInclude(events.at(-1), { _tag: "ApprovalSettled", turnId: ours })
    assert.strictEqual(state.activeAt, 5000)
  })

  it("P13 epoch: the late end of a compaction that was given up after its release is not taken for another one", () => {
    const compactionId = "cmp-1"
    for (const outcome of ["timeout", "unknown"] as const) {
      const { events, state } = after(
        {},
        { _tag: "CompactionAsked", trigger: "manual", by: "us" },
        { _tag: "CompactionSaved", compactionId, saved: undefined, vetoable: true },
        { _tag: "CompactionReleased", compactionId },
        { _tag: "CompactionOver", compactionId, ending: { outcome } },
        emitted({ _tag: "CompactionCompleted", summary: "all of it" })
      )
      assert.isUndefined(state.compaction)
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "CompactionSettled" ? [event.outcome] : []),
        [outcome]
      )
      assert.isFalse(events.some((event) => event._tag === "Warning"))
    }
  })
})
