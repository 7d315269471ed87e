/**
 * As `FollowUpProcess.ts`, on Codex: `CodexFollowUpProcess.ts ours|raw FOLDER MODEL`. It prints the milliseconds until Codex
 * has the prompt, which is its answer to `turn/start` for both.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Layer } from "effect"
import { ProviderService, ThreadId } from "../../src/index.ts"
import * as CodexHost from "./CodexHost.ts"
import { millis } from "./Figure.ts"
import * as RawCodex from "./RawCodex.ts"

const [mode = "", folder = "", url = ""] = process.argv.slice(2)
const prompt = "hello"
const home = `${folder}/home`

const ours = Effect.gen(function*() {
  const threadId = ThreadId.make("thread")
  const took = yield* millis(Effect.gen(function*() {
    const host = yield* Layer.build(CodexHost.host(`${folder}/store.db`, CodexHost.options({ url }, home)))
    yield* ProviderService.use((agents) =>
      agents.sendTurn({ threadId, prompt }).pipe(
        Effect.catchTag("ThreadNotFound", () =>
          Effect.andThen(
            agents.startSession({
              threadId,
              instanceId: CodexHost.instanceId,
              directory: folder,
              runtimeMode: "full-access"
            }),
            agents.runTurn({ threadId, prompt })
          ))
      )
    ).pipe(Effect.provideContext(host))
  }))
  yield* Console.log(JSON.stringify({ accepted: took }))
  return yield* Effect.never
})

const raw = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const binary = yield* CodexHost.binary
  const known = `${folder}/session`
  const before = (yield* fs.exists(known)) ? yield* fs.readFileString(known) : undefined
  const startedAt = performance.now()
  const codex = yield* Effect.promise(() => RawCodex.start(binary, { url }, home))
  if (before === undefined) {
    const threadId = yield* Effect.promise(() => codex.startThread(folder))
    yield* Effect.promise(() => codex.runTurn(threadId, prompt))
    yield* fs.writeFileString(known, threadId)
  } else {
    yield* Effect.promise(() => codex.resumeThread(before, folder))
    yield* Effect.promise(() => codex.send(before, prompt))
  }
  yield* Console.log(JSON.stringify({ accepted: performance.now() - startedAt }))
  yield* Effect.promise(codex.close)
})

const program = Effect.gen(function*() {
  if (mode === "ours") return yield* ours
  yield* raw
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
