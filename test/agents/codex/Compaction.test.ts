/** Compactions that the real Codex begins, and what becomes of its hook. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Ref } from "effect"
import { dirname } from "node:path"
import * as AppServer from "../../../src/codex/process/AppServer.ts"
import * as Gate from "../../../src/codex/process/Gate.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { CompactionVerdict } from "../../../src/provider/ProviderAdapter.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { CodexSessions } from "./CodexSessions.ts"
import { killHooks } from "./ConformingCodex.ts"

/** The first call of a turn fills the context, so Codex compacts before the next one. */
const script: ModelScript.ModelScript = (request) => {
  if (request.lastUserText.includes("CONTEXT CHECKPOINT")) return ModelReply.text("A summary.")
  return request.lastUserText === "fill" && !request.afterToolResult
    ? { ...ModelReply.call("exec_command", { cmd: "true" }), usage: { input: 2_000_000, output: 10 } }
    : ModelReply.text("Done.")
}

layer(CodexSessions.layer({}, script), { timeout: "60 seconds", excludeTestServices: true })("compactions", (it) => {
  it.effect("P13 codex: a compaction waits for its gate, and one whose hook is killed is told as unheld", () =>
    Effect.gen(function*() {
      const { processes, start } = yield* CodexSessions
      const asked = yield* Deferred.make<void>()
      const gate = () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      const driven = yield* start({ runtimeMode: "full-access", compaction: { auto: true, gate } })
      yield* driven.send("fill")
      yield* Deferred.await(asked)
      yield* killHooks(processes)
      yield* Effect.repeat(driven.next("CompactionStarted"), { until: ({ unheld }) => unheld === true })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      const tags = driven.seen.map(({ _tag }) => _tag)
      assert.deepStrictEqual(tags.filter((tag) => tag.startsWith("Compaction")), [
        "CompactionStarted",
        "CompactionStarted",
        "CompactionCompleted"
      ])
    }))

  it.effect("P13 codex: a veto of Codex's own compaction ends the turn, and says why", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const gate = () => Effect.succeed<CompactionVerdict>({ _tag: "Veto", reason: "not now" })
      const driven = yield* start({ runtimeMode: "full-access", compaction: { auto: true, gate } })
      const ending = yield* driven.run("fill")
      assert.deepInclude({ ...ending }, { _tag: "TurnFailed", failure: { _tag: "ContextOverflow" } })
      assert.include(driven.seen.map(({ _tag }) => _tag), "CompactionFailed")
    }))

  it.effect("P13 codex: where Codex's hash of the hook is not the one that we expect, it is started with its own", () =>
    Effect.gen(function*() {
      const { directory, home, processes } = yield* CodexSessions
      const instanceId = InstanceId.make("hashed")
      const gate = yield* Gate.make(instanceId)
      yield* Ref.update(gate.trust, (trust) => ({ ...trust, hash: "sha256:0" }))
      const options = { isolated: { folder: dirname(home) }, env: processes.env }
      const server = yield* AppServer.start(instanceId, options, { gate, directory })
      assert.isTrue(yield* AppServer.isGated(server, gate, directory))
      const alive = (yield* processes.alive).filter(({ command }) => command.endsWith("app-server"))
      assert.strictEqual(alive.length, 1)
    }))
})
