/** Supervised modes hold on the real Grok, which by itself asks for little: a hook of ours has it ask. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { Acp, Grok } from "../../../src/acp/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { drive, type Driven, items } from "../../support/Driven.ts"
import { World } from "../AcpWorld.ts"
import { config, optionsOf } from "./ConformingGrok.ts"

const script: ModelScript.ModelScript = (request) => {
  const asks = (words: string) => request.lastUserText.includes(words)
  if (request.afterToolResult) return ModelReply.text("Done.")
  if (asks("touch")) return ModelReply.call("run_terminal_command", { command: "touch made", description: "as asked" })
  if (asks("read")) return ModelReply.call("read_file", { target_file: "there" })
  return asks("delegate")
    ? ModelReply.call("spawn_subagent", { description: "it", subagent_type: "general-purpose", prompt: "touch" })
    : ModelReply.text("Done.")
}

const services = World.layer(script).pipe(
  Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
)

/** In a home whose settings allow everything. */
const start = Effect.fnUntraced(function*(runtimeMode: "read-only" | "approval-required") {
  const world = yield* World
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "grok-gate-" }))
  yield* fs.writeFileString(path.join(directory, "there"), "walnut")
  const free = "[ui]\npermission_mode = \"always-approve\"\n[permission]\nallow = [\"Bash(*)\"]\n"
  const { startSession } = yield* Acp.make({
    profile: Grok.profile,
    ...optionsOf(world),
    isolated: { folder: world.home, files: { "grok/config.toml": config(world.model.url) + free } }
  })
  const driven = yield* startSession({
    threadId: ThreadId.make("thread"),
    directory,
    runtimeMode,
    projectConfig: "ignore",
    from: { _tag: "New" }
  }).pipe(Effect.flatMap(drive))
  return { driven, made: fs.exists(path.join(directory, "made")) }
})

const asked = ({ seen }: Driven) => seen.filter(({ _tag }) => _tag === "ApprovalRequested").length

layer(services, { timeout: "120 seconds", excludeTestServices: true })("Grok's supervised modes", (it) => {
  it.effect("P7 grok: what it would run unasked waits for an approval, whatever the user's settings allow", () =>
    Effect.gen(function*() {
      const { driven, made } = yield* start("approval-required")
      yield* driven.send("touch")
      const { request } = yield* driven.next("ApprovalRequested")
      assert.deepInclude(request, { kind: "command", subject: "touch made" })
      assert.isFalse(yield* made)
      yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
      yield* driven.ending
      assert.isTrue(yield* made)
    }).pipe(Effect.scoped))

  it.effect("P7 grok: in read-only it reads, and runs nothing, also by a subagent", () =>
    Effect.gen(function*() {
      const { driven, made } = yield* start("read-only")
      yield* driven.run("read")
      assert.include(JSON.stringify(items(driven, "ToolCall").at(-1)), "walnut")
      yield* driven.run("touch")
      yield* driven.run("delegate")
      assert.strictEqual(asked(driven), 0)
      assert.isFalse(yield* made)
      assert.deepStrictEqual(items(driven, "Command").map(({ status }) => status), ["declined"])
      assert.strictEqual(items(driven, "ToolCall").at(-1)?.status, "failed")
    }).pipe(Effect.scoped))
})
