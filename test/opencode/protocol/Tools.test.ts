/** OpenCode's tools that its scripted model is not offered, as items; the conformance suite has the others. */
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { fromTool } from "../../../src/opencode/protocol/Items.ts"
import { decodePart } from "../../../src/opencode/protocol/Message.ts"

const itemOf = (tool: string, input: object) => {
  const part = Option.getOrUndefined(decodePart({
    id: "prt_1",
    sessionID: "ses_1",
    messageID: "msg_1",
    type: "tool",
    tool,
    callID: "call_1",
    state: { status: "running", input }
  }))
  return part === undefined || part === "useless" || part.type !== "tool"
    ? undefined
    : fromTool(part, { root: "ses_1", declined: new Set() })
}

describe("Tools", () => {
  it("P11 opencode: a search of the web is one, and a patch is a change of files", () => {
    assert.deepInclude(itemOf("websearch", { query: "walnut" }), {
      _tag: "ToolCall",
      kind: "web-search",
      detail: { _tag: "WebSearch", query: "walnut" }
    })
    assert.deepInclude(
      itemOf("apply_patch", { patchText: "*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch" }),
      {
        _tag: "FileChange",
        edits: [{ path: "a.txt", kind: "add" }]
      }
    )
  })

  it("P11 opencode: a tool that is not OpenCode's own is other, whatever it is called", () => {
    for (const tool of ["files_list", "list", "constructor", "question", "invalid"]) {
      assert.deepInclude(itemOf(tool, { path: "x" }), { _tag: "ToolCall", tool, kind: "other" }, tool)
    }
  })
})
