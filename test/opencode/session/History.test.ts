/** What a history that a killed OpenCode left behind says of its last turn, as 1.18.33 writes it. */
import { assert, it } from "@effect/vitest"
import { decodeMessages } from "../../../src/opencode/protocol/Message.ts"
import { evidence } from "../../../src/opencode/session/History.ts"

const sessionID = "ses_1"
const prompt = {
  info: { id: "msg_1", sessionID, role: "user", time: { created: 1 } },
  parts: [{ id: "prt_1", sessionID, messageID: "msg_1", type: "text", text: "go" }]
}
const answer = (part: object) => ({
  info: {
    id: "msg_2",
    sessionID,
    role: "assistant",
    parentID: "msg_1",
    providerID: "scripted",
    modelID: "scripted-1",
    agent: "build",
    mode: "build",
    path: { cwd: "/", root: "/" },
    cost: 0,
    tokens: { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } },
    time: { created: 2 }
  },
  parts: [{ id: "prt_2", sessionID, messageID: "msg_2", ...part }]
})

it("P16 opencode: a command that ran when the server was killed is failed in the evidence, with its output", () => {
  const state = {
    status: "running",
    input: { command: "make" },
    metadata: { output: "compiling" },
    time: { start: 3 }
  }
  const stored = decodeMessages([prompt, answer({ type: "tool", tool: "bash", callID: "call_1", state })])
  const { items, outcome } = evidence(sessionID, stored, "msg_1")
  assert.strictEqual(outcome, "unfinished")
  assert.deepInclude<unknown>(items.at(-1), { _tag: "Command", command: "make", output: "compiling", status: "failed" })
})

it("P16 opencode: a text of which the killed server kept nothing is not in the evidence", () => {
  const stored = decodeMessages([prompt, answer({ type: "text", text: "", time: { start: 3 } })])
  const { items, outcome } = evidence(sessionID, stored, "msg_1")
  assert.strictEqual(outcome, "unfinished")
  assert.deepStrictEqual(items.map(({ _tag }) => _tag), ["UserMessage"])
})
