/** The order of frames that ACP agents have been seen to send, and what becomes of it. No process runs here. */
import { assert, describe, it } from "@effect/vitest"
import { Kimi, Qwen } from "../../src/acp/index.ts"
import * as Offered from "../../src/acp/protocol/Offered.ts"
import * as Request from "../../src/acp/protocol/Request.ts"
import * as Update from "../../src/acp/protocol/Update.ts"
import * as Turn from "../../src/acp/turn/Turn.ts"
import { type Input, make, type State, type Want } from "../../src/acp/turn/TurnState.ts"
import type * as RequestBook from "../../src/adapter/RequestBook.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

const turnId = TurnId.make("turn-1")

const fresh = make("r", Qwen.profile, ["openai"], Offered.none)

/** Each input comes a millisecond after the one before. */
let now = 1000

const play = (state: State, inputs: ReadonlyArray<Input>) => {
  const events: Array<ProviderEvent> = []
  const wants: Array<Want> = []
  let current = state
  for (const input of inputs) {
    const next = Turn.reduce(current, input, ++now)
    current = next.state
    events.push(...next.events)
    wants.push(...next.wants)
  }
  return { state: current, events, wants, tags: events.map(({ _tag }) => _tag) }
}

const told = (update: object): Input => ({ _tag: "Told", update: Update.decode(update), raw: update })
const says = (text: string, more: object = {}) =>
  told({ sessionUpdate: "agent_message_chunk", content: { type: "text", text }, ...more })
const sending: Input = { _tag: "Sending", turnId }
const stopped = (reason: string, turn = turnId): Input => ({
  _tag: "Ended",
  turnId: turn,
  ending: { _tag: "Stopped", reason, raw: { stopReason: reason } }
})
const refused = (code: number, data: unknown = {}): Input => ({
  _tag: "Ended",
  turnId,
  ending: { _tag: "Refused", error: { code, reason: "Internal error", data } }
})
const cancelling: Input = { _tag: "Cancelling", turnId }

const options = [
  { optionId: "proceed_always_user", name: "Always", kind: "allow_always" },
  { optionId: "proceed_once", name: "Allow", kind: "allow_once" },
  { optionId: "cancel", name: "Reject", kind: "reject_once" }
]
const asks = (id: number, command: string, more: object = {}): Input => {
  const params = {
    sessionId: "s",
    options,
    toolCall: {
      toolCallId: "call",
      status: "pending",
      title: `${command} (as asked)`,
      kind: "execute",
      rawInput: { command, description: "as asked", ...more }
    }
  }
  const asked = Request.decode("session/request_permission", params)
  assert.isDefined(asked)
  return asked === undefined ? cancelling : { _tag: "Asked", id, asked, raw: params }
}

const answers = (state: State, given: RequestBook.Answer): Input => {
  const [open] = state.requests.open.values()
  assert.isDefined(open)
  return open === undefined ? cancelling : { _tag: "Answering", requestId: open.requestId, given }
}

const written = (state: State): Input => {
  const [open] = state.requests.open.values()
  assert.isDefined(open)
  return open === undefined ? cancelling : { _tag: "Answered", requestId: open.requestId }
}

const approvalsIn = (events: ReadonlyArray<ProviderEvent>) =>
  events.flatMap((event) => event._tag === "ApprovalRequested" ? [event.request] : [])

