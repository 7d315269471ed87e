/** A real OpenCode server with a scripted model in a third process, for us and for the raw loop alike. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { createOpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Effect, Layer, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { InstanceId } from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { authorization } from "../../src/opencode/server/Endpoint.ts"
import * as Server from "../../src/opencode/server/Server.ts"
import { AgentProcesses } from "../../src/store/index.ts"
import * as Host from "./Host.ts"
import * as MockHost from "./MockHost.ts"
import { script } from "./Script.ts"

export const instanceId = InstanceId.make("opencode")

/** URL of a model that serves as long as the scope is open. */
export const model = Effect.gen(function*() {
  const child = yield* ChildProcess.make(process.execPath, [script("ModelProcess")], { stderr: "inherit" })
  const url = yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )
  return { url }
}).pipe(Effect.provide(NodeServices.layer))

const limit = { context: 10_000_000, output: 4_096 }

/** What a server of the benchmark is started with. `folder` is its home, which outlives it. */
export const managed = (model: { readonly url: string }, folder: string) => ({
  isolated: { folder },
  stopDeadline: "3 seconds" as const,
  config: openCodeConfig(model, limit)
})

/** A running server and a client of the raw SDK. */
export const server = Effect.gen(function*() {
  const directory = yield* MockHost.folder
  const home = yield* MockHost.folder
  const options = managed(yield* model, home)
  const running = yield* Server.managed({ instanceId, ...options })
  const client = createOpencodeClient({ baseUrl: running.baseUrl, directory, headers: authorization(running) })
  return { directory, running, client }
}).pipe(Effect.provide(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))

/** The whole library on an OpenCode adapter, with its store in a file. */
export const host = (filename: string, options: OpenCode.Options) => Host.layer(OpenCode.layer(options), filename)

export const newThread = Host.newThread(instanceId, "bench")
