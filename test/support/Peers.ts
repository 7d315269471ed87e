/** Peers of real processes: the program `PeerChild.ts`, and what came from it, in order. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Queue } from "effect"
import { fileURLToPath } from "node:url"
import { AgentProcess, AgentProcesses, PeerProtocol, StdioPeer } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/protocol.ts"

export const instanceId = InstanceId.make("peer")

/** No process is recorded; each ends with its Scope. */
export const layer = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

export const protocol = PeerProtocol.jsonRpc({ version: false, cancel: { method: "$/cancel", id: "requestId" } })

export type Came = PeerProtocol.Notification | StdioPeer.Report

export const spawn = (args: ReadonlyArray<string>, options: Partial<AgentProcess.Options> = {}) =>
  AgentProcess.spawn({ instanceId, executable: process.execPath, args, stopDeadline: "1 second", ...options })

export const over = Effect.fnUntraced(function*(stdio: StdioPeer.Stdio, options: Partial<StdioPeer.Options> = {}) {
  const came = yield* Queue.unbounded<Came>()
  const peer = yield* StdioPeer.make(stdio, {
    protocol,
    onNotification: (notification) => Queue.offer(came, notification),
    onReport: (report) => Queue.offer(came, report),
    ...options
  })
  return { ...peer, came, next: Queue.take(came) }
})

export const child = fileURLToPath(new URL("./PeerChild.ts", import.meta.url))

/** `mode` is one of the program's own. */
export const start = Effect.fnUntraced(function*(options: Partial<StdioPeer.Options> = {}, mode = "") {
  // Stopping it gives it a second to end by itself.
  const agent = yield* spawn([child, mode], { beforeStop: mode === "ends" ? Effect.never : Effect.void })
  return { agent, ...yield* over(agent, options) }
})

/** Makes the program write these bytes, chunk by chunk. */
export const raw = (chunks: ReadonlyArray<string | Uint8Array>) => ({
  chunks: chunks.map((chunk) => Buffer.from(chunk).toString("base64"))
})
