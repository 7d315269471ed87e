/** Starts of the Claude adapter that are settled before there is a process. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Path } from "effect"
import { execFileSync } from "node:child_process"
import { Claude } from "../../src/claude/index.ts"
import * as Portable from "../../src/claude/session/Portable.ts"
import { SessionId, ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { HostProcesses } from "../../src/process/HostProcesses.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

const sessionId = SessionId.make("0d9d4a58-8f5e-4ad1-a36a-3ac6a3d0c1a1")

const begin = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const config = yield* fs.makeTempDirectoryScoped({ prefix: "claude-config-" })
  for (const folder of ["sessions", "projects/one"]) yield* fs.makeDirectory(`${config}/${folder}`, { recursive: true })
  const start = Effect.fnUntraced(function*(from: StartInput["from"]) {
    const { startSession } = yield* Claude.make({ binary: "/not/there", env: { CLAUDE_CONFIG_DIR: config } })
    return yield* Effect.flip(Effect.scoped(startSession({
      threadId: ThreadId.make("thread"),
      directory: config,
      runtimeMode: "full-access",
      projectConfig: "ignore",
      from
    })))
  })
  return { fs, config, start, file: path.join(config, "projects", "one", `${sessionId}.jsonl`) }
})

describe("starts of Claude without a process", () => {
  it.live.skipIf(process.platform !== "linux")(
    "P8 claude: a session that another Claude works with is not replaced by a copy from elsewhere (SessionInUse), and is once that one has ended",
    () =>
      Effect.gen(function*() {
        const { config, file, fs, start } = yield* begin
        const { startTime } = yield* HostProcesses
        yield* fs.writeFileString(file, "what the other Claude has written\n")
        const procStart = Option.getOrThrow(yield* startTime(process.pid))
        const note = { pid: process.pid, sessionId, procStart, startedAt: 1 }
        yield* fs.writeFileString(`${config}/sessions/${process.pid}.json`, JSON.stringify(note))
        const bytes = new TextEncoder().encode("the copy\n")
        const copies = [Portable.copyOf({ sessionId, agentVersion: "2.1.332", bytes, since: undefined })]
        const refused = yield* start({ _tag: "Import", copies })
        assert.deepInclude(refused, { _tag: "SessionInUse", sessionId })
        assert.strictEqual(yield* fs.readFileString(file), "what the other Claude has written\n")
        yield* fs.remove(`${config}/sessions/${process.pid}.json`)
        yield* start({ _tag: "Import", copies })
        assert.strictEqual(yield* fs.readFileString(file), "the copy\n")
      }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.live.skipIf(process.platform === "win32")(
    "P15 claude: what is no id of a session is a missing session, and no file is read by its name",
    () =>
      Effect.gen(function*() {
        const { config, start } = yield* begin
        // Who reads it waits for ever.
        execFileSync("mkfifo", [`${config}/projects/trap.jsonl`])
        const refused = yield* start({ _tag: "Adopt", sessionId: SessionId.make("../trap") })
        assert.deepInclude(refused, { _tag: "SessionMissing", evidence: "not a UUID" })
      }).pipe(Effect.scoped, Effect.provide(services))
  )
})
