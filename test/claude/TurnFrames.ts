/** Frames that Claude Code 2.1.332 has been seen to send, and a session that takes them. No process runs here. */
import { assert } from "@effect/vitest"
import * as Frame from "../../src/claude/protocol/Frame.ts"
import * as Turn from "../../src/claude/turn/Turn.ts"
import { type Input, make, type State, type Want } from "../../src/claude/turn/TurnState.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

export const turnId = TurnId.make("turn-1")
export const uuid = "0d9d4a58-8f5e-4ad1-a36a-3ac6a3d0c1a1"

export const play = (state: State, inputs: ReadonlyArray<Input>) => {
  const events: Array<ProviderEvent> = []
  const wants: Array<Want> = []
  let current = state
  for (const input of inputs) {
    const next = Turn.reduce(current, input, 1000)
    current = next.state
    events.push(...next.events)
    wants.push(...next.wants)
  }
  return { state: current, events, wants, tags: events.map(({ _tag }) => _tag) }
}

export const frame = (type: string, fields: object): Input => {
  const decoded = Frame.decode(type, { type, ...fields })
  assert.isDefined(decoded)
  return decoded ?? { _tag: "Unrecognized", type, raw: fields }
}

export const sending: Input = { _tag: "Sending", turnId, uuid }
export const lifecycle = (state: string, of = uuid) => frame("command_lifecycle", { command_uuid: of, state })
export const stream = (event: object) => frame("stream_event", { event, parent_tool_use_id: null, uuid: "s-1" })
export const opened = (id: string) => stream({ type: "message_start", message: { id, usage: { input_tokens: 50 } } })
export const assistant = (id: string, block: object, more: object = {}) =>
  frame("assistant", { message: { id, content: [block] }, parent_tool_use_id: null, uuid: "a-1", ...more })
export const result = (more: object = {}) =>
  frame("result", {
    subtype: "success",
    is_error: false,
    terminal_reason: "completed",
    user_message_uuids: [uuid],
    ...more
  })
export const bash = { type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "sleep 60" } }
export const output = (content: string, more: object = {}) =>
  frame("user", {
    message: { content: [{ type: "tool_result", tool_use_id: "toolu_1", content, ...more }] },
    parent_tool_use_id: null,
    uuid: "u-1"
  })

export const begun = play(make("r", false), [sending, lifecycle("queued"), lifecycle("started")])

export const below = { parent_tool_use_id: "toolu_0", agent_id: "sub" }
export const subagent = (background: boolean) =>
  frame("system/task_started", { task_id: "sub", task_type: "local_agent", is_backgrounded: background })
