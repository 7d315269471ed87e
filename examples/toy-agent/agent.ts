/**
 * A toy coding agent: a process of its own that speaks lines of JSON on stdin and stdout, keeps its sessions as files,
 * asks before it acts, and can be interrupted. It has no model; it does what it is told (see `answer`).
 *
 *     node agent.ts <folder>
 *
 * A line to it is a request `{ id, do, ... }` and gets one `{ id, ok }` or `{ id, error, ... }`. Everything else that it
 * writes is an event `{ event, ... }`. It ends when its stdin does.
 */
import { spawn } from "node:child_process"
import { createHash, randomUUID } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { createInterface } from "node:readline"

type Mode = "ask" | "edits" | "all" | "none"
interface Session {
  readonly id: string
  readonly version: 1
  directory: string
  /** Who made it: itself where nothing is said. */
  readonly by?: string | undefined
  readonly history: Array<Entry>
}
interface Entry {
  readonly role: "user" | "agent" | "file"
  /** Of a file: what was in it before, if it was there. */
  readonly text: string | null
  readonly path?: string
  readonly turn?: string | undefined
}

const folder = process.argv[2] ?? "."
const write = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`)

let session: Session | undefined
let mode: Mode = "ask"
let turn: { readonly id: string; stop: () => void; stopped: boolean } | undefined
const allowed = new Set<string>()
const waiting = new Map<string, (answer: string) => void>()

const fileOf = (id: string) => join(folder, `${id}.json`)
/** In one step: an agent that is killed here leaves the file as it was before. */
const save = (session: Session) => {
  const next = `${fileOf(session.id)}.next`
  writeFileSync(next, JSON.stringify(session))
  renameSync(next, fileOf(session.id))
}
/** A project's plugin, in the one language that this agent has: the names of files to make, one a line. */
const runProject = (directory: string) => {
  const plugin = join(directory, ".toy", "plugin")
  if (!existsSync(plugin)) return
  for (const file of readFileSync(plugin, "utf8").split("\n")) if (file !== "") writeFileSync(file, "")
}
const remember = (entry: Entry) => {
  session?.history.push({ ...entry, turn: turn?.id })
  if (session !== undefined) save(session)
}
const words = (history: ReadonlyArray<Entry>) =>
  history.flatMap(({ role, text }) => role === "file" || text === null ? [] : [text])
/** Where a copy that was exported before ends: how much it has, and a sum over it. */
const checkpoint = (history: ReadonlyArray<Entry>) =>
  `${history.length}:${createHash("sha256").update(JSON.stringify(history)).digest("hex")}`

/** Something that only an interrupt ends. */
const untilStopped = (now: NonNullable<typeof turn>) => new Promise<void>((done) => now.stop = done)

/** Asks the user, unless the mode or an earlier answer allows it; answers what the user chose. */
const ask = async (now: NonNullable<typeof turn>, kind: "run" | "edit" | "question" | "secret", text: string) => {
  const acts = kind === "run" || kind === "edit"
  if (acts && (mode === "all" || (mode === "edits" && kind === "edit") || allowed.has(`${kind} ${text}`))) return "once"
  if (acts && mode === "none") return "deny"
  const request = randomUUID()
  write({ event: "asked", turn: now.id, request, kind, text })
  const answer = await Promise.race([
    new Promise<string>((done) => waiting.set(request, done)),
    untilStopped(now).then(() => "stopped")
  ])
  waiting.delete(request)
  if (answer === "session") allowed.add(`${kind} ${text}`)
  return answer
}

const say = (now: NonNullable<typeof turn>, text: string) => {
  const item = randomUUID()
  write({ event: "said", turn: now.id, item, text })
  remember({ role: "agent", text })
}

const run = (now: NonNullable<typeof turn>, command: string) =>
  new Promise<number>((done) => {
    const child = spawn(command, { shell: true, stdio: "ignore", cwd: session?.directory })
    now.stop = () => child.kill("SIGKILL")
    child.once("exit", (code) => done(code ?? -1))
  })

/** The agent's whole mind: one word of the prompt that says what to do, then what with. */
const answer = async (now: NonNullable<typeof turn>, prompt: string, past: string): Promise<"done" | "failed"> => {
  const [word, ...rest] = prompt.split(" ")
  const what = rest.join(" ")
  switch (word) {
    case "say":
      say(now, what)
      return "done"
    case "recall":
      say(now, past)
      return "done"
    case "run":
    case "edit": {
      const item = randomUUID()
      write({ event: "doing", turn: now.id, item, kind: word, what })
      const allowed = await ask(now, word, what)
      const yes = allowed === "once" || allowed === "session"
      const code = !yes ? -1 : word === "run" ? await run(now, what) : 0
      if (yes && word === "edit") {
        const path = resolve(session?.directory ?? ".", what)
        remember({ role: "file", path, text: existsSync(path) ? readFileSync(path, "utf8") : null })
        writeFileSync(path, "As asked.\n")
      }
      write({
        event: "did",
        turn: now.id,
        item,
        kind: word,
        what,
        status: !yes ? "declined" : code === 0 ? "completed" : "failed"
      })
      if (yes && !now.stopped) say(now, `I did: ${prompt}`)
      return "done"
    }
    case "ask": {
      const chosen = await ask(now, "question", what)
      if (chosen !== "stopped") say(now, `You said ${chosen}.`)
      return "done"
    }
    case "secret": {
      const given = await ask(now, "secret", what)
      if (given !== "stopped") say(now, `It has ${given.length} characters.`)
      return "done"
    }
    case "hang":
      await untilStopped(now)
      return "done"
    case "slow": {
      const timer = setInterval(() => say(now, "Still at it."), 50)
      await untilStopped(now)
      clearInterval(timer)
      return "done"
    }
    case "loop":
      while (!now.stopped) await answer(now, `run ${what}`, past)
      return "done"
    case "fail":
      return "failed"
    default:
      say(now, `I do not understand "${prompt}".`)
      return "done"
  }
}

const handle: Record<string, (request: Record<string, string>) => object> = {
  new: ({ by, directory = ".", mode: wanted, seed, trust }) => {
    if (trust !== undefined) runProject(directory)
    session = {
      id: randomUUID(),
      version: 1,
      directory,
      by,
      history: seed === undefined ? [] : [{ role: "user", text: seed }]
    }
    mode = wanted as Mode
    save(session)
    return { session: session.id }
  },
  resume: ({ session: id = "", directory = ".", mode: wanted, trust }) => {
    if (!existsSync(fileOf(id))) return { error: "no-session" }
    const found: Session = JSON.parse(readFileSync(fileOf(id), "utf8"))
    if (dirname(found.directory) !== dirname(directory)) return { error: "other-project", from: found.directory }
    if (trust !== undefined) runProject(directory)
    session = found
    mode = wanted as Mode
    const from = found.directory
    found.directory = directory
    save(found)
    return { session: id, from }
  },
  turn: ({ turn: id = "", prompt = "", context }) => {
    if (turn !== undefined) return { error: "busy" }
    const now = turn = { id, stop: () => {}, stopped: false }
    if (context !== undefined) remember({ role: "user", text: context })
    const past = words(session?.history ?? []).join("\n")
    remember({ role: "user", text: prompt })
    void Promise.resolve().then(() => answer(now, prompt, past)).then((outcome) => {
      turn = undefined
      write({ event: "over", turn: id, outcome: now.stopped ? "stopped" : outcome })
    })
    return {}
  },
  fork: ({ turn: last }) => {
    const history = session?.history ?? []
    const end = last === undefined ? history.length : history.findLastIndex((entry) => entry.turn === last) + 1
    if (session === undefined || (last !== undefined && end === 0)) return { error: "no-turn" }
    const copy = { ...session, id: randomUUID(), history: history.slice(0, end) }
    save(copy)
    return { session: copy.id }
  },
  rewind: ({ turn: first }) => {
    const start = session?.history.findIndex((entry) => entry.turn === first) ?? -1
    if (session === undefined || start === -1) return { error: "no-turn" }
    for (const { path, text } of session.history.slice(start).toReversed()) {
      if (path === undefined) continue
      if (text === null) rmSync(path, { force: true })
      else writeFileSync(path, text)
    }
    session.history.length = start
    save(session)
    return {}
  },
  export: ({ since }) => {
    if (session === undefined) return { error: "no-session" }
    const { history, ...rest } = session
    const known = Number(since?.split(":")[0] ?? 0)
    const goesOn = since !== undefined && checkpoint(history.slice(0, known)) === since
    return {
      part: { ...rest, history: history.slice(goesOn ? known : 0) },
      checkpoint: checkpoint(history),
      ...(goesOn ? { since } : {})
    }
  },
  import: ({ session: id = "", parts = "[]" }) => {
    const read: Array<Session | null> = JSON.parse(parts)
    if (read.some((part) => !Array.isArray(part?.history))) return { error: "not-a-copy" }
    const last = read.at(-1)
    if (last === undefined || last === null) return { error: "not-a-copy" }
    save({ ...last, id, history: read.flatMap((part) => part?.history ?? []) })
    return {}
  },
  list: ({ after, directory, limit }) => {
    const all = readdirSync(folder).flatMap((file) => {
      if (!file.endsWith(".json")) return []
      const { by, directory: place, history, id }: Session = JSON.parse(readFileSync(join(folder, file), "utf8"))
      if (by !== undefined || (directory !== undefined && place !== directory)) return []
      const title = words(history)[0]
      const updatedAt = statSync(join(folder, file)).mtimeMs
      return [{ sessionId: id, directory: place, updatedAt, ...(title === undefined ? {} : { title }) }]
    }).toSorted((a, b) => b.updatedAt - a.updatedAt || (a.sessionId < b.sessionId ? -1 : 1))
    const start = after === undefined ? 0 : all.findIndex(({ sessionId }) => sessionId === after) + 1
    const sessions = all.slice(start, start + Number(limit))
    const last = sessions.at(-1)
    return { sessions, ...(last !== undefined && start + sessions.length < all.length ? { next: last.sessionId } : {}) }
  },
  stop: ({ turn: id }) => {
    if (turn === undefined || turn.id !== id) return {}
    turn.stopped = true
    turn.stop()
    return {}
  },
  answer: ({ request = "", answer = "" }) => {
    const done = waiting.get(request)
    if (done === undefined) return { error: "nobody-asked" }
    waiting.delete(request)
    done(answer)
    return {}
  }
}

mkdirSync(folder, { recursive: true })
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const request: Record<string, string> = JSON.parse(line)
    write({ id: request["id"], ...handle[request["do"] ?? ""]?.(request) })
  })
  .on("close", () => {
    turn?.stop()
    process.exit(0)
  })
