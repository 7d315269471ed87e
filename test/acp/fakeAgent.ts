/**
 * An ACP agent without a model: it does what plain prompts say, keeps its sessions as files, lists them in pages of one, and
 * asks before it acts.
 *
 *     node fakeAgent.ts <folder> [<quirk> ...]
 *
 * Each quirk is something that a real agent has been seen to do:
 *
 * - `load`: it cannot resume but by a load, whose replay comes after its answer.
 * - `claims`: it says that it loads sessions, and knows no such method.
 * - `late`: it answers a prompt that was cancelled with `end_turn`, twice.
 * - `deaf`: it never answers a prompt that was cancelled.
 * - `secretive`: it tells nothing of a call before it asks, and says of a missing session no more than "Internal error".
 * - `options`: its mode, its models and what they can be set to are options of the session. It says what they are when it
 *   is asked to show them, and changes its model and its mode by itself when it is asked for that.
 * - `moded`: it asks in its mode `default` alone.
 * - `stuck`: it never answers when it is told to be in its mode `plan`, and says so, and which calls are cancelled.
 * - `slow-end`: it takes a moment to end once its stdin has.
 * - `cursor`: it makes no session before it was told how to log in, and asks and tells in the ways that Cursor's
 *   documentation has.
 */
import { execSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
// By its file: an agent that loads the library takes a second of the machine for each start.
import * as PlainPrompts from "../../src/testing/conformance/PlainPrompts.ts"
import * as clientAsks from "./clientAsks.ts"

interface Block {
  readonly type: string
  readonly text?: string
  readonly mimeType?: string
}

interface Outcome {
  readonly outcome: string
  readonly optionId?: string
  readonly answers?: ReadonlyArray<{ readonly questionId: string; readonly selectedOptionIds: ReadonlyArray<string> }>
}

interface Frame {
  readonly id?: number
  readonly error?: { readonly code: number }
  readonly method?: string
  readonly params?: {
    readonly sessionId: string
    readonly cwd: string
    readonly cursor?: string
    readonly modeId?: string
    readonly prompt: ReadonlyArray<Block>
    readonly mcpServers?: ReadonlyArray<object>
    readonly _meta?: { readonly "qwen-code/sessionId"?: string }
    readonly configId?: string
    readonly value?: string | boolean
    readonly clientCapabilities?: { readonly fs?: object; readonly terminal?: boolean }
    readonly requestId?: number
  }
  readonly result?: {
    readonly outcome: Outcome
    readonly answers?: Readonly<Record<string, string>>
    readonly action?: string
    readonly content?: { readonly word?: string }
  }
}

const [folder = ".", ...quirks] = process.argv.slice(2)
const has = (quirk: string) => quirks.includes(quirk)
const write = (frame: object) => void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...frame })}\n`)
const fileOf = (id: string) => join(folder, "sessions", `${id}.json`)
mkdirSync(join(folder, "sessions"), { recursive: true })

let session = { id: "", cwd: ".", history: new Array<string>() }
let turn: { readonly id: number | undefined; readonly stop: () => void } | undefined
let loggedIn = false
let clientCapabilities = {}
/** The request that it does not answer. */
let stuckAt: number | undefined
let asked = 0
let calls = 0
/** What it says before it hears the next request. */
let owed = () => {}
const waiting = new Map<number, (result: NonNullable<Frame["result"]>) => void>()

const save = () => writeFileSync(fileOf(session.id), JSON.stringify(session))
const tell = (update: object) => write({ method: "session/update", params: { sessionId: session.id, update } })
const say = (text: string) => tell({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } })
const end = (stopReason: string) => {
  if (turn === undefined) return
  const { id } = turn
  turn = undefined
  save()
  write({ id, result: { stopReason } })
}
const answer = (text: string) => {
  session.history.push(text)
  say(text)
  end("end_turn")
}

const options = [
  { optionId: "always", name: "Always", kind: "allow_always" },
  { optionId: "once", name: "Allow", kind: "allow_once" },
  { optionId: "no", name: "Reject", kind: "reject_once" }
]

const ask = (call: object, then: (result: NonNullable<Frame["result"]>) => void) => {
  waiting.set(++asked, then)
  write({
    id: asked,
    method: "session/request_permission",
    params: { sessionId: session.id, options, toolCall: call }
  })
}

const client = clientAsks.make({ write, tell, options })

/** Asks in Cursor's way, and says what the outcome was. */
const askAsCursor = (method: string, params: object) => {
  waiting.set(++asked, ({ outcome }) => outcome.outcome === "cancelled" ? end("cancelled") : answer(told(outcome)))
  write({ id: asked, method, params: { toolCallId: `call-${++calls}`, ...params } })
}

const told = ({ answers = [], outcome }: Outcome) =>
  outcome === "answered"
    ? `You said: ${answers.flatMap(({ selectedOptionIds }) => selectedOptionIds).join()}`
    : `It was ${outcome}.`

interface Call {
  readonly title: string
  readonly kind: string
  readonly rawInput: object
  readonly locations?: ReadonlyArray<object>
}

const act = (call: Call, act: () => void, then = answer) => {
  const toolCallId = `call-${++calls}`
  if (!has("secretive")) {
    tell({ sessionUpdate: "tool_call", toolCallId, status: "pending", ...call, title: "Tool", rawInput: {} })
  }
  const decided = (allowed: boolean) => {
    if (allowed) act()
    tell({ sessionUpdate: "tool_call_update", toolCallId, status: allowed ? "completed" : "failed" })
    then(allowed ? "Done." : "Then not.")
  }
  if (has("moded") && mode !== "default") return decided(true)
  ask(
    { toolCallId, ...call },
    ({ outcome }) => outcome.outcome === "cancelled" ? end("cancelled") : decided(outcome.optionId === "once")
  )
}

const run = (command: string, then?: (words: string) => void) =>
  act(
    { title: "Shell", kind: "execute", rawInput: { command } },
    () => execSync(command, { cwd: session.cwd }),
    then
  )
const commands = () => [
  { name: "echo", description: "Says what it is given", input: { hint: "words" } },
  { name: "allow-all", description: "Asks no more", _meta: { source: "builtin-command" } },
  ...existsSync(join(folder, "more")) ? [{ name: "more", description: "Says more" }] : []
]
const tellCommands = () => tell({ sessionUpdate: "available_commands_update", availableCommands: commands() })

const start = (id: number | undefined, prompt: ReadonlyArray<string>) => {
  const before = [...session.history]
  session.history.push(...prompt)
  save()
  let ticking: NodeJS.Timeout | undefined
  turn = {
    id,
    stop: () => {
      clearInterval(ticking)
      if (has("deaf")) return
      end(has("late") ? "end_turn" : "cancelled")
      if (has("late")) write({ id, result: { stopReason: "end_turn" } })
    }
  }
  if (prompt[0]?.startsWith("/echo ") === true) return answer(prompt[0].slice("/echo ".length))
  const words = prompt.flatMap((text) => text.split("\n"))
  const plain = words.map(PlainPrompts.read).findLast((read) => read !== undefined)
  switch (plain?._tag) {
    case "Say":
      return answer(plain.what)
    case "Recall":
      return answer([...before, ...prompt.slice(0, -1)].join("\n") || "Nothing.")
    case "Run":
      return run(plain.what)
    case "Loop": {
      const again = () => turn?.id === id && run(plain.what, again)
      return again()
    }
    case "Edit": {
      const path = resolve(session.cwd, plain.what)
      return act(
        { title: "Write", kind: "edit", rawInput: { path }, locations: [{ path }] },
        () => writeFileSync(path, "As asked.\n")
      )
    }
    case "Ask": {
      if (has("cursor")) {
        const options = [{ id: "yes", label: "yes" }, { id: "no", label: "no" }]
        return askAsCursor("cursor/ask_question", { questions: [{ id: "q", prompt: plain.what, options }] })
      }
      const questions = [{ question: plain.what, options: [{ label: "yes" }, { label: "no" }] }]
      return ask(
        { toolCallId: `call-${++calls}`, title: "Ask", rawInput: { questions } },
        ({ answers, outcome }) =>
          outcome.outcome === "cancelled" ? end("cancelled") : answer(`You said: ${answers?.["0"] ?? "nothing"}`)
      )
    }
    case "Elicit": {
      const requestedSchema = { type: "object", properties: { word: { type: "string" } } }
      waiting.set(
        ++asked,
        ({ action, content }) => answer(action === "accept" ? `${content?.word?.length}` : `${action}`)
      )
      return write({
        id: asked,
        method: "elicitation/create",
        params: { sessionId: session.id, mode: "form", message: plain.what, requestedSchema }
      })
    }
    case "Slow":
      ticking = setInterval(() => say("tick "), 20)
      return
    case "Fail":
      turn = undefined
      return write({ id, error: { code: -32603, message: "Internal error", data: { details: "No." } } })
    case "Hang":
      return
    default: {
      const wanted = client.wanted(words)
      if (wanted !== undefined) return void wanted(session).then((found) => answer(JSON.stringify(found)))
      if (words.includes("show the settings")) return answer(JSON.stringify(Object.fromEntries(settings)))
      if (words.includes("show the client")) return answer(JSON.stringify(clientCapabilities))
      if (words.includes("change the settings")) {
        choose("model", "two")
        choose("mode", "auto")
        tell({ sessionUpdate: "config_option_update", configOptions: configOptions() })
        return answer("They are changed.")
      }
      if (!has("cursor") || !words.includes("plan it")) return answer("I do not understand.")
      for (const merge of [false, true]) {
        const todos = [{ id: "1", content: "Think", status: "in_progress" }]
        write({ method: "cursor/update_todos", params: { toolCallId: "todos", todos, merge } })
      }
      return askAsCursor("cursor/create_plan", { name: "A plan", plan: "Think first.", todos: [] })
    }
  }
}

let mode = "auto"

const modes = {
  currentModeId: "auto",
  availableModes: [
    { id: "auto", name: "Auto" },
    { id: "default", name: "Default" },
    ...has("stuck") ? [{ id: "plan", name: "Plan" }] : []
  ]
}

const models = { currentModelId: "one", availableModels: [{ modelId: "one", name: "One" }, { modelId: "two" }] }

const settings = new Map<string, string | boolean>([["mode", "auto"], ["model", "one"], ["effort", "low"], [
  "fast",
  false
]])

/** Another model has its own default. */
const choose = (id: string, value: string | boolean) => {
  settings.set(id, value)
  if (id === "model") settings.set("effort", "low")
}

const configOptions = () => {
  const select = (id: string, category: string, ...values: ReadonlyArray<string>) => ({
    id,
    name: id,
    category,
    type: "select",
    currentValue: settings.get(id),
    options: values.map((value) => ({ value, name: value }))
  })
  return [
    select("mode", "mode", "auto", "default", "plan"),
    select("model", "model", "one", "two"),
    ...settings.get("model") === "one" ? [select("effort", "thought_level", "low", "high")] : [],
    { id: "fast", name: "Fast", category: "model_config", type: "boolean", currentValue: settings.get("fast") },
    select("guard", "permissions", "on", "off")
  ]
}

const offered = () => has("options") ? { configOptions: configOptions() } : { modes, models }

const find = (id: number | undefined, method: string, wanted: string, cwd: string) => {
  if (!existsSync(fileOf(wanted))) {
    return write({ id, error: { code: has("secretive") ? -32603 : -32002, message: "Internal error" } })
  }
  session = { ...JSON.parse(readFileSync(fileOf(wanted), "utf8")), cwd }
  write({ id, result: offered() })
  tellCommands()
  if (method === "session/load") owed = () => session.history.forEach(say)
}

const page = (after: string | undefined) => {
  const all = readdirSync(join(folder, "sessions")).map((file) => file.replace(/\.json$/, ""))
  const next = all[after === undefined ? 0 : all.indexOf(after) + 1]
  // An entry that is none proves nothing of a session, so it has none where its list is the proof.
  if (next === undefined) return { sessions: has("secretive") ? [] : [7], nextCursor: null }
  const { cwd } = JSON.parse(readFileSync(fileOf(next), "utf8"))
  return { sessions: [{ sessionId: next, cwd }], nextCursor: next }
}

const handle = (frame: Frame) => {
  const { id, method, params, result } = frame
  if (method === undefined) {
    if (client.heard(frame)) return
    const then = waiting.get(id ?? 0)
    waiting.delete(id ?? 0)
    return result === undefined ? undefined : then?.(result)
  }
  const late = owed
  owed = () => {}
  late()
  switch (method) {
    case "initialize": {
      clientCapabilities = params?.clientCapabilities ?? {}
      const sessionCapabilities = { ...(has("load") ? {} : { resume: {} }), list: {} }
      return write({
        id,
        result: {
          protocolVersion: 1,
          agentInfo: { name: "fake", version: "1.0.0" },
          agentCapabilities: { loadSession: true, sessionCapabilities }
        }
      })
    }
    case "authenticate":
      loggedIn = true
      return write({ id, result: {} })
    case "session/new":
      if (has("cursor") && !loggedIn) return write({ id, error: { code: -32000, message: "Log in first" } })
      session = { id: params?._meta?.["qwen-code/sessionId"] ?? randomUUID(), cwd: params?.cwd ?? ".", history: [] }
      write({ id, result: { sessionId: session.id, ...offered() } })
      return tellCommands()
    case "session/resume":
    case "session/load":
      if (has("claims") && method === "session/load") {
        return write({ id, error: { code: -32601, message: "Method not found" } })
      }
      return find(id, method, params?.sessionId ?? "", params?.cwd ?? ".")
    case "session/list":
      return write({ id, result: page(params?.cursor) })
    case "session/set_config_option":
      choose(params?.configId ?? "", params?.value ?? "")
      return write({ id, result: { configOptions: configOptions() } })
    case "session/set_mode":
      if (has("stuck") && params?.modeId === "plan") {
        stuckAt = id
        return say("stuck")
      }
      mode = params?.modeId ?? mode
      return write({ id, result: {} })
    case "session/set_model":
      return write({ id, result: {} })
    case "session/prompt":
      return params?.sessionId === session.id
        ? start(id, params.prompt.map(({ mimeType, text }) => text ?? `${mimeType}`))
        : write({ id, error: { code: -32002, message: "Resource not found" } })
    case "session/cancel":
      return turn?.stop()
    case "$/cancel_request":
      return say(params?.requestId === stuckAt ? "no longer stuck" : "another request")
    default:
      return id === undefined ? undefined : write({ id, error: { code: -32601, message: "Method not found" } })
  }
}

watch(folder, (_, file) => file === "more" ? tellCommands() : undefined)

createInterface({ input: process.stdin }).on("line", (line) => handle(JSON.parse(line))).on(
  "close",
  () => setTimeout(() => process.exit(0), has("slow-end") ? 300 : 0)
)
