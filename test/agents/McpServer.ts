/**
 * An MCP server on stdio. `echo` answers what it is given; `show` answers a text, an image and a link; `ask` asks the user
 * for a word, and answers how long it is.
 */
import { createInterface } from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: { readonly text?: string }
    readonly protocolVersion?: string
  }
  readonly result?: { readonly content?: { readonly word?: string } | null }
}

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const said = (id: Message["id"], text: string) => send({ id, result: { content: [{ type: "text", text }] } })

let asking: Message["id"]

const tool = (name: string) => ({
  name,
  description: name,
  inputSchema: { type: "object", properties: { text: { type: "string" } } }
})

/** One pixel. */
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

const shown = [
  { type: "text", text: "a pixel" },
  { type: "image", data: pixel, mimeType: "image/png" },
  { type: "resource_link", uri: "https://example.org/walnut", name: "walnut" }
]

const schema = { type: "object", properties: { word: { type: "string" } }, required: ["word"] }

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params, result }: Message = JSON.parse(line)
  switch (method) {
    case "initialize":
      return send({
        id,
        result: {
          protocolVersion: params?.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: "tester", version: "1.0.0" }
        }
      })
    case "tools/list":
      return send({ id, result: { tools: [tool("echo"), tool("show"), tool("ask")] } })
    case "tools/call":
      if (params?.name === "show") return send({ id, result: { content: shown } })
      if (params?.name !== "ask") return said(id, `echo: ${params?.arguments?.text}`)
      asking = id
      return send({
        id: "asked",
        method: "elicitation/create",
        params: { message: params.arguments?.text, requestedSchema: schema }
      })
    case undefined:
      return said(asking, result?.content?.word === undefined ? "no word" : `${result.content.word.length} characters`)
    default:
      return id === undefined ? undefined : send({ id, error: { code: -32601, message: "Method not found" } })
  }
})
