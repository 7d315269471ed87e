/**
 * P15: whatever an agent sends in the shape of its frames, its adapter makes events of it and never crashes. The frames of one
 * turn with text, reasoning, a command, a task and a compaction, with fields removed, retyped and added, doubled and lost.
 * OpenCode's are recordings and have a test of their own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Qwen } from "../../src/acp/index.ts"
import * as AcpOffered from "../../src/acp/protocol/Offered.ts"
import * as AcpUpdate from "../../src/acp/protocol/Update.ts"
import * as AcpTurn from "../../src/acp/turn/Turn.ts"
import * as AcpState from "../../src/acp/turn/TurnState.ts"
import * as ClaudeFrame from "../../src/claude/protocol/Frame.ts"
import * as ClaudeTurn from "../../src/claude/turn/Turn.ts"
import * as ClaudeState from "../../src/claude/turn/TurnState.ts"
import * as CodexFrame from "../../src/codex/protocol/Frame.ts"
import * as CodexTurn from "../../src/codex/turn/Turn.ts"
import * as CodexState from "../../src/codex/turn/TurnState.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import * as Mutation from "../support/Mutation.ts"

const turnId = TurnId.make("turn-1")
const uuid = "0d9d4a58-8f5e-4ad1-a36a-3ac6a3d0c1a1"

/** One session of an adapter: takes a frame and answers its events. */
type Session = (line: string) => ReadonlyArray<ProviderEvent>

const parse = (line: string): Record<string, unknown> => Object(JSON.parse(line))

/** What is no word belongs to the peer, which has tests of its own. */
const wordOf = (value: unknown) => typeof value === "string" ? value : "none"

const codex = (): Session => {
  let state = CodexTurn.reduce(CodexState.make("r", false), { _tag: "Sending", turnId }).state
  return (line) => {
    const { method, params } = parse(line)
    const frame = CodexFrame.decode(wordOf(method), params)
    if (frame === undefined) return []
    const next = CodexTurn.reduce(state, frame)
    state = next.state
    return next.events
  }
}

const claude = (): Session => {
  let state = ClaudeTurn.reduce(ClaudeState.make("r", false), { _tag: "Sending", turnId, uuid }, 1).state
  return (line) => {
    const value = parse(line)
    const type = value["type"] === "system" ? `system/${wordOf(value["subtype"])}` : wordOf(value["type"])
    const frame = ClaudeFrame.decode(type, value)
    if (frame === undefined) return []
    const next = ClaudeTurn.reduce(state, frame, 1)
    state = next.state
    return next.events
  }
}

const acp = (): Session => {
  let state =
    AcpTurn.reduce(AcpState.make("r", Qwen.profile, [], AcpOffered.none), { _tag: "Sending", turnId }, 1).state
  return (line) => {
    const value: unknown = JSON.parse(line)
    const next = AcpTurn.reduce(state, { _tag: "Told", update: AcpUpdate.decode(value), raw: value }, 1)
    state = next.state
    return next.events
  }
}

const command = { id: "call-1", type: "commandExecution", command: "sleep 60", cwd: "/w", status: "inProgress" }
const tokens = {
  totalTokens: 12,
  inputTokens: 10,
  cachedInputTokens: 1,
  cacheWriteInputTokens: 0,
  outputTokens: 2,
  reasoningOutputTokens: 0
}
const of = { threadId: "t", turnId: "n1" }

