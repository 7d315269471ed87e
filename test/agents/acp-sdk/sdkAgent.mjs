#!/usr/bin/env node
// @ts-nocheck The SDK is installed only where this runs.
/**
 * An ACP agent without a model, built on the protocol's own SDK, which holds what it sends and gets against the
 * protocol's schema: what our adapter says to it is valid, or refused. It does what plain prompts say, keeps its sessions
 * as files in the folder of SDK_AGENT_FOLDER, and asks before it runs or changes anything.
 */
import { agent, methods, ndJsonStream, PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk"
import { execSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { PlainPrompts } from "../../../src/testing/Conformance.ts"

const manifest = fileURLToPath(new URL("node_modules/@agentclientprotocol/sdk/package.json", import.meta.url))
const { version } = JSON.parse(readFileSync(manifest, "utf8"))

const folder = process.env["SDK_AGENT_FOLDER"] ?? "."
const fileOf = (id) => join(folder, `${id}.json`)
const sessions = new Map()
const running = new Map()
let calls = 0

const options = [
  { optionId: "once", name: "Allow", kind: "allow_once" },
  { optionId: "no", name: "Reject", kind: "reject_once" }
]

const serve = () =>
  agent({ name: "acp-sdk" })
    .onRequest(methods.agent.initialize, () => ({
      protocolVersion: PROTOCOL_VERSION,
      agentInfo: { name: "acp-sdk", version },
      agentCapabilities: { loadSession: false, sessionCapabilities: { resume: {} } }
    }))
    .onRequest(methods.agent.session.new, ({ params }) => {
      const session = { id: randomUUID(), cwd: params.cwd, history: [] }
      sessions.set(session.id, session)
      return { sessionId: session.id }
    })
    .onRequest(methods.agent.session.resume, ({ params }) => {
      if (!existsSync(fileOf(params.sessionId))) throw RequestError.sessionNotFound(params.sessionId)
      sessions.set(params.sessionId, { ...JSON.parse(readFileSync(fileOf(params.sessionId), "utf8")), cwd: params.cwd })
      return {}
    })
    .onNotification(methods.agent.session.cancel, ({ params }) => running.get(params.sessionId)?.abort())
    .onRequest(methods.agent.session.prompt, ({ client, params }) => prompt(client, params))
    .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)))

const prompt = async (client, { prompt, sessionId }) => {
  const session = sessions.get(sessionId)
  if (session === undefined) throw RequestError.sessionNotFound(sessionId)
  const stop = new AbortController()
  running.set(sessionId, stop)
  const before = [...session.history]
  const texts = prompt.map(({ text }) => text ?? "")
  session.history.push(...texts)
  writeFileSync(fileOf(sessionId), JSON.stringify(session))
  const tell = (update) => client.notify(methods.client.session.update, { sessionId, update })
  const say = async (text) => {
    session.history.push(text)
    writeFileSync(fileOf(sessionId), JSON.stringify(session))
    await tell({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } })
    return { stopReason: "end_turn" }
  }
  const stopped = new Promise((done) =>
    stop.signal.addEventListener("abort", () => done({ stopReason: "cancelled" }), { once: true })
  )
  /** Answers whether the call was allowed; nothing once the turn was cancelled. */
  const use = async (call, act) => {
    const toolCall = { toolCallId: `call-${++calls}`, status: "pending", ...call }
    await tell({ sessionUpdate: "tool_call", ...toolCall })
    const { outcome } = await client.request(methods.client.session.requestPermission, { sessionId, options, toolCall })
    if (outcome.outcome === "cancelled") return undefined
    const allowed = outcome.optionId === "once"
    if (allowed) act()
    const status = allowed ? "completed" : "failed"
    await tell({ sessionUpdate: "tool_call_update", toolCallId: toolCall.toolCallId, status })
    return allowed
  }
  const act = async (call, act) => {
    const allowed = await use(call, act)
    return allowed === undefined ? { stopReason: "cancelled" } : say(allowed ? "Done." : "Then not.")
  }
  const shell = (command) => ({ title: "Shell", kind: "execute", rawInput: { command } })
  const run = (command) => () => execSync(command, { cwd: session.cwd })
  /** How it is answered to what our client does not do, and to a permission that it waits for no longer. */
  const used = async () => {
    const codeOf = (asked) => asked.then(({ outcome }) => outcome?.outcome ?? "answered", ({ code }) => code)
    const { fs, session: { requestPermission }, terminal } = methods.client
    const path = join(session.cwd, "there")
    const waiting = new AbortController()
    const toolCall = { toolCallId: `call-${++calls}`, ...shell("touch made") }
    const asked = client.request(requestPermission, { sessionId, options, toolCall }, {
      cancellationSignal: waiting.signal
    })
    waiting.abort()
    return JSON.stringify([
      await codeOf(client.request(fs.readTextFile, { sessionId, path })),
      await codeOf(client.request(fs.writeTextFile, { sessionId, path, content: "" })),
      await codeOf(client.request(terminal.create, { sessionId, command: "touch", args: ["made"] })),
      await codeOf(asked)
    ])
  }
  const plain = texts.flatMap((text) => text.split("\n")).map(PlainPrompts.read).findLast((read) => read !== undefined)
  switch (plain?._tag) {
    case "Say":
      return say(plain.what)
    case "Recall":
      return say([...before, ...texts.slice(0, -1)].join("\n") || "Nothing.")
    case "Run":
      return act(shell(plain.what), run(plain.what))
    case "Loop":
      while (!stop.signal.aborted && (await use(shell(plain.what), run(plain.what))) !== undefined);
      return { stopReason: "cancelled" }
    case "Edit": {
      const path = resolve(session.cwd, plain.what)
      return act(
        { title: "Write", kind: "edit", rawInput: { path }, locations: [{ path }] },
        () => writeFileSync(path, "As asked.\n")
      )
    }
    case "Slow": {
      const ticking = setInterval(() => say("tick "), 20)
      return stopped.finally(() => clearInterval(ticking))
    }
    case "Hang":
      return stopped
    case "Fail":
      throw RequestError.internalError({ details: "No." })
    default:
      return say(texts.includes("use the client") ? await used() : "I do not understand.")
  }
}

if (process.argv.includes("--version")) {
  process.stdout.write(`${version}\n`)
} else {
  mkdirSync(folder, { recursive: true })
  const { closed } = serve()
  void closed.then(() => process.exit(0))
}
