/** The order of frames that Claude Code 2.1.332 has been seen to send, and what becomes of it. */
import { assert, describe, it } from "@effect/vitest"
import { type Input, make } from "../../src/claude/turn/TurnState.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import {
  assistant,
  bash,
  begun,
  frame,
  lifecycle,
  opened,
  output,
  play,
  result,
  sending,
  stream,
  turnId,
  uuid
} from "./TurnFrames.ts"

describe("a session of Claude as a value", () => {
  it("P4 claude: a turn begins with its message and ends once, with the result that names it", () => {
    assert.deepStrictEqual(begun.wants, [{ _tag: "Queued", uuid }, { _tag: "Started", uuid }])
    const { events } = play(begun.state, [
      result({ user_message_uuids: ["another"] }),
      result({ user_message_uuids: [], origin: { kind: "task-notification" } }),
      result(),
      result()
    ])
    assert.deepStrictEqual(events, [{ _tag: "TurnCompleted", turnId, usage: {} }])
  })

  it("P4 claude: what was added and came too late is answered on its own, and is the same turn", () => {
    const steer = "5a1f"
    const { state, tags } = play(begun.state, [{ _tag: "Steering", uuid: steer }, result()])
    assert.deepStrictEqual(tags, [])
    assert.deepStrictEqual(play(state, [result({ user_message_uuids: [steer] })]).tags, ["TurnCompleted"])
    const aborted = result({ user_message_uuids: [steer], terminal_reason: "aborted_tools" })
    assert.deepStrictEqual(play(state, [aborted]).tags, ["TurnInterrupted"])
  })

  it("P16 claude: when a tool began and how long it worked comes with its result, but not with one that is left running", () => {
    const ran: Input = { _tag: "Ran", itemId: ItemId.make("toolu_1"), durationMillis: 300 }
    const { events } = play(begun.state, [assistant("msg_1", bash), ran, output("done")])
    const timed = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepInclude(timed[0], { _tag: "Command", startedAt: 700, durationMillis: 300 })
    const left = play(begun.state, [
      assistant("msg_1", bash),
      frame("system/task_started", {
        task_id: "b1",
        tool_use_id: "toolu_1",
        task_type: "local_bash",
        is_backgrounded: true
      }),
      ran,
      output("running"),
      frame("system/task_notification", { task_id: "b1", status: "completed" })
    ])
    const last = left.events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepInclude(last[0], { _tag: "Command", status: "completed" })
    assert.notProperty(last[0], "startedAt")
  })

  it("P16 claude: a block that streams and its whole are one item; without a stream it is the same id", () => {
    const text = { type: "text", text: "Hello." }
    const { events } = play(begun.state, [
      opened("msg_1"),
      stream({ type: "content_block_start", index: 0, content_block: { type: "thinking" } }),
      stream({ type: "content_block_delta", index: 0, delta: { thinking: "Hm." } }),
      assistant("msg_1", { type: "thinking", thinking: "Hm." }),
      stream({ type: "content_block_start", index: 1, content_block: { type: "text" } }),
      stream({ type: "content_block_delta", index: 1, delta: { text: "Hello." } }),
      assistant("msg_1", text)
    ])
    const completed = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepStrictEqual(completed.map(({ _tag, itemId }) => [_tag, String(itemId)]), [
      ["Reasoning", "msg_1:0"],
      ["AssistantMessage", "msg_1:1"]
    ])
    const whole = play(begun.state, [
      assistant("msg_1", { type: "thinking", thinking: "Hm." }),
      assistant("msg_1", text)
    ])
    assert.deepStrictEqual(
      whole.events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : []),
      completed
    )
  })

  it("P16 claude: what is open when a turn is interrupted is completed", () => {
    const { events, tags } = play(begun.state, [
      opened("msg_1"),
      assistant("msg_1", bash),
      result({ subtype: "error_during_execution", is_error: true, terminal_reason: "aborted_tools" })
    ])
    assert.deepStrictEqual(tags.filter((tag) => /^(Item|Turn)/.test(tag)), [
      "ItemStarted",
      "ItemCompleted",
      "TurnInterrupted"
    ])
    const item = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])[0]
    assert.deepInclude(item, { _tag: "Command", status: "failed" })
  })

  it("P16 claude: what was shown of an answer that was cut off is complete before the one that Claude asks for instead", () => {
    const half = [
      opened("msg_1"),
      stream({ type: "content_block_start", index: 0, content_block: { type: "text" } }),
      stream({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Half an an" } }),
      stream({ type: "content_block_stop", index: 0 }),
      stream({ type: "message_stop" })
    ]
    const again = [opened("msg_2"), assistant("msg_2", { type: "text", text: "whole" })]
    // The second call of the model streams, or does not.
    for (const rest of [again, again.slice(1)]) {
      const { events } = play(begun.state, [...half, ...rest, result()])
      const texts = events.flatMap((event) =>
        event._tag === "ItemCompleted" && "text" in event.item ? [event.item.text] : []
      )
      assert.deepStrictEqual(texts, ["Half an an", "whole"])
    }
  })

  it("P11 claude: a subagent that works beside it takes nothing of the text that streams", () => {
    const part = (text: string) =>
      stream({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })
    const beside = assistant("msg_2", bash, { parent_tool_use_id: "toolu_0" })
    const { events } = play(begun.state, [
      opened("msg_1"),
      stream({ type: "content_block_start", index: 0, content_block: { type: "text" } }),
      part("one "),
      beside,
      part("two"),
      assistant("msg_1", { type: "text", text: "one two" }),
      result()
    ])
    const deltas = events.flatMap((event) => event._tag === "ItemDelta" ? [[event.offset, event.delta]] : [])
    assert.deepStrictEqual(deltas, [[0, "one "], [4, "two"]])
  })

  it("P16 claude: usage is what the result counts since the one before, with subagents and money", () => {
    const model = { inputTokens: 100, outputTokens: 40, cacheReadInputTokens: 14, costUSD: 0.5 }
    const { events } = play(begun.state, [
      result({ usage: { input_tokens: 60 }, model_usage_since_last_result: { opus: model, haiku: model } })
    ])
    const last = events.at(-1)
    assert.deepInclude(last?._tag === "TurnCompleted" ? last.usage : {}, { input: 200, output: 80, costUsd: 1 })
  })

  it("P16 claude: a turn that is told by two results has used what both of them count", () => {
    const used = (outputTokens: number) => ({ model_usage_since_last_result: { opus: { outputTokens, costUSD: 0.5 } } })
    const steer = "5a1f"
    const { events } = play(begun.state, [
      { _tag: "Steering", uuid: steer },
      result(used(40)),
      result({ user_message_uuids: [steer], ...used(2) })
    ])
    const last = events.at(-1)
    assert.deepInclude(last?._tag === "TurnCompleted" ? last.usage : {}, { output: 42, costUsd: 1 })
  })

  it("P13 claude: the veto of an automatic compaction is its end, since Claude says none", () => {
    const { events } = play(begun.state, [
      { _tag: "Compacting", trigger: "auto" },
      { _tag: "Decided", verdict: { _tag: "Veto", reason: "not now" } },
      frame("system/status", { status: null }),
      result()
    ])
    assert.deepStrictEqual(events.map(({ _tag }) => _tag), [
      "CompactionStarted",
      "CompactionFailed",
      "TurnCompleted"
    ])
  })

  it("P13 claude: a compaction that no hook was asked for is told, as unheld where a gate was given", () => {
    const boundary = frame("system/compact_boundary", { compact_metadata: { trigger: "auto" } })
    const told = (gated: boolean) => play(make("r", gated), [boundary]).events
    assert.deepStrictEqual(told(true), [
      { _tag: "CompactionStarted", trigger: "auto", unheld: true },
      { _tag: "CompactionCompleted" }
    ])
    assert.notProperty(told(false)[0], "unheld")
  })

  it("P1 claude: a conversation that begins anew ends the session", () => {
    const { wants } = play(begun.state, [frame("conversation_reset", { new_conversation_id: "x", trigger: "clear" })])
    assert.deepStrictEqual(wants, [{ _tag: "Lost" }])
  })

  it("P1 claude: what came of another client's prompts is told as of no turn, and what it left open as failed", () => {
    const item = { _tag: "Command", itemId: ItemId.make("toolu_9"), command: "ls", status: "running" } as const
    const { events } = play(begun.state, [{ _tag: "OtherClient", items: [item] }])
    assert.deepStrictEqual(events.map((event) => [event._tag, "turnId" in event]), [
      ["Warning", false],
      ["ItemStarted", false],
      ["ItemCompleted", false]
    ])
    assert.deepInclude(events[2]?._tag === "ItemCompleted" ? events[2].item : {}, { status: "failed" })
  })

  it("P5 claude: a message that Claude had already is accepted, and its end is told from its file", () => {
    const { state, wants } = play(make("r", false), [sending, lifecycle("completed")])
    assert.deepStrictEqual(wants, [
      { _tag: "Had", turnId, uuid },
      { _tag: "Started", uuid },
      { _tag: "Done", uuid }
    ])
    const { events } = play(state, [{ _tag: "Repeated", turnId, outcome: "unfinished" }])
    assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["TurnFailed"])
  })

  it("P4 claude: a result ends its turn, also where something else that it says does not fit", () => {
    for (const odd of ["none", 7, [], { opus: 7 }]) {
      const damaged = { usage: odd, modelUsage: odd, model_usage_since_last_result: odd, api_error_status: odd }
      assert.deepStrictEqual(play(begun.state, [result(damaged)]).tags, ["TurnCompleted"])
    }
    // It names no message then.
    assert.deepStrictEqual(play(begun.state, [result({ user_message_uuids: [7] })]).tags, ["TurnCompleted"])
    const failed = play(begun.state, [result({ is_error: true, terminal_reason: 7, errors: [7], result: 7 })]).events
    assert.deepInclude(failed[0], { _tag: "TurnFailed", failure: { _tag: "Other", name: "success" } })
  })

  it("P15 claude: unknown frames, and known ones that do not fit, are kept", () => {
    for (const [type, fields] of [["system/of_tomorrow", { a: 1 }], ["result", { subtype: 7 }]] as const) {
      const { events } = play(begun.state, [frame(type, fields)])
      assert.deepStrictEqual(events, [{ _tag: "Unrecognized", turnId, type, raw: { type, ...fields } }])
    }
  })
})

