/** How frames of Claude Code 2.1.332 are read. */
import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../src/claude/protocol/Frame.ts"

describe("frames of Claude", () => {
  it("P15 claude: a delta is read by hand as its schema reads it", () => {
    const event = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "words" } }
    const read = (inEvent: object, more: object = {}) =>
      Frame.decode("stream_event", {
        type: "stream_event",
        event: { ...event, ...inEvent },
        session_id: "s",
        parent_tool_use_id: null,
        uuid: "e-1",
        ...more
      })
    const known = {
      _tag: "stream_event",
      event: { type: "content_block_delta", index: 0, delta: { text: "words" } },
      parent_tool_use_id: null,
      uuid: "e-1"
    }
    const knownDelta = (delta: object) => ({ ...known, event: { ...known.event, delta } })
    const byHand = [
      [read({}), known],
      [read({ delta: { type: "thinking_delta", thinking: "why" } }), knownDelta({ thinking: "why" })],
      [read({ delta: { type: "input_json_delta", partial_json: "{" } }), knownDelta({})]
    ]
    const bySchema = [
      [read({ delta: { text: null } }), knownDelta({ text: null })],
      [read({ usage: { output_tokens: 1 } }), { ...known, event: { ...known.event, usage: { output_tokens: 1 } } }],
      [read({}, { parent_tool_use_id: "toolu_1" }), { ...known, parent_tool_use_id: "toolu_1" }],
      [read({}, { agent_id: "a" }), { ...known, agent_id: "a" }]
    ]
    for (const [frame, expected] of [...byHand, ...bySchema]) assert.deepStrictEqual<unknown>(frame, expected)
    const damaged = [
      read({ index: 0.5 }),
      read({ index: "0" }),
      read({ delta: { text: 7 } }),
      read({ delta: { text: "words", thinking: 7 } }),
      read({ delta: "words" }),
      read({ usage: "none" }),
      read({ message: {} }),
      read({ content_block: 7 }),
      read({}, { uuid: "" }),
      read({}, { uuid: "\ud800" }),
      read({}, { uuid: "e".repeat(513) }),
      read({}, { parent_tool_use_id: "" }),
      read({}, { agent_id: 7 })
    ]
    for (const frame of damaged) assert.strictEqual(frame?._tag, "Unrecognized")
  })
})
