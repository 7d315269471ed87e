/** Turns that Claude begins by itself, and work in the background: the order of their frames, and what becomes of it. */
import { assert, describe, it } from "@effect/vitest"
import * as RequestBook from "../../src/adapter/RequestBook.ts"
import * as Request from "../../src/claude/protocol/Request.ts"
import { type Input, make } from "../../src/claude/turn/TurnState.ts"
import { RequestId } from "../../src/domain/Ids.ts"
import {
  assistant,
  bash,
  begun,
  below,
  frame,
  lifecycle,
  opened,
  output,
  play,
  result,
  sending,
  subagent,
  turnId
} from "./TurnFrames.ts"

describe("what Claude does beside turns of ours", () => {
  it("P4 claude: a turn of the agent's own ends also with a result that names what was added to it, or came too late for another", () => {
    const own = play(make("r", false), [opened("msg_1")])
    const added = play(own.state, [{ _tag: "Steering", uuid: "5a1f" }])
    const joined = result({ user_message_uuids: ["5a1f"], origin: { kind: "task-notification" } })
    assert.notInclude(play(added.state, [result({ user_message_uuids: ["another"] })]).tags, "TurnCompleted")
    assert.strictEqual(play(added.state, [joined]).tags.at(-1), "TurnCompleted")
    const late = play(make("r", false), [lifecycle("started", "5a1f"), opened("msg_1")])
    const ended = play(late.state, [result({ user_message_uuids: ["5a1f"] }), lifecycle("completed", "5a1f")])
    assert.strictEqual(ended.tags.at(-1), "TurnCompleted")
    assert.isUndefined(ended.state.working)
  })

  it("P4 claude: a turn of the agent's own is over once a message that was on its way joins it, and what both used is told once", () => {
    const own = play(make("r", false), [sending, lifecycle("queued"), opened("msg_1"), assistant("msg_1", bash)])
    const [began] = own.events.flatMap((event) => event._tag === "TurnBegan" ? [event.turnId] : [])
    const { events } = play(own.state, [
      output("done"),
      lifecycle("started"),
      opened("msg_2"),
      result({ model_usage_since_last_result: { opus: { inputTokens: 70, outputTokens: 10 } } })
    ])
    const ends = events.flatMap((event) => event._tag === "TurnCompleted" ? [[event.turnId, event.usage?.input]] : [])
    assert.deepStrictEqual(ends, [[began, 50], [turnId, 20]])
    const after = events.slice(events.findIndex(({ _tag }) => _tag === "TurnCompleted") + 1)
    assert.isTrue(after.every((event) => !("turnId" in event) || event.turnId === turnId))
  })

  it("P4 claude: frames of the model that nothing asked for are a turn of the agent's own", () => {
    const { events } = play(make("r", false), [
      frame("system/task_notification", { task_id: "b1", status: "completed" }),
      opened("msg_1"),
      assistant("msg_1", { type: "text", text: "It has ended." }),
      frame("result", { subtype: "success", origin: { kind: "task-notification" } })
    ])
    assert.deepInclude(events[0], { _tag: "TurnBegan", cause: "background" })
    const scheduled = frame("command_lifecycle", {
      command_uuid: "c1",
      state: "started",
      wakeup_source: "schedule_wakeup"
    })
    const [began] = play(make("r", false), [scheduled, opened("msg_1")]).events
    assert.deepInclude(began, { _tag: "TurnBegan", cause: "schedule" })
    assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
  })

  it("P16 claude: a command that was left running is a task, leaves its turn, and is completed with its end", () => {
    const left = play(begun.state, [
      assistant("msg_1", bash),
      frame("system/task_started", {
        task_id: "b1",
        tool_use_id: "toolu_1",
        task_type: "local_bash",
        description: "sleep",
        is_backgrounded: true
      }),
      output("Running in the background"),
      result()
    ])
    assert.deepStrictEqual(left.tags.filter((tag) => /^(Item|Task|Turn)/.test(tag)), [
      "ItemStarted",
      "TaskStarted",
      "ItemDelta",
      "ItemDetached",
      "TurnCompleted"
    ])
    const { events } = play(left.state, [
      frame("system/task_updated", { task_id: "b1", patch: { status: "killed" } }),
      frame("system/background_tasks_changed", { tasks: [] }),
      frame("system/task_notification", { task_id: "b1", status: "stopped" })
    ])
    assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["ItemCompleted", "TaskEnded"])
    assert.deepInclude(events[1]?._tag === "TaskEnded" ? events[1].task : {}, { status: "stopped" })
  })

  it("P16 claude: a subagent that is in the middle of a message when the turn ends goes on with it, under ids of its own", () => {
    const { events } = play(begun.state, [
      subagent(true),
      assistant("msg_2", { type: "thinking", thinking: "Hm." }, below),
      result(),
      assistant("msg_2", { type: "text", text: "Here." }, below)
    ])
    const items = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepStrictEqual(items.map(({ _tag, itemId }) => [_tag, String(itemId)]), [
      ["Reasoning", "msg_2:0"],
      ["AssistantMessage", "msg_2:1"]
    ])
  })

  it("P16 claude: what a subagent has open is completed with the turn that waits for it, and goes on where it works beside", () => {
    const ends = (background: boolean) =>
      play(begun.state, [subagent(background), assistant("msg_2", bash, below), result()]).tags
    assert.deepStrictEqual(ends(false), ["ItemStarted", "ItemCompleted", "TurnCompleted"])
    assert.notInclude(ends(true), "ItemCompleted")
  })

  it("P16 claude: what a subagent in the background has open is complete once its process has ended for a rewind", () => {
    const { state } = play(begun.state, [subagent(true), assistant("msg_2", bash, below), result()])
    const { events, tags } = play(state, [{ _tag: "Replaced" }])
    assert.deepStrictEqual(tags, ["TaskEnded", "ItemCompleted"])
    assert.deepInclude(events[1]?._tag === "ItemCompleted" ? events[1].item : {}, { _tag: "Command", status: "failed" })
  })

  it("P6 claude: what the turn still asks for is settled at its end; a subagent's in the background stays", () => {
    const ask = (id: string, agent: string | null): Input => {
      const asked = Request.decode("can_use_tool", {
        tool_name: "Bash",
        input: { command: "touch x" },
        tool_use_id: `toolu_${id}`,
        agent_id: agent
      })
      assert.strictEqual(asked?._tag, "can_use_tool")
      return asked?._tag === "can_use_tool" ? { _tag: "Asked", id, asked, raw: {} } : { _tag: "Withdrawn", key: id }
    }
    const { events, state } = play(begun.state, [
      frame("system/task_started", { task_id: "sub", task_type: "local_agent", is_backgrounded: true }),
      ask("1", null),
      ask("2", "sub"),
      result()
    ])
    assert.deepStrictEqual(events.map(({ _tag }) => _tag).filter((tag) => /^(Approval|Turn)/.test(tag)), [
      "ApprovalRequested",
      "ApprovalRequested",
      "ApprovalSettled",
      "TurnCompleted"
    ])
    const other = RequestBook.byKey(state.requests, "2")
    assert.isDefined(other)
    const given = { _tag: "AllowOnce" } as const
    const requestId = other?.requestId ?? RequestId.make("none")
    // It stays open whatever is answered, or asked, beside it.
    const answered = play(state, [ask("3", "sub"), { _tag: "Answering", requestId, given }])
    assert.strictEqual(RequestBook.byKey(answered.state.requests, "2")?.answer, given)
    assert.isDefined(RequestBook.byKey(answered.state.requests, "3"))
    assert.deepStrictEqual(play(state, [{ _tag: "Withdrawn", key: "2" }]).tags, ["ApprovalSettled"])
  })
})