describe("why a turn of Claude failed", () => {
  const failed = (error: string | undefined, more: object) => {
    const { events } = play(begun.state, [
      ...(error === undefined ? [] : [assistant("e-1", { type: "text", text: "Error" }, { error })]),
      result({ is_error: true, terminal_reason: "api_error", ...more })
    ])
    const last = events.at(-1)
    return last?._tag === "TurnFailed" ? last.failure : undefined
  }

  it("P4 claude: by the terminal reason, the name of the error and the status", () => {
    assert.deepStrictEqual(failed("unknown", { api_error_status: 400 }), {
      _tag: "ModelFailed",
      name: "unknown",
      status: 400,
      retryable: false
    })
    assert.deepInclude(failed("rate_limit", { api_error_status: 429 }), { name: "rate_limit", retryable: true })
    assert.deepInclude(failed("unknown", { api_error_status: null }), { _tag: "ModelFailed", retryable: true })
    assert.deepInclude(failed("server_error", { api_error_status: 529 }), { _tag: "Overloaded" })
    assert.deepInclude(failed("authentication_failed", { api_error_status: 401 }), { _tag: "LoginRequired" })
    assert.deepInclude(failed("model_not_found", { api_error_status: 404 }), { _tag: "Refused" })
    assert.deepStrictEqual(failed(undefined, { terminal_reason: "prompt_too_long" }), { _tag: "ContextOverflow" })
    assert.deepStrictEqual(failed(undefined, { subtype: "error_max_turns", terminal_reason: "max_turns" }), {
      _tag: "Other",
      name: "max_turns"
    })
    assert.deepStrictEqual(failed(undefined, { is_error: false, stop_reason: "max_tokens" }), {
      _tag: "OutputTruncated"
    })
  })
})
