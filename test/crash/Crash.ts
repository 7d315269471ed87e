/**
 * Kills hosts: each goes on with the conversation of the one before, works, and dies (SIGKILL) at a random point of its
 * turn. With several agents each host goes on with any of them, so that the thread is swapped. What must hold is checked after every boot, at the host, at the model and in the process table.
 */
import { Effect, FileSystem, Path, Queue, Schedule, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { execPath, kill } from "node:process"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { questionsIn, said, wordsOf } from "../../examples/continuity/History.ts"
import * as Processes from "../../examples/support/Processes.ts"
import { isTerminal, type ThreadEvent, ThreadId } from "../../src/index.ts"
import { ModelReply, type ModelRequest, ScriptedModel } from "../../src/testing/index.ts"
import * as ChildScript from "../support/ChildScript.ts"
import * as Agents from "./Agents.ts"
import * as Plan from "./Plan.ts"
import { type Line, LineText, Task } from "./Protocol.ts"

export interface Options {
  readonly cycles: number
  readonly seed: number
  readonly agents: ReadonlyArray<Agents.Name>
  /** Told of each host that was killed. */
  readonly progress?: ((text: string) => Effect.Effect<void>) | undefined
}

export interface Summary {
  readonly seed: number
  readonly kills: Readonly<Record<Plan.Point, number>>
  /** How often a thread was followed up in each way. */
  readonly continuities: Readonly<Record<string, number>>
  readonly turns: number
  readonly endings: Readonly<Record<string, number>>
  /** Processes that outlived their host and were ended by the next boot. */
  readonly orphansEnded: number
  /** What must not happen; empty if all is well. */
  readonly broken: ReadonlyArray<string>
}

/** A thread is left alone after so many hosts, so that the conversation stays short enough for a fast run. */
const hostsPerThread = 20

export const run = Effect.fn("Crash.run")(function*({ agents, cycles, progress, seed }: Options) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "crash-" }).pipe(Effect.flatMap(fs.realPath))
  const directory = path.join(folder, "workspace")
  const temporary = path.join(folder, "tmp")
  yield* fs.makeDirectory(directory)
  yield* fs.makeDirectory(temporary)
  const store = path.join(folder, "threads.db")
  const processes = yield* Processes.make
  const bystander = yield* ChildScript.idle()
  const toolStarted = path.join(directory, "started")
  const binaries = yield* Agents.binaries(agents)
  const plan = Plan.make(cycles, seed, agents)
  /** The last host has nothing left to be killed at, and goes on with the first agent. */
  const agentOf = (cycle: number) => plan[cycle]?.agent ?? agents[0] ?? "opencode"

  const model = yield* ScriptedModel.make((request) => {
    const cycle = Number(/^work (\d+)$/.exec(asked(request))?.[1])
    const kill = plan[cycle]
    if (kill === undefined || request.afterToolResult) return ModelReply.text(`echo: ${asked(request)}`)
    const endless = `echo > ${toolStarted}; exec sleep 600`
    return Agents.runs[kill.agent](kill.point === "tool" ? endless : "echo quick")
  })

  const broken: Array<string> = []
  const kills: Record<Plan.Point, number> = { start: 0, send: 0, model: 0, tool: 0, result: 0, end: 0 }
  const endings: Record<string, number> = {}
  const seen = new Map<ThreadId, Array<ThreadEvent>>()
  const continuities: Record<string, number> = {}
  /** The session of each thread at each agent. */
  const sessions = new Map<ThreadId, Map<Agents.Name, string>>()
  /** The agent that has the thread; not known once a host is killed while it starts one. */
  let holder: Agents.Name | undefined
  let orphansEnded = 0
  let left: ReadonlyArray<number> = []
  let leftFolders: ReadonlyArray<string> = []
  /** Where servers keep what is theirs alone. */
  const privateFolders = Effect.map(
    fs.readDirectory(temporary),
    (names) => names.filter((name) => name.startsWith("effect-coding-agents-opencode-"))
  )

  const threadOf = (cycle: number) => ThreadId.make(`thread-${Math.floor(cycle / hostsPerThread)}`)

  /** One host, until `during` is done with it; then it is killed. */
  const host = Effect.fnUntraced(function*<A, E, R>(
    cycle: number,
    work: boolean,
    during: (lines: Lines) => Effect.Effect<A, E, R>
  ) {
    const inspect = threadOf(Math.max(0, cycle - 1))
    const task = yield* Effect.orDie(
      Schema.encodeEffect(Task)({
        store,
        homes: path.join(folder, "homes"),
        model: model.url,
        directory,
        threadId: threadOf(cycle),
        agents,
        agent: agentOf(cycle),
        inspect: { threadId: inspect, after: seen.get(inspect)?.length ?? 0 },
        follow: `follow ${cycle}`,
        ...(work ? { work: `work ${cycle}` } : {})
      })
    )
    const handle = yield* ChildProcess.make(execPath, [fileURLToPath(new URL("host.ts", import.meta.url)), task], {
      env: { ...processes.env, ...binaries, TMPDIR: temporary },
      extendEnv: true,
      stdin: "ignore",
      stderr: "pipe",
      forceKillAfter: "20 seconds"
    })
    let said = ""
    yield* Stream.decodeText(handle.stderr).pipe(
      Stream.runForEach((text) => Effect.sync(() => void (said = (said + text).slice(-4000)))),
      Effect.ignore,
      Effect.forkScoped
    )
    const lines = yield* handle.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      // A host that is killed while it writes leaves half a line, which says nothing.
      Stream.flatMap((line) =>
        Schema.decodeEffect(LineText)(line).pipe(
          Stream.fromEffect,
          Stream.catch(() => Stream.drain(Stream.sync(() => void (said += `no line of a host: ${line}\n`))))
        )
      ),
      Stream.toQueue({ capacity: "unbounded" })
    )
    const next: Lines["next"] = (tag) =>
      Queue.take(lines).pipe(
        Effect.catch(() => Effect.die(new Error(`host ${cycle} ended by itself before ${tag}:\n${said}`))),
        Effect.filterOrElse(is(tag), () => next(tag)),
        Effect.timeoutOrElse({
          duration: "2 minutes",
          orElse: () => Effect.die(new Error(`host ${cycle} never came to ${tag}:\n${said}`))
        })
      )
    yield* inspectBoot(cycle, inspect, yield* next("Booted"))
    yield* during({ next })
    if (!work) return void (yield* Effect.ignore(handle.exitCode))
    const running = (yield* processes.alive).map(({ pid }) => pid).filter((pid) => pid !== handle.pid)
    yield* Effect.sync(() => kill(handle.pid, "SIGKILL"))
    yield* Effect.ignore(handle.exitCode)
    // The server may be starting a command in this moment, so what counts is what is there once the host is gone.
    left = Array.from(new Set([...running, ...(yield* processes.alive).map(({ pid }) => pid)]))
    leftFolders = yield* privateFolders
    recycle(store, bystander.pid)
  }, Effect.scoped)

  /** The host before was killed; its successor has opened the store. */
  const inspectBoot = Effect.fnUntraced(function*(
    cycle: number,
    threadId: ThreadId,
    booted: Extract<Line, { readonly _tag: "Booted" }>
  ) {
    const alive = new Set((yield* processes.alive).map(({ pid }) => pid))
    const orphans = left.filter((pid) => alive.has(pid))
    if (orphans.length > 0) broken.push(`host ${cycle}: processes ${orphans.join(", ")} of the one before still run`)
    orphansEnded += left.length - orphans.length
    left = []
    if (!isAlive(bystander.pid)) broken.push(`host ${cycle}: ended a process that is not ours`)
    const folders = yield* privateFolders
    if (leftFolders.some((name) => folders.includes(name))) {
      broken.push(`host ${cycle}: the private folder of a dead server is still there`)
    }
    for (const [agent, sessionId] of sessions.get(threadId) ?? []) {
      const cursor = booted.cursors[agent] ?? "nothing"
      if (!cursor.includes(sessionId)) {
        broken.push(`host ${cycle}: the cursor of ${agent} points to ${cursor}, not to ${sessionId}`)
      }
    }
    const events = [...seen.get(threadId) ?? [], ...booted.events]
    seen.set(threadId, events)
    events.forEach(({ seq }, index) => {
      if (seq !== index + 1) broken.push(`host ${cycle}: event ${index + 1} of ${threadId} has the number ${seq}`)
    })
    for (const turnId of startedTurns(booted.events)) {
      const ends = events.filter((event) => isTerminal(event) && event.turnId === turnId)
      if (ends.length !== 1) broken.push(`host ${cycle}: turn ${turnId} has ${ends.length} ends`)
      for (const end of ends) endings[end._tag] = (endings[end._tag] ?? 0) + 1
    }
  })

  const followed = Effect.fnUntraced(function*(cycle: number, lines: Lines) {
    const threadId = threadOf(cycle)
    const { continuity, sessionId } = yield* lines.next("Followed")
    const agent = agentOf(cycle)
    const ofThread = sessions.get(threadId) ?? new Map<Agents.Name, string>()
    const completed = completedPrompts(seen.get(threadId) ?? [])
    // Killed in the middle of a swap, the thread is with the agent that it had or with the next.
    const fitting = ofThread.has(agent)
      ? holder === agent ? ["Resumed"] : ["Resumed", "Returned"]
      : completed.length > 0
      ? ["Resumed", "Returned", "Rehydrated"]
      : undefined
    if (fitting !== undefined && !fitting.includes(continuity)) {
      broken.push(`host ${cycle}: the session of ${agent} was ${continuity}, not ${fitting.join(" or ")}`)
    }
    continuities[continuity] = (continuities[continuity] ?? 0) + 1
    sessions.set(threadId, ofThread.set(agent, sessionId))
    const request = yield* model.awaitRequest((request) => asked(request) === `follow ${cycle}`)
    const prompts = questionsIn(said(request)).flatMap(promptsIn)
    // What the store says was delivered is in the provider's history, and nothing is in it twice.
    const twice = prompts.filter((prompt, index) => prompts.indexOf(prompt) !== index)
    if (twice.length > 0) broken.push(`host ${cycle}: delivered twice: ${twice.join(", ")}`)
    const missing = completed.filter((prompt) => !prompts.includes(prompt))
    if (missing.length > 0) broken.push(`host ${cycle}: the model does not know of ${missing.join(", ")}`)
  })

  for (const [cycle, { after, point }] of plan.entries()) {
    yield* Effect.ignore(fs.remove(toolStarted))
    const reached = (afterToolResult: boolean) =>
      model.awaitRequest((request) => asked(request) === `work ${cycle}` && request.afterToolResult === afterToolResult)
    const reach: Readonly<Record<Plan.Point, (lines: Lines) => Effect.Effect<unknown>>> = {
      start: () => Effect.void,
      send: (lines) => lines.next("Working"),
      model: () => reached(false),
      tool: () =>
        Effect.repeat(Effect.orElseSucceed(fs.exists(toolStarted), () => false), {
          until: (there) => there,
          schedule: Schedule.spaced("10 millis")
        }),
      result: () => reached(true),
      end: (lines) => lines.next("Ended")
    }
    yield* host(cycle, true, (lines) =>
      (point === "start" ? Effect.void : followed(cycle, lines)).pipe(
        Effect.andThen(Effect.timeoutOrElse(reach[point](lines), {
          duration: "1 minute",
          orElse: () => Effect.die(new Error(`host ${cycle} never came to ${point}`))
        })),
        Effect.andThen(Effect.sleep(after))
      ))
    kills[point]++
    holder = point === "start" ? undefined : agentOf(cycle)
    if (progress !== undefined) {
      yield* progress(
        `${cycle + 1}/${cycles} ${
          agentOf(cycle)
        } killed at ${point} + ${after} ms, ${left.length} left, ${broken.length} broken`
      )
    }
  }
  yield* host(cycles, false, (lines) => followed(cycles, lines))

  const requests = (yield* model.requests).filter(({ afterToolResult }) => !afterToolResult)
  const counts = new Map<string, number>()
  for (const request of requests.filter((request) => /^(follow|work) \d+$/.test(asked(request)))) {
    counts.set(asked(request), (counts.get(asked(request)) ?? 0) + 1)
  }
  for (const [prompt, count] of counts) {
    if (prompt !== "" && count > 1) broken.push(`"${prompt}" reached the model ${count} times`)
  }
  const still = yield* processes.alive
  if (still.length > 0) broken.push(`left behind: ${still.map(({ command, pid }) => `${pid} ${command}`).join("; ")}`)
  const turns = Array.from(seen.values()).flatMap(startedTurns).length
  const summary: Summary = { seed, kills, continuities, turns, endings, orphansEnded, broken }
  return summary
}, Effect.scoped)

