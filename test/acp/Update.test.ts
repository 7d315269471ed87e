/** How updates of ACP agents are read. */
import { assert, describe, it } from "@effect/vitest"
import * as Update from "../../src/acp/protocol/Update.ts"

describe("updates of an ACP agent", () => {
  it("P15 acp: a chunk of text is read by hand as its schema reads it", () => {
    const content = { type: "text", text: "words", annotations: {} }
    const read = (more: object) => Update.decode({ sessionUpdate: "agent_message_chunk", content, ...more })
    const known = { _tag: "agent_message_chunk", content: { type: "text", text: "words" } }
    assert.deepStrictEqual<unknown>(read({}), known)
    assert.deepStrictEqual<unknown>(read({ messageId: "m" }), { ...known, messageId: "m" })
    // By the schema: what does not fit is taken for absent.
    assert.deepStrictEqual<unknown>(read({ messageId: 7 }), { ...known, messageId: null })
    assert.deepStrictEqual(read({ content: { type: "text", text: 7 } })._tag, "agent_message_chunk")
  })
})
