/** A subagent of the real program does no more than its session may. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { fileIn } from "../../../examples/support/FileIn.ts"
import { Acp, Qwen } from "../../../src/acp/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import type { ProjectConfig } from "../../../src/domain/ProjectConfig.ts"
import type { RuntimeMode } from "../../../src/domain/RuntimeMode.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { drive, items } from "../../support/Driven.ts"
import { World } from "../AcpWorld.ts"
import { optionsOf } from "./ConformingQwen.ts"

const delegate = (prompt: string, subagent_type: string) =>
  ModelReply.call("agent", { description: "Look", prompt, subagent_type, run_in_background: false })

const script: ModelScript.ModelScript = (request) => {
  const asks = (words: string) => request.lastUserText.includes(words)
  if (request.afterToolResult) return ModelReply.text("Done.")
  if (asks("write it")) return ModelReply.call("write_file", { file_path: fileIn(request, "made"), content: "x" })
  if (asks("have it written")) return delegate("write it", "general-purpose")
  return asks("have it written freely") ? delegate("write it", "free") : ModelReply.text("Done.")
}

const services = World.layer(script).pipe(
  Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
)

const free = "---\nname: free\ndescription: Does all\napprovalMode: yolo\n---\nDo it.\n"

const open = Effect.fnUntraced(
  function*(runtimeMode: RuntimeMode, projectConfig: ProjectConfig, files: Readonly<Record<string, string>> = {}) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "qwen-subagents-" }))
    for (const [name, text] of Object.entries(files)) {
      yield* fs.makeDirectory(path.dirname(path.join(directory, name)), { recursive: true })
      yield* fs.writeFileString(path.join(directory, name), text)
    }
    const { startSession } = yield* Acp.make({ ...optionsOf(yield* World), profile: Qwen.profile })
    const start = startSession({
      threadId: ThreadId.make("thread"),
      directory,
      runtimeMode,
      projectConfig,
      from: { _tag: "New" }
    })
    return { made: fs.exists(path.join(directory, "made")), start: Effect.flatMap(start, drive) }
  }
)

layer(services, { timeout: "120 seconds", excludeTestServices: true })("subagents of Qwen", (it) => {
  for (const runtimeMode of ["approval-required", "auto-accept-edits"] as const) {
    it.effect(`P7 qwen: in a trusted project no subagent is started in ${runtimeMode}, since it would write unasked`, () =>
      Effect.gen(function*() {
        const { made, start } = yield* open(runtimeMode, "trust", { ".qwen/agents/free.md": free })
        const driven = yield* start
        yield* driven.run("have it written")
        yield* driven.run("have it written freely")
        assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
        assert.deepStrictEqual(items(driven, "ToolCall").map(({ kind, status }) => [kind, status]), [
          ["subagent", "declined"],
          ["subagent", "declined"]
        ])
        assert.isFalse(yield* made)
      }).pipe(Effect.scoped))
  }

  it.effect("P7 qwen: in a project that is not trusted a subagent asks for what it writes", () =>
    Effect.gen(function*() {
      const { made, start } = yield* open("approval-required", "ignore")
      const driven = yield* start
      yield* driven.send("have it written")
      const { request: subagent } = yield* driven.next("ApprovalRequested")
      yield* driven.session.respondToApproval(subagent.requestId, { _tag: "AllowOnce" })
      const { request: change } = yield* driven.next("ApprovalRequested")
      assert.strictEqual(change.kind, "file-change")
      assert.isFalse(yield* made)
      yield* driven.session.respondToApproval(change.requestId, { _tag: "AllowOnce" })
      yield* driven.ending
      assert.isTrue(yield* made)
    }).pipe(Effect.scoped))

  it.effect("P7 qwen: in full-access a subagent writes, also in a trusted project", () =>
    Effect.gen(function*() {
      const { made, start } = yield* open("full-access", "trust")
      const driven = yield* start
      yield* driven.run("have it written")
      assert.isTrue(yield* made)
    }).pipe(Effect.scoped))

  it.effect("P17 qwen: a project that is not trusted and brings subagents is not started in (PolicyUnenforceable)", () =>
    Effect.gen(function*() {
      for (const projectConfig of ["ignore", "instructions"] as const) {
        const { start } = yield* open("approval-required", projectConfig, { ".qwen/agents/free.md": free })
        assert.strictEqual((yield* Effect.flip(start))._tag, "PolicyUnenforceable")
      }
    }).pipe(Effect.scoped))
})