const frames = {
  codex: [
    ["turn/started", { threadId: "t", turn: { id: "n1" } }],
    ["item/started", { ...of, item: { id: "r-1", type: "reasoning", summary: [] } }],
    ["item/reasoning/summaryTextDelta", { ...of, itemId: "r-1", delta: "Hm", summaryIndex: 0 }],
    ["item/completed", { ...of, item: { id: "r-1", type: "reasoning", summary: ["Hm"] } }],
    ["item/started", { ...of, item: { id: "m-1", type: "agentMessage", text: "" } }],
    ["item/agentMessage/delta", { ...of, itemId: "m-1", delta: "Hello" }],
    ["item/completed", { ...of, item: { id: "m-1", type: "agentMessage", text: "Hello" } }],
    ["item/started", { ...of, item: command }],
    ["item/commandExecution/outputDelta", { ...of, itemId: "call-1", delta: "a" }],
    ["item/completed", { ...of, item: { ...command, status: "completed", exitCode: 0, aggregatedOutput: "a" } }],
    ["turn/plan/updated", { ...of, plan: [{ step: "one", status: "pending" }] }],
    ["turn/diff/updated", { ...of, diff: "--- a" }],
    ["thread/tokenUsage/updated", { ...of, tokenUsage: { total: tokens, last: tokens, modelContextWindow: 1000 } }],
    ["mcpServer/startupStatus/updated", { name: "files", status: "ready" }],
    ["turn/completed", { threadId: "t", turn: { id: "n1", status: "completed", error: null } }]
  ].map(([method, params]) => ({ method, params })),
  claude: [
    { type: "command_lifecycle", command_uuid: uuid, state: "queued" },
    { type: "command_lifecycle", command_uuid: uuid, state: "started" },
    { type: "stream_event", uuid: "s-1", event: { type: "message_start", message: { id: "msg_1", usage: {} } } },
    {
      type: "stream_event",
      uuid: "s-2",
      event: { type: "content_block_start", index: 0, content_block: { type: "text" } }
    },
    { type: "stream_event", uuid: "s-3", event: { type: "content_block_delta", index: 0, delta: { text: "Hello" } } },
    { type: "assistant", uuid: "a-1", message: { id: "msg_1", content: [{ type: "text", text: "Hello" }] } },
    {
      type: "assistant",
      uuid: "a-2",
      message: { id: "msg_1", content: [{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "ls" } }] }
    },
    { type: "system", subtype: "task_started", task_id: "b1", tool_use_id: "toolu_1", is_backgrounded: true },
    { type: "system", subtype: "task_progress", task_id: "b1", usage: { total_tokens: 2 } },
    { type: "system", subtype: "task_notification", task_id: "b1", status: "completed" },
    {
      type: "user",
      uuid: "u-1",
      message: { content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "a.txt" }] }
    },
    { type: "system", subtype: "status", status: "compacting" },
    { type: "system", subtype: "compact_boundary" },
    { type: "system", subtype: "api_retry", attempt: 1, retry_delay_ms: 5 },
    { type: "result", subtype: "success", terminal_reason: "completed", user_message_uuids: [uuid], usage: {} }
  ],
  acp: [
    { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "Hm" } },
    { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "Hello" } },
    {
      sessionUpdate: "tool_call",
      toolCallId: "call",
      kind: "execute",
      title: "ls",
      status: "in_progress",
      rawInput: { command: "ls" },
      locations: [{ path: "/w/a.txt", line: 1 }]
    },
    {
      sessionUpdate: "tool_call_update",
      toolCallId: "call",
      status: "completed",
      content: [{ type: "content", content: { type: "text", text: "a.txt" } }]
    },
    { sessionUpdate: "plan", entries: [{ content: "one", status: "pending", priority: "high" }] },
    { sessionUpdate: "current_mode_update", currentModeId: "plan" },
    { sessionUpdate: "available_commands_update", availableCommands: [{ name: "init", description: "Begins" }] },
    { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "Done" } }
  ]
} as const

const sessions = { codex, claude, acp }

const encode = Schema.encodeUnknownSync(ProviderEvent)
const decode = Schema.decodeUnknownSync(ProviderEvent)

/** Items that are open, and complete; an item starts once and is completed once. */
const judge = () => {
  const items = new Map<string, "open" | "done">()
  return (event: ProviderEvent) => {
    decode(JSON.parse(JSON.stringify(encode(event))))
    if (event._tag === "ItemStarted") {
      assert.isUndefined(items.get(event.item.itemId), `${event.item.itemId} starts once`)
      items.set(event.item.itemId, "open")
    }
    if (event._tag === "ItemCompleted") {
      assert.strictEqual(
        items.get(event.item.itemId),
        "open",
        `${event.item.itemId} is completed once, after its start`
      )
      items.set(event.item.itemId, "done")
    }
  }
}

const play = (session: Session, lines: ReadonlyArray<string>, random: Mutation.Random) => {
  const check = judge()
  let events = 0
  for (const line of lines) {
    const dice = random()
    const sent = dice < 0.05 ? [] : dice < 0.1 ? [line, line] : dice < 0.5 ? [Mutation.anyField(line, random)] : [line]
    for (const next of sent) {
      for (const event of session(next)) {
        check(event)
        events++
      }
    }
  }
  return events
}

describe("P15 adapter: damaged frames are events or nothing, never a crash", () => {
  for (const name of ["codex", "claude", "acp"] as const) {
    it(`${name}: 2,000 turns, each item started and completed once`, () => {
      const lines = frames[name].map((frame) => JSON.stringify(frame))
      assert.isAbove(play(sessions[name](), lines, () => 1), lines.length / 2, "whole frames are events")
      for (let seed = 1; seed <= 2_000; seed++) {
        try {
          play(sessions[name](), lines, Mutation.seeded(seed))
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error })
        }
      }
    })
  }
})
