/** What a good engineer writes against an ACP agent: by hand, and with the protocol's own SDK where that is installed. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Readable, Writable } from "node:stream"
import { pathToFileURL } from "node:url"
import { script } from "./Script.ts"

export interface Client {
  /** Answers how many characters came. */
  readonly runTurn: (prompt: string) => Promise<number>
  readonly close: () => Promise<void>
}

const start = () => spawn(process.execPath, [script("AcpProcess")], { stdio: ["pipe", "pipe", "inherit"] })

const closeOf = (child: ReturnType<typeof start>) => () =>
  new Promise<void>((done) => {
    child.once("exit", () => done())
    child.stdin.end()
  })

export const byHand = async (cwd: string): Promise<Client> => {
  const child = start()
  const calls = new Map<number, (result: { readonly sessionId: string }) => void>()
  let last = 0
  let characters = 0
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, params, result } = JSON.parse(line)
    if (id !== undefined) {
      calls.get(id)?.(result)
      calls.delete(id)
    } else if (params.update.sessionUpdate === "agent_message_chunk") characters += params.update.content.text.length
  })
  const call = (method: string, params: object) =>
    new Promise<{ readonly sessionId: string }>((done) => {
      calls.set(++last, done)
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`)
    })
  await call("initialize", { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await call("session/new", { cwd, mcpServers: [] })
  return {
    runTurn: async (text) => {
      characters = 0
      await call("session/prompt", { sessionId, prompt: [{ type: "text", text }] })
      return characters
    },
    close: closeOf(child)
  }
}

const sdk = pathToFileURL("test/agents/acp-sdk/node_modules/@agentclientprotocol/sdk/dist/v1/stable/acp.js").href

/** Fails where `npm run test:agents -- acp-sdk` has not installed it. */
export const withSdk = async (cwd: string): Promise<Client> => {
  const { client, methods, ndJsonStream } = await import(sdk)
  const child = start()
  let characters = 0
  const { agent } = client({ name: "bench" })
    .onNotification(
      methods.client.session.update,
      ({ params }: { readonly params: { readonly update: { readonly content: { readonly text: string } } } }) => {
        characters += params.update.content.text.length
      }
    )
    .connect(ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout)))
  await agent.request(methods.agent.initialize, { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await agent.request(methods.agent.session.new, { cwd, mcpServers: [] })
  return {
    runTurn: async (text) => {
      characters = 0
      await agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: "text", text }] })
      return characters
    },
    close: closeOf(child)
  }
}
