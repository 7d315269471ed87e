/** An ACP agent that only talks: a prompt of `deltas N` is answered in N chunks, every other in one. */
import { createInterface } from "node:readline"

const sessionId = "session"
const write = (frame: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...frame })}\n`)

const chunks = Buffer.from(
  `${
    JSON.stringify({
      jsonrpc: "2.0",
      method: "session/update",
      params: {
        sessionId,
        update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "delta " } }
      }
    })
  }\n`.repeat(100)
)

const talk = (id: number, left: number): void => {
  for (let rest = left; rest > 0; rest -= 100) {
    if (!process.stdout.write(chunks)) {
      process.stdout.once("drain", () => talk(id, rest - 100))
      return
    }
  }
  write({ id, result: { stopReason: "end_turn" } })
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  switch (method) {
    case "initialize":
      return write({ id, result: { protocolVersion: 1, agentCapabilities: {} } })
    case "session/new":
      return write({ id, result: { sessionId } })
    case "session/prompt": {
      const asked = /^deltas (\d+)$/.exec(params.prompt.at(-1).text)
      return talk(id, asked === null ? 100 : Number(asked[1]))
    }
    default:
      return id === undefined ? undefined : write({ id, result: {} })
  }
}).on("close", () => process.exit(0))
