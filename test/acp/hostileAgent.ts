/**
 * An ACP agent that is broken, or means harm: it does what no real one was seen to do. It has one session, which it knows
 * nothing of.
 *
 *     node hostileAgent.ts <what it does>
 *
 * - `refuses-late`: it takes half a second to say that a prompt is not valid.
 * - `lists-nothing`, `lists-rubbish`, `lists-on`: it says of no session that it has it, in an answer without a list, in one
 *   with an entry that is none, or on pages without end.
 * - `talks-on`: it is never silent after a load.
 * - `strays`: it takes every mode, and leaves it at once.
 * - `mute`: it says nothing to a mode.
 */
import { createInterface } from "node:readline"

const [quirk] = process.argv.slice(2)
const sessionId = "the-session"
const write = (frame: object) => void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...frame })}\n`)
const tell = (update: object) => write({ method: "session/update", params: { sessionId, update } })
const straying = () => tell({ sessionUpdate: "current_mode_update", currentModeId: "loose" })

let pages = 0

const listed = (): object => {
  switch (quirk) {
    case "lists-nothing":
      return {}
    case "lists-rubbish":
      return { sessions: [{ sessionId: 7 }] }
    case "lists-on":
      return { sessions: [], nextCursor: String(++pages) }
    default:
      return { sessions: [{ sessionId }] }
  }
}

const refusal = (code: number) => ({ error: { code, message: "Internal error" } })

const answerOf = (method: string): object => {
  switch (method) {
    case "initialize": {
      const sessionCapabilities = { list: {}, ...(quirk === "talks-on" ? {} : { resume: {} }) }
      const agentCapabilities = { loadSession: true, sessionCapabilities }
      return { result: { protocolVersion: 1, agentInfo: { name: "hostile", version: "1.0.0" }, agentCapabilities } }
    }
    case "session/new": {
      const availableModes = [{ id: "loose" }, { id: "strict" }]
      return { result: { sessionId, modes: { currentModeId: "loose", availableModes } } }
    }
    case "session/resume":
      return refusal(-32603)
    case "session/list":
      return { result: listed() }
    case "session/prompt":
      return refusal(-32602)
    default:
      return { result: {} }
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method }: { readonly id?: number; readonly method?: string } = JSON.parse(line)
  if (id === undefined || method === undefined || (quirk === "mute" && method === "session/set_mode")) return
  setTimeout(() => {
    write({ id, ...answerOf(method) })
    if (method === "session/set_mode" && quirk === "strays") straying()
    if (method === "session/load") setInterval(() => tell({ sessionUpdate: "usage_update", used: 1 }), 20)
  }, method === "session/prompt" ? 500 : 0)
}).on("close", () => process.exit())
