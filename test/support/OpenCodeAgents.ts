/**
 * The whole library on the real OpenCode: the service, a store in a real file, a server in folders of its own, and a
 * scripted model. What a test needs to see is in `Agents`; here is what only a real agent has.
 *
 * A server takes a second to start and about 500 MB, so tests of a file share a host and bring a thread each.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { createOpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Effect, FileSystem, Layer, Path } from "effect"
import { SqlClient } from "effect/sql"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import type { HookError } from "../../src/hooks/index.ts"
import {
  CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore,
  ThreadId
} from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { ModelReply, type ModelRequest, ModelScript, ScriptedModel } from "../../src/testing/index.ts"

export const opencode = InstanceId.make("opencode")

/** Calls the tool, and ends the turn with a text once there is a result. */
export const thenSay = (tool: ModelReply.Reply, text = "done"): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text(text) : tool

/** Runs a command in the agent's shell. */
export const bash = (command: string): ModelScript.ModelScript =>
  thenSay(ModelReply.call("bash", { command, description: "A command" }))

/** What was said before the last message of the user, in order: `role: text`. Tools are `tool`. */
export const history = (request: ModelRequest | undefined): ReadonlyArray<string> => {
  const said = (request?.messages ?? []).filter((message) => message.role !== "system")
  return said.slice(0, said.findLastIndex((message) => message.role === "user")).map((message) =>
    `${message.role}: ${message.text}`
  )
}

export interface ServiceOptions {
  readonly filename: string
  readonly settings?: CodingAgents.Settings | undefined
  readonly hooks?: ReadonlyArray<Layer.Layer<never, HookError, LifecycleHooks>> | undefined
}

/** A service with a store of its own, on agents that others share. Closing its scope is an orderly shutdown. */
export const service = (options: ServiceOptions) =>
  CodingAgents.layerService(options.settings).pipe(
    Layer.provideMerge(
      Layer.orDie(SessionStore.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: options.filename }))))
    ),
    Layer.fresh
  )

export type AgentOptions = Partial<OpenCode.Managed> | OpenCode.External

export interface HostOptions extends ServiceOptions {
  readonly agent?: AgentOptions | undefined
  /** Of the scripted model, in dollars per million tokens. Default: it is free. */
  readonly cost?: { readonly input: number; readonly output: number } | undefined
}

/** One host with an agent of its own, on the scripted model of whoever asks. */
export const host = (options: HostOptions) =>
  CodingAgents.layerService(options.settings).pipe(
    Layer.provide(Layer.orDie(Layer.mergeAll(Layer.empty, ...options.hooks ?? []))),
    Layer.provide(Layer.orDie(Layer.unwrap(Effect.map(ScriptedModel, (model) =>
      OpenCode.layer(
        options.agent !== undefined && "baseUrl" in options.agent
          ? { projectConfig: "trust", ...options.agent }
          : {
            isolated: true,
            stopDeadline: "3 seconds",
            ...options.agent,
            config: { ...openCodeConfig(model, undefined, options.cost), ...options.agent?.config }
          }
      ))))),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(
      Layer.orDie(SessionStore.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: options.filename }))))
    ),
    Layer.provideMerge(NodeServices.layer),
    Layer.fresh
  )

/** A host with a model of its own and a store in a folder that is removed afterwards: what a file's tests share. */
export const layer = (options: Omit<HostOptions, "filename"> = {}) =>
  Layer.unwrap(Effect.gen(function*() {
    const path = yield* Path.Path
    return host({ ...options, filename: path.join(yield* folder, "threads.db") })
  })).pipe(Layer.provideMerge(ScriptedModel.layer()), Layer.provideMerge(NodeServices.layer), Layer.orDie)

/** A folder that is gone after the test, by its real path. */
export const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "opencode-promises-" }))
})

let threads = 0

export const nextThreadId = () => ThreadId.make(`thread-${++threads}`)

/** Starts a thread of the test's own, in a folder of its own. */
export const start = Effect.fnUntraced(function*(
  options: Partial<Parameters<ProviderService["Service"]["startSession"]>[0]> = {}
) {
  const agents = yield* ProviderService
  const directory = options.directory ?? (yield* folder)
  const threadId = options.threadId ?? nextThreadId()
  const info = yield* agents.startSession({ instanceId: opencode, title: "test", ...options, threadId, directory })
  return { ...info, directory, threadId }
})

/** A running server as this user can reach it behind the library's back: from its arguments and its environment. */
export const reach = Effect.fnUntraced(function*(pid: number) {
  const fs = yield* FileSystem.FileSystem
  const read = (name: string) => Effect.map(fs.readFileString(`/proc/${pid}/${name}`), (text) => text.split("\0"))
  const command = yield* read("cmdline")
  const password = (yield* read("environ")).find((entry) => entry.startsWith(passwordVariable))
    ?.slice(passwordVariable.length) ?? ""
  const baseUrl = `http://127.0.0.1:${command[command.indexOf("--port") + 1]}`
  const authorization = `Basic ${Buffer.from(`opencode:${password}`).toString("base64")}`
  const client = (directory: string) => createOpencodeClient({ baseUrl, directory, headers: { authorization } })
  return { pid, baseUrl, password, client }
})

/** The server that the store has recorded last. */
export const hands = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly pid: number }>`SELECT pid FROM eca_processes`
  return yield* reach(Number(rows.at(-1)?.pid))
})

const passwordVariable = "OPENCODE_SERVER_PASSWORD="

/** Sends a signal to a process; nothing happens if there is none. */
export const signal = (pid: number, name: NodeJS.Signals) => Effect.ignore(Effect.try(() => process.kill(pid, name)))
