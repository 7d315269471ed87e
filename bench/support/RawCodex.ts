/**
 * What a good engineer writes against `codex app-server`, without this library and without Effect: one process, one line
 * per message, a map of open calls, and a turn that is over at `turn/completed`. No ledger, no log, no deadlines.
 */
import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { createInterface } from "node:readline"
import { codexConfig } from "../../examples/support/CodexConfig.ts"

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: {
    readonly threadId?: string
    readonly delta?: string
    readonly turn?: { readonly status?: string }
  }
  readonly result?: { readonly thread?: { readonly id: string } }
  readonly error?: { readonly message: string }
}

interface Running {
  text: string
  deltas: number
  readonly end: (error?: Error) => void
}

export const start = async (
  binary: string,
  model: { readonly url: string },
  home: string,
  env: Readonly<Record<string, string>> = {}
) => {
  mkdirSync(`${home}/tmp`, { recursive: true })
  mkdirSync(`${home}/codex`, { recursive: true })
  const child = spawn(binary, ["app-server"], {
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      CODEX_HOME: `${home}/codex`,
      TMPDIR: `${home}/tmp`,
      SCRIPTED_API_KEY: "not-a-key",
      ...env
    },
    stdio: ["pipe", "pipe", "ignore"]
  })
  const calls = new Map<number, PromiseWithResolvers<Message>>()
  const running = new Map<string, Running>()
  let ids = 0

  createInterface({ input: child.stdout }).on("line", (line) => {
    const { error, id, method, params = {}, result }: Message = JSON.parse(line)
    if (method === undefined && id !== undefined) {
      const call = calls.get(id)
      calls.delete(id)
      if (error !== undefined) call?.reject(new Error(error.message))
      else call?.resolve(result === undefined ? {} : { result })
      return
    }
    const turn = running.get(params.threadId ?? "")
    if (turn === undefined) return
    if (method === "item/agentMessage/delta") {
      turn.deltas++
      turn.text += params.delta ?? ""
    }
    if (method === "turn/completed") {
      running.delete(params.threadId ?? "")
      turn.end(params.turn?.status === "completed" ? undefined : new Error(params.turn?.status))
    }
  })
  const call = (method: string, params: object) => {
    const id = ++ids
    const answer = Promise.withResolvers<Message>()
    calls.set(id, answer)
    child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    return answer.promise
  }
  await call("initialize", {
    clientInfo: { name: "raw", title: null, version: "1.0.0" },
    capabilities: { experimentalApi: true, requestAttestation: false }
  })
  child.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`)

  const settings = { approvalPolicy: "never", sandbox: "danger-full-access", config: codexConfig(model) }
  const send = (threadId: string, text: string) =>
    call("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] })
  return {
    startThread: async (cwd: string) => (await call("thread/start", { cwd, ...settings })).result?.thread?.id ?? "",
    resumeThread: (threadId: string, cwd: string) =>
      call("thread/resume", { threadId, cwd, excludeTurns: true, ...settings }),
    send,
    runTurn: async (threadId: string, text: string) => {
      const { promise, reject, resolve } = Promise.withResolvers<void>()
      const turn: Running = {
        text: "",
        deltas: 0,
        end: (error) => error === undefined ? resolve() : reject(error)
      }
      running.set(threadId, turn)
      await send(threadId, text)
      await promise
      return turn
    },
    close: () =>
      new Promise<void>((resolve) => {
        child.once("exit", () => resolve())
        child.stdin.end()
      })
  }
}

export type RawCodex = Awaited<ReturnType<typeof start>>