interface Lines {
  /** The next line of this kind; others are passed over. */
  readonly next: <Tag extends Line["_tag"]>(tag: Tag) => Effect.Effect<Extract<Line, { readonly _tag: Tag }>>
}

const is = <Tag extends Line["_tag"]>(tag: Tag) => (line: Line): line is Extract<Line, { readonly _tag: Tag }> =>
  line._tag === tag

/** Qwen makes one message of a prompt that was never answered and the next. */
const promptsIn = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => isPrompt.test(line))

const isPrompt = /^(follow|work) \d+$/

/** The prompt of the turn that the request belongs to; empty if it is the agent's own. */
const asked = (request: ModelRequest): string => promptsIn(wordsOf(request.lastUserText)).at(-1) ?? ""

const completedPrompts = (events: ReadonlyArray<ThreadEvent>) => {
  const completed = new Set(events.flatMap((event) => event._tag === "TurnCompleted" ? event.turnId : []))
  return events.flatMap((event) =>
    event._tag === "TurnStarted" && completed.has(event.turnId) ? event.input.prompt : []
  )
}

const startedTurns = (events: ReadonlyArray<ThreadEvent>) =>
  events.flatMap((event) => event._tag === "TurnStarted" ? event.turnId : [])

/** As if the system had given the id of a dead agent to somebody else: recorded with another start time. */
const recycle = (store: string, pid: number) => {
  const db = new DatabaseSync(store)
  db.prepare(
    `INSERT INTO eca_processes (marker, instance_id, host, boot, pid, start_time)
      SELECT 'recycled-' || marker, instance_id, host, boot, ?, start_time FROM eca_processes
      WHERE true ON CONFLICT (marker) DO NOTHING`
  ).run(pid)
  db.close()
}

const isAlive = (pid: number) => {
  try {
    return kill(pid, 0)
  } catch {
    return false
  }
}