describe("a session of an ACP agent as a value", () => {
  it("P4 acp: a prompt's answer ends its turn once, and a second one ends nothing", () => {
    const { events, state } = play(fresh, [sending, stopped("end_turn"), stopped("end_turn")])
    assert.deepStrictEqual(events, [{ _tag: "TurnCompleted", turnId, usage: {} }])
    const next = play(state, [{ _tag: "Sending", turnId: TurnId.make("turn-2") }, stopped("end_turn")])
    assert.deepStrictEqual(next.events, [])
  })

  it("P4 acp: who cancelled decides how a turn ends, whatever the agent answers", () => {
    for (const late of [stopped("end_turn"), stopped("cancelled"), refused(-32603)]) {
      const { events } = play(fresh, [sending, cancelling, late, stopped("end_turn")])
      assert.deepStrictEqual(events, [{ _tag: "TurnInterrupted", turnId, by: "agent", usage: {} }])
    }
    const never = play(fresh, [sending, cancelling, { _tag: "GivenUp", turnId }, stopped("end_turn")])
    assert.deepStrictEqual(never.tags, ["TurnInterrupted"])
  })

  it("P4 acp: each stop reason has its end, and one that is not known fails with its name", () => {
    const failures = ["max_tokens", "refusal", "max_turn_requests", "out_of_cheese"].map((reason) => {
      const [event] = play(fresh, [sending, stopped(reason)]).events
      return event?._tag === "TurnFailed" ? event.failure : event
    })
    assert.deepStrictEqual(failures, [
      { _tag: "OutputTruncated" },
      { _tag: "OutputFiltered" },
      { _tag: "Other", name: "max_turn_requests" },
      { _tag: "Other", name: "out_of_cheese" }
    ])
  })

  it("P2 acp: why a turn failed is told by the code, and the words are for a human", () => {
    const failureOf = (input: Input) => {
      const [event] = play(fresh, [sending, input]).events
      return event?._tag === "TurnFailed" ? event.failure : event
    }
    assert.deepStrictEqual(failureOf(refused(-32000)), { _tag: "LoginRequired", methods: ["openai"] })
    assert.deepStrictEqual(failureOf(refused(-32603, { details: "400 No." })), {
      _tag: "ModelFailed",
      name: "-32603",
      retryable: false,
      message: "400 No."
    })
    assert.deepInclude(failureOf(refused(429)), { status: 429, retryable: true })
  })

  it("P16 acp: a message goes on until something else comes, and what is open at the end is completed", () => {
    const call = { toolCallId: "call", kind: "execute", title: "Shell", rawInput: {} }
    const { events, tags } = play(fresh, [
      sending,
      says("one "),
      says("two"),
      told({ sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "hm" } }),
      told({ sessionUpdate: "tool_call", status: "pending", ...call }),
      told({ sessionUpdate: "tool_call_update", ...call, rawInput: { command: "ls" }, status: "in_progress" }),
      stopped("end_turn")
    ])
    assert.deepStrictEqual(tags.filter((tag) => tag !== "ItemDelta"), [
      "ItemStarted",
      "ItemCompleted",
      "ItemStarted",
      "ItemCompleted",
      "ItemStarted",
      "ItemCompleted",
      "TurnCompleted"
    ])
    const items = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepStrictEqual(items.map((item) => [item._tag, "text" in item ? item.text : ""]), [
      ["AssistantMessage", "one two"],
      ["Reasoning", "hm"],
      ["Command", ""]
    ])
    assert.deepInclude(items[2], { command: "ls", status: "failed" })
  })

  it("P11 acp: another id of a message begins another item, and ids of items are the turn's own", () => {
    const started = (events: ReadonlyArray<ProviderEvent>) =>
      events.flatMap((event) => event._tag === "ItemStarted" ? [event.item.itemId] : [])
    const first = play(fresh, [
      sending,
      says("a", { messageId: "m1" }),
      says("b", { messageId: "m2" }),
      stopped("end_turn")
    ])
    const second = play(first.state, [{ _tag: "Sending", turnId: TurnId.make("turn-2") }, says("a")])
    const ids = [...started(first.events), ...started(second.events)]
    assert.lengthOf(ids, 3)
    assert.lengthOf(new Set(ids), 3)
  })

  it("P16 acp: a message and a call whose id is a number are two items", () => {
    const call = { toolCallId: "1", kind: "execute", title: "Shell", rawInput: { command: "ls" } }
    const { events } = play(fresh, [
      sending,
      says("a"),
      told({ sessionUpdate: "tool_call", status: "completed", ...call }),
      says("b"),
      stopped("end_turn")
    ])
    const completed = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item._tag] : [])
    assert.deepStrictEqual(completed, ["AssistantMessage", "Command", "AssistantMessage"])
  })

  it("P11 acp: a tool of an MCP server comes with its server and name, whatever kind the agent gives it", () => {
    const tools = (state: State, call: object) =>
      play(state, [
        sending,
        told({ sessionUpdate: "tool_call", toolCallId: "call", status: "completed", ...call }),
        stopped("end_turn")
      ]).events.flatMap((event) =>
        event._tag === "ItemCompleted" && event.item._tag === "ToolCall" ? [[event.item.kind, event.item.detail]] : []
      )
    const mcp = (server: string, tool: string) => [["mcp", { _tag: "Mcp", server, tool }]]
    const qwen = (toolName: string, more: object = {}) => ({ kind: "edit", _meta: { toolName, ...more } })
    assert.deepStrictEqual<unknown>(
      tools(fresh, qwen("mcp__a__b__c", { provenance: "mcp", serverId: "a__b" })),
      mcp("a__b", "c")
    )
    assert.deepStrictEqual(tools(fresh, { ...qwen("mcp__a__b"), kind: "other" }), [["other", undefined]])
    const kimi = make("r", Kimi.profile, [], Offered.none)
    assert.deepStrictEqual<unknown>(tools(kimi, { kind: "execute", title: "mcp__files__list" }), mcp("files", "list"))
    assert.deepStrictEqual(tools(kimi, { kind: "other", title: "mcp__" }), [["other", undefined]])
  })

  it("P16 acp: a call is timed from the agent's word that it works, or from the user's, to its end", () => {
    const call = { toolCallId: "call", kind: "execute", title: "true", rawInput: { command: "true" } }
    const updated = (status: string) => told({ ...call, sessionUpdate: "tool_call_update", status })
    const last = ({ events }: ReturnType<typeof play>) =>
      events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : []).at(-1)
    const { state } = play(fresh, [sending])
    const working = play(state, [updated("pending"), updated("in_progress")])
    const began = now
    assert.deepInclude(last(play(working.state, [says("still"), updated("completed")])), {
      startedAt: began,
      durationMillis: 2
    })
    const asked = play(state, [updated("in_progress"), asks(1, "true")])
    const allowed = play(asked.state, [answers(asked.state, { _tag: "AllowOnce" })])
    assert.deepInclude(last(play(allowed.state, [updated("completed")])), { startedAt: now - 1, durationMillis: 1 })
    const denied = play(asked.state, [answers(asked.state, { _tag: "Deny" }), updated("failed")])
    for (const item of [last(denied), last(play(state, [updated("completed")]))]) {
      assert.isDefined(item)
      assert.notProperty(item, "startedAt")
    }
  })

  it("P11 acp: what a tool of an MCP server changed in files is in its content", () => {
    const { events } = play(fresh, [
      sending,
      told({
        sessionUpdate: "tool_call",
        toolCallId: "call",
        title: "mcp__files__write",
        kind: "other",
        status: "completed",
        _meta: { toolName: "mcp__files__write", provenance: "mcp", serverId: "files" },
        content: [{ type: "diff", path: "/w/a.txt", oldText: "one\n", newText: "two\n" }]
      })
    ])
    const [item] = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepInclude(item, {
      _tag: "ToolCall",
      kind: "mcp",
      content: [{ _tag: "Diff", path: "/w/a.txt", patch: "--- /w/a.txt\n+++ /w/a.txt\n@@ -1,1 +1,1 @@\n-one\n+two\n" }]
    })
  })

  it("P15 acp: a title that the agent gives the session is told, and one that it takes away is not", () => {
    const titled = (title: string | null) => told({ sessionUpdate: "session_info_update", title })
    const { events } = play(fresh, [titled("Walnuts"), titled(null)])
    assert.deepStrictEqual(events, [{ _tag: "TitleUpdated", title: "Walnuts" }])
  })

  it("P16 acp: usage of each call of the model is added up", () => {
    const metered = says("", {
      _meta: { usage: { inputTokens: 100, outputTokens: 5, thoughtTokens: 1, cachedReadTokens: 40 } }
    })
    const { events } = play(fresh, [sending, metered, metered, stopped("end_turn")])
    assert.deepStrictEqual(events.at(-1), {
      _tag: "TurnCompleted",
      turnId,
      usage: { input: 120, output: 10, reasoning: 2, cacheRead: 80 }
    })
  })

  it("P15 acp: what is not known, or is of no turn, is kept as it came", () => {
    const odd = { sessionUpdate: "subagent_update", x: 1 }
    const { events } = play(fresh, [
      told(odd),
      says("late"),
      sending,
      told({ sessionUpdate: "agent_message_chunk", content: { type: "hologram" } }),
      told({ sessionUpdate: "plan", entries: [{ content: "a", status: "paused" }, 7] })
    ])
    assert.deepStrictEqual(events[0], { _tag: "Unrecognized", type: "subagent_update", raw: odd })
    assert.deepInclude(events[1], { _tag: "Unrecognized", type: "agent_message_chunk" })
    assert.deepInclude(events[2], { _tag: "Unrecognized", turnId })
    assert.deepInclude(events[3], { _tag: "PlanUpdated", steps: [{ text: "a", status: "pending" }] })
  })

  it("P13 acp: a compaction begins once, ends once, and has the summary that was streamed", () => {
    const update = (status: string) => told({ sessionUpdate: "compaction_update", compactionId: "c", status })
    const chunk = told({
      sessionUpdate: "compaction_summary_chunk",
      compactionId: "c",
      content: { type: "text", text: "short" }
    })
    const whole = play(fresh, [sending, update("in_progress"), update("in_progress"), chunk, update("completed")])
    assert.deepStrictEqual(whole.events, [
      { _tag: "CompactionStarted", turnId, trigger: "auto" },
      { _tag: "CompactionCompleted", turnId, summary: "short" }
    ])
    const cut = play(fresh, [sending, update("in_progress"), stopped("end_turn")])
    assert.deepStrictEqual(cut.tags, ["CompactionStarted", "CompactionFailed", "TurnCompleted"])
  })
})

