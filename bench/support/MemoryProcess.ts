/** A host with the library on a running server: `MemoryProcess.ts FOLDER BASE-URL`, the password in `PASSWORD`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Context, Effect, Layer, Redacted } from "effect"
import { ProviderService } from "../../src/index.ts"
import * as Memory from "./Memory.ts"
import * as OpenCodeHost from "./OpenCodeHost.ts"

const [folder = "", baseUrl = ""] = process.argv.slice(2)
const password = Redacted.make(process.env["PASSWORD"] ?? "")

const program = Effect.gen(function*() {
  const empty = Memory.resident()
  const host = yield* Layer.build(
    OpenCodeHost.host(`${folder}/store.db`, { baseUrl, password, projectConfig: "trust" })
  )
  const agents = Context.get(host, ProviderService)
  const newThread = Effect.provideContext(OpenCodeHost.newThread(folder), host)
  const threads: Array<Effect.Success<typeof newThread>> = []
  const { concurrency } = Memory
  const run = Effect.runPromiseWith(host)
  const measured = yield* Effect.promise(() =>
    Memory.measure({
      empty,
      startSessions: () =>
        run(Effect.forEach(
          Array.from({ length: Memory.sessions }),
          () => Effect.map(newThread, (threadId) => threads.push(threadId)),
          { concurrency, discard: true }
        )),
      turnOfEach: () =>
        run(
          Effect.forEach(threads, (threadId) => agents.runTurn({ threadId, prompt: "hello" }), {
            concurrency,
            discard: true
          })
        )
    })
  )
  yield* Console.log(JSON.stringify(measured))
})

NodeRuntime.runMain(Effect.scoped(program))
