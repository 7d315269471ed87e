/**
 * Notifications per second from an agent's stdout to a handler that decodes them: `StdioPeer` and a raw loop over the
 * same program's stdout, in turn. From the call to its answer, which comes after 200,000 of them; lost is what did not
 * come, or not whole. The goal is held against processor time of the reader, since two processes that hand 64 kB at a
 * time to each other mostly measure what else the machine does.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Option, Schema } from "effect"
import { spawn } from "node:child_process"
import { AgentProcess, AgentProcesses, PeerProtocol, StdioPeer } from "../src/adapter/index.ts"
import { InstanceId } from "../src/index.ts"
import { alternate, figure, millis } from "./support/Figure.ts"
import { script } from "./support/Script.ts"

const count = 200_000
const rounds = { warmup: 2, measured: 15 }

const Delta = Schema.decodeUnknownOption(Schema.Struct({
  threadId: Schema.String,
  turnId: Schema.String,
  itemId: Schema.String,
  delta: Schema.String
}))

/** The same of both: what an adapter does with a notification. */
const counter = () => {
  let seen = 0
  return {
    take: (method: string, params: unknown): void => {
      if (method === "item/agentMessage/delta" && Option.isSome(Delta(params))) seen++
    },
    seen: () => seen
  }
}

/** Lines per second of processor time, and beside it those per second that passed. */
const sampler = () => {
  const passed: Array<number> = []
  return {
    passed: () => passed.slice(rounds.warmup),
    take: <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        const before = process.cpuUsage()
        return Effect.map(millis(effect), (took) => {
          const { system, user } = process.cpuUsage(before)
          passed.push(count / took * 1000)
          return [count / (system + user) * 1e6]
        })
      })
  }
}

/** By hand: chunks as text, lines, `JSON.parse`, a map of open calls. */
const makeRaw = (take: (method: string, params: unknown) => void) => {
  const child = spawn(process.execPath, [script("PeerProcess")], { stdio: ["pipe", "pipe", "inherit"] })
  const calls = new Map<number, (result: unknown) => void>()
  let last = 0
  let rest = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const frame = JSON.parse(line)
      if (frame.method !== undefined) take(frame.method, frame.params)
      else {
        calls.get(frame.id)?.(frame.result)
        calls.delete(frame.id)
      }
    }
  })
  return {
    call: (method: string, params: object) =>
      new Promise((resolve) => {
        const id = ++last
        calls.set(id, resolve)
        child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
      }),
    close: () => child.kill("SIGKILL")
  }
}

const platform = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

export const measure = Effect.gen(function*() {
  const ours = counter()
  const raw = counter()
  const agent = yield* AgentProcess.spawn({
    instanceId: InstanceId.make("bench"),
    executable: process.execPath,
    args: [script("PeerProcess")]
  })
  const peer = yield* StdioPeer.make(agent, {
    protocol: PeerProtocol.jsonRpc({ version: false }),
    onNotification: ({ method, params }) => {
      ours.take(method, params)
      return Effect.void
    },
    onReport: Effect.die
  })
  const byHand = yield* Effect.acquireRelease(
    Effect.sync(() => makeRaw(raw.take)),
    ({ close }) => Effect.sync(close)
  )
  const a = sampler()
  const b = sampler()
  const samples = yield* alternate(
    rounds,
    a.take(peer.call("deltas", { count })),
    b.take(Effect.promise(() => byHand.call("deltas", { count })))
  )
  const all = count * (rounds.warmup + rounds.measured)
  const lost = Math.abs(all - ours.seen()) + Math.abs(all - raw.seen())
  return [
    figure({
      name: "notifications of an agent on stdio",
      unit: "lines per s of processor time",
      more: true,
      ours: samples.a,
      raw: samples.b,
      goal: { text: "0.9x of raw, none lost", met: ({ ratio }) => ratio >= 0.9 && lost === 0 }
    }),
    figure({
      name: "notifications of an agent on stdio, as time passed",
      unit: "lines/s",
      more: true,
      ours: a.passed(),
      raw: b.passed()
    })
  ]
}).pipe(Effect.provide(platform))
