/**
 * A host that sends one prompt to a conversation that was there before: `FollowUpProcess.ts ours|raw FOLDER MODEL`. It
 * prints, as JSON, milliseconds from where it begins (all is imported by then): `answered` when the sending call returns,
 * `stored` when the agent is known to have the prompt. For `ours` that is one and the same. `ours` then waits to be
 * killed; `raw` stops its server in good order.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { createOpencodeClient, type OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Console, Effect, FileSystem, Layer } from "effect"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { authorization } from "../../src/opencode/server/Endpoint.ts"
import * as Server from "../../src/opencode/server/Server.ts"
import { AgentProcesses } from "../../src/store/index.ts"
import { millis } from "./Figure.ts"
import * as OpenCodeHost from "./OpenCodeHost.ts"

const [mode = "", folder = "", url = ""] = process.argv.slice(2)
const options = OpenCodeHost.managed({ url }, `${folder}/home`)
const prompt = "hello"

const ours = Effect.gen(function*() {
  const threadId = ThreadId.make("thread")
  const took = yield* millis(Effect.gen(function*() {
    const host = yield* Layer.build(OpenCodeHost.host(`${folder}/store.db`, options))
    yield* ProviderService.use((agents) =>
      agents.sendTurn({ threadId, prompt }).pipe(
        Effect.catchTag("ThreadNotFound", () =>
          Effect.andThen(
            agents.startSession({ threadId, instanceId: OpenCodeHost.instanceId, directory: folder, title: "bench" }),
            agents.sendTurn({ threadId, prompt })
          ))
      )
    ).pipe(Effect.provideContext(host))
  }))
  yield* Console.log(JSON.stringify({ answered: took, stored: took }))
  return yield* Effect.never
})

/** `promptAsync` answers before anything is stored (OpenCode 1.18.33); the message's own frame is the acceptance. */
const promptUntilStored = async (client: OpencodeClient, sessionID: string) => {
  const abort = new AbortController()
  const { stream } = await client.event.subscribe({}, { signal: abort.signal })
  // The server's greeting: from here on nothing is missed.
  await stream.next()
  await client.session.promptAsync({ sessionID, parts: [{ type: "text", text: prompt }] }, { throwOnError: true })
  const answeredAt = performance.now()
  for await (const event of stream) {
    if (event.type !== "message.updated" || event.properties.sessionID !== sessionID) continue
    if (event.properties.info.role === "user") break
  }
  abort.abort()
  return answeredAt
}

const raw = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const known = `${folder}/session`
  const startedAt = performance.now()
  let answered = 0
  const stored = yield* millis(Effect.gen(function*() {
    const running = yield* Server.managed({ instanceId: OpenCodeHost.instanceId, ...options })
    const client = createOpencodeClient({
      baseUrl: running.baseUrl,
      directory: folder,
      headers: authorization(running)
    })
    const before = (yield* fs.exists(known)) ? yield* fs.readFileString(known) : undefined
    const { data } = yield* Effect.promise(() =>
      before === undefined
        ? client.session.create({ title: "bench" }, { throwOnError: true })
        : client.session.get({ sessionID: before }, { throwOnError: true })
    )
    yield* fs.writeFileString(known, data.id)
    answered = (yield* Effect.promise(() => promptUntilStored(client, data.id))) - startedAt
  }))
  yield* Console.log(JSON.stringify({ answered, stored }))
}).pipe(Effect.provide(AgentProcesses.layerNoop))

const program = Effect.gen(function*() {
  if (mode === "ours") return yield* ours
  yield* raw
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