describe("requests of an ACP agent", () => {
  it("P7 acp: an approval shows the command of the request, and none of the answers that outlive the session", () => {
    const call = told({ sessionUpdate: "tool_call", toolCallId: "call", kind: "execute", title: "Shell", rawInput: {} })
    const { events } = play(fresh, [sending, call, asks(0, "touch x")])
    const [request] = approvalsIn(events)
    assert.deepInclude(request, { kind: "command", subject: "touch x", covers: "touch x" })
    assert.deepStrictEqual(request?.choices?.map(({ meaning }) => meaning), ["allow-once", "deny"])
    const commands = events.flatMap((event) => event._tag === "ItemStarted" ? [event.item] : [])
    assert.deepStrictEqual(commands.map((item) => item._tag === "Command" && item.command), ["touch x"])
  })

  it("P6 acp: two requests under one tool call are two, each settled once", () => {
    const { events, state } = play(fresh, [sending, asks(0, "touch x"), asks(1, "touch x")])
    assert.lengthOf(approvalsIn(events), 2)
    const { tags, wants } = play(state, [cancelling, stopped("cancelled")])
    assert.deepStrictEqual(tags.filter((tag) => tag === "ApprovalSettled"), ["ApprovalSettled", "ApprovalSettled"])
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Refuse", "Refuse"])
  })

  it("P7 acp: what is allowed for the session is the same action, whatever is said about it", () => {
    const first = play(fresh, [sending, asks(0, "touch x")])
    const allowed = play(first.state, [answers(first.state, { _tag: "AllowForSession" }), written(first.state)])
    const again = play(allowed.state, [asks(1, "touch x", { description: "again" })])
    assert.deepStrictEqual(again.wants.map(({ _tag }) => _tag), ["Allow"])
    for (const other of [asks(2, "touch y"), asks(3, "touch x", { is_background: true })]) {
      assert.deepStrictEqual(play(allowed.state, [other]).wants, [])
    }
  })

  it("P7 acp: what is allowed for the session is the same tool, and no other with the same input", () => {
    const asks = (id: number, toolName: string): Input => {
      const toolCall = { toolCallId: `call-${id}`, kind: "other", rawInput: { row: 7 }, _meta: { toolName } }
      const params = { sessionId: "s", options, toolCall }
      const asked = Request.decode("session/request_permission", params)
      assert.isDefined(asked)
      return asked === undefined ? cancelling : { _tag: "Asked", id, asked, raw: params }
    }
    const first = play(fresh, [sending, asks(0, "mcp__rows__show")])
    const allowed = play(first.state, [answers(first.state, { _tag: "AllowForSession" }), written(first.state)])
    assert.deepStrictEqual(play(allowed.state, [asks(1, "mcp__rows__show")]).wants.map(({ _tag }) => _tag), ["Allow"])
    assert.deepStrictEqual(play(allowed.state, [asks(2, "mcp__rows__delete")]).wants, [])
  })

  it("P6 acp: a denied call is declined, and a turn that the agent stops for it is complete", () => {
    const open = play(fresh, [sending, asks(0, "touch x")])
    const denied = play(open.state, [answers(open.state, { _tag: "Deny" }), written(open.state)])
    const { events } = play(denied.state, [stopped("cancelled")])
    const [item] = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepInclude(item, { _tag: "Command", status: "declined" })
    assert.deepStrictEqual(events.at(-1), { _tag: "TurnCompleted", turnId, usage: {}, refused: "denied" })
  })

  it("P6 acp: a call that is denied by one of the answers that it offers is declined like any other", () => {
    const open = play(fresh, [sending, asks(0, "touch x")])
    const denied = play(open.state, [answers(open.state, { _tag: "Choose", choiceId: "cancel" }), written(open.state)])
    const { events } = play(denied.state, [stopped("cancelled")])
    const [item] = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    assert.deepInclude(item, { _tag: "Command", status: "declined" })
    assert.notProperty(item, "startedAt")
    assert.deepStrictEqual(events.at(-1), { _tag: "TurnCompleted", turnId, usage: {}, refused: "denied" })
    const chosen = play(open.state, [answers(open.state, { _tag: "Choose", choiceId: "proceed_once" })])
    assert.deepInclude(play(chosen.state, [stopped("cancelled")]).events.at(-1), { _tag: "TurnInterrupted" })
  })

  it("P6 acp: what is asked while an answer is on its way stays open, and is settled with its turn", () => {
    const open = play(fresh, [sending, asks(0, "touch x")])
    const answer = answers(open.state, { _tag: "AllowOnce" })
    const both = play(open.state, [asks(1, "touch y"), answer, written(open.state)])
    assert.strictEqual(both.tags.at(-1), "ApprovalSettled")
    const { tags, wants } = play(both.state, [stopped("end_turn")])
    assert.include(tags, "ApprovalSettled")
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Refuse"])
  })

  it("P6 acp: a request that the agent withdraws is settled, and one that comes after a cancel is refused", () => {
    const { events } = play(fresh, [sending, asks(0, "touch x"), { _tag: "Withdrawn", id: 0 }])
    assert.deepInclude(events.at(-1), { _tag: "ApprovalSettled", by: "agent" })
    const late = play(fresh, [sending, cancelling, asks(0, "touch x")])
    assert.deepStrictEqual([late.tags, late.wants.map(({ _tag }) => _tag)], [[], ["Refuse"]])
  })
})
