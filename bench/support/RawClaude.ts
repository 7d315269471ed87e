/**
 * What a good engineer writes against `claude` in its stream-json mode, without this library and without Effect: one process
 * for each session, one line per message, and a turn that is over at its `result`. No ledger, no log, no deadlines, and no
 * hooks: nothing is asked.
 */
import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { createInterface } from "node:readline"
import { claudeEnvironment } from "../../examples/support/ClaudeEnvironment.ts"

interface Message {
  readonly type?: string
  readonly subtype?: string
  readonly event?: { readonly type?: string; readonly delta?: { readonly text?: string } }
}

interface Running {
  text: string
  readonly end: (subtype: string | undefined) => void
}

const flags = [
  "--input-format stream-json --output-format stream-json --verbose --include-partial-messages",
  "--permission-prompt-tool stdio --setting-sources= --strict-mcp-config"
].flatMap((flags) => flags.split(" "))

export const start = async (binary: string, model: { readonly url: string }, home: string, cwd: string) => {
  mkdirSync(`${home}/tmp`, { recursive: true })
  mkdirSync(`${home}/claude`, { recursive: true })
  const child = spawn(binary, flags, {
    cwd,
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      CLAUDE_CONFIG_DIR: `${home}/claude`,
      TMPDIR: `${home}/tmp`,
      DISABLE_AUTOUPDATER: "1",
      ...claudeEnvironment(model)
    },
    stdio: ["pipe", "pipe", "ignore"]
  })
  const greeted = Promise.withResolvers<void>()
  let running: Running = { text: "", end: () => {} }

  createInterface({ input: child.stdout }).on("line", (line) => {
    const { event, subtype, type }: Message = JSON.parse(line)
    if (type === "control_response") greeted.resolve()
    if (type === "stream_event" && event?.type === "content_block_delta") running.text += event.delta?.text ?? ""
    if (type === "result") running.end(subtype)
  })
  const write = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
  write({ type: "control_request", request_id: "1", request: { subtype: "initialize" } })
  await greeted.promise

  return {
    runTurn: async (text: string) => {
      const { promise, reject, resolve } = Promise.withResolvers<void>()
      running = { text: "", end: (subtype) => subtype === "success" ? resolve() : reject(new Error(subtype)) }
      write({ type: "user", session_id: "", parent_tool_use_id: null, message: { role: "user", content: text } })
      await promise
      return running.text
    },
    close: () =>
      new Promise<void>((resolve) => {
        child.once("exit", () => resolve())
        child.stdin.end()
      })
  }
}
