/**
 * A host process for tests: opens the store of the given file, leaves something open in it, says so in one line of
 * JSON, and waits to be killed.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { AgentEnvironment, AgentProcess } from "../../src/adapter/index.ts"
import { ItemId, RequestId, ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses, markerVariable } from "../../src/process/AgentProcesses.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as OtherMachine from "./OtherMachine.ts"
import {
  acceptedTurn,
  binding,
  commit,
  erased,
  first,
  instanceId,
  largeImage,
  message,
  numbered,
  openThread,
  pasted,
  turn,
  withStore
} from "./StoreFixture.ts"

const [filename = "", scenario = ""] = process.argv.slice(2)

/** One thread in the middle of a turn that waits for two answers, one whose turn may have been sent. */
const turns = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  yield* acceptedTurn("accepted", 1)
  const turnId = turn("accepted")
  const itemId = ItemId.make("item-1")
  const approval = (id: string) => ({
    _tag: "ApprovalRequested" as const,
    turnId,
    request: { requestId: RequestId.make(id), kind: "command" as const, subject: "rm -r build", itemId, detail: null }
  })
  yield* commit(numbered(2, [
    approval("answered"),
    approval("open"),
    { _tag: "ApprovalSettled", turnId, requestId: RequestId.make("answered"), by: "user" },
    { _tag: "QuestionAsked", turnId, request: { requestId: RequestId.make("question"), questions: [] } }
  ]))
  const other = ThreadId.make("thread-2")
  yield* openThread({ threadId: other })
  yield* store.recordIntent({
    turnId: turn("intent"),
    threadId: other,
    epoch: first,
    ref: "msg_1",
    input: { prompt: "do it" },
    at: 1500
  })
  return { live: binding().threadId }
})

const agentScript = `
  const { spawn } = require("node:child_process")
  process.on("SIGTERM", () => {})
  const tool = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log(1)"], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"]
  })
  tool.stdout.once("data", () => console.log(tool.pid))
  setInterval(() => {}, 1000)
`

/** An agent that does not end when it is told to, and a tool of it that left its process group. */
const agent = Effect.gen(function*() {
  const processes = yield* AgentProcesses
  const { marker, spawned } = yield* processes.record(instanceId)
  const child = spawn(process.execPath, ["-e", agentScript], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, [markerVariable]: marker }
  })
  const tool = yield* Effect.callback<number>((resume) => {
    child.stdout.once("data", (line) => resume(Effect.succeed(Number(line))))
  })
  yield* spawned(child.pid ?? 0)
  return { agent: child.pid, tool }
})

/** An agent in a folder of its own, whose host hangs before the process is noted. */
const unnoted = Effect.gen(function*() {
  const processes = yield* AgentProcesses
  const folder = yield* AgentEnvironment.privateFolder("unnoted-")
  const hanging = AgentProcesses.of({
    ...processes,
    record: (instanceId) =>
      Effect.map(processes.record(instanceId), (record) => ({
        ...record,
        spawned: (pid: number) => wait({ agent: pid, folder })
      }))
  })
  yield* AgentProcess.spawn({ instanceId, executable: "/bin/sleep", args: ["600"] }).pipe(
    Effect.provideService(AgentProcesses, hanging)
  )
})

/** An agent and a folder of its own on another machine, whose disk is beside the store's file. */
const elsewhere = Effect.gen(function*() {
  const folder = yield* AgentEnvironment.privateFolder("elsewhere-")
  const agent = yield* AgentProcess.spawn({ instanceId, executable: "/bin/sleep", args: ["600"] })
  return yield* wait({ agent: agent.pid, folder })
})

/** `Effect.never` alone does not keep a process alive. */
const stayAlive = Effect.callback<never>(() => {
  const timer = setInterval(() => {}, 60_000)
  return Effect.sync(() => clearInterval(timer))
})

const wait = (left: unknown) => Effect.andThen(Console.log(JSON.stringify(left)), stayAlive)

/** Deletes a large thread, and is killed by `kill -9` when a part of it is erased and the rest is not. */
const deletion = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  const count = 40
  for (let n = 1; n <= count; n++) {
    yield* commit(numbered(n, [message(`${erased} ${"x".repeat(300_000)}`)]), { flush: n === count })
  }
  const left = new DatabaseSync(filename).prepare("SELECT COUNT(*) AS events FROM eca_events")
  yield* Effect.forkChild(Effect.gen(function*() {
    for (;;) {
      const events = Number(left.get()?.["events"])
      if (events <= count - 10) {
        yield* Console.log(JSON.stringify({ events }))
        process.kill(process.pid, "SIGKILL")
      }
      yield* Effect.yieldNow
    }
  }))
  yield* store.deleteThread(binding().threadId)
})

/** Deletes a thread, and says in which files what it has said can still be read. */
const erasure = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  yield* commit(numbered(1, [message(erased)]))
  yield* store.deleteThread(binding().threadId)
  return ["", "-wal"].filter((suffix) => readFileSync(filename + suffix).includes(erased))
})

/** Writes a large image, and is killed by `kill -9` when a part of it is written. One that was written before stays. */
const image = Effect.gen(function*() {
  yield* openThread()
  const steered = (content: Uint8Array, after: number) => {
    const { blobs, input } = pasted(content)
    return commit(numbered(after, [{ _tag: "TurnSteered", turnId: turn("one"), input }]), { blobs, flush: true })
  }
  yield* steered(Buffer.from(erased), 1)
  const log = `${filename}-wal`
  const before = statSync(log).size
  yield* Effect.forkChild(Effect.gen(function*() {
    for (;;) {
      // What does not fit into SQLite's cache goes to the log before the commit.
      const written = statSync(log).size - before
      if (written > largeImage.length / 8) {
        yield* Console.log(JSON.stringify({ written }))
        process.kill(process.pid, "SIGKILL")
      }
      yield* Effect.yieldNow
    }
  }))
  yield* steered(largeImage, 2)
})

const scenarios: Readonly<Record<string, Effect.Effect<unknown, unknown, SessionStore | AgentProcesses>>> = {
  agent: Effect.scoped(Effect.flatMap(agent, wait)),
  unnoted: Effect.scoped(unnoted).pipe(Effect.provide(NodeServices.layer)),
  elsewhere: Effect.scoped(elsewhere).pipe(
    Effect.provide(Layer.provideMerge(OtherMachine.layer(dirname(filename)), NodeServices.layer))
  ),
  deletion,
  erasure: Effect.flatMap(erasure, wait),
  image
}

const run = scenarios[scenario] ?? Effect.flatMap(turns, wait)

Effect.runFork(withStore(filename, run))
