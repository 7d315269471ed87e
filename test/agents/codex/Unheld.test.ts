/** What is recorded and saved of a compaction of the real Codex that goes on because its hook was killed. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Layer, Stream } from "effect"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import { Codex } from "../../../src/codex/index.ts"
import {
  CodingAgents,
  InstanceId,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore
} from "../../../src/index.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import type { ProviderSession } from "../../../src/provider/ProviderAdapter.ts"
import { ModelReply, type ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, is, stored, threadId } from "../../support/Agents.ts"
import { killHooks } from "./ConformingCodex.ts"

/** The first call of a turn fills the context, so Codex compacts before the next one. */
const script: ModelScript.ModelScript = (request) => {
  if (request.lastUserText.includes("CONTEXT CHECKPOINT")) return ModelReply.text("A summary.")
  return request.lastUserText === "fill" && !request.afterToolResult
    ? { ...ModelReply.call("exec_command", { cmd: "true" }), usage: { input: 2_000_000, output: 10 } }
    : ModelReply.text("Done.")
}

interface Killing {
  readonly guard?: (kills: Effect.Effect<void>) => Effect.Effect<never>
  readonly session?: (session: ProviderSession, kills: Effect.Effect<void>) => Partial<ProviderSession>
}

/** A host on Codex, whose hook is killed by a guard, or as the history is read. */
const host = ({ guard, session }: Killing) =>
  Layer.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const model = yield* ScriptedModel.make(script)
    const processes = yield* Processes.make
    const kills = Effect.orDie(killHooks(processes))
    const codex = yield* Codex.make({
      isolated: { folder: yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-unheld-" })) },
      config: codexConfig(model),
      env: { ...processes.env, SCRIPTED_API_KEY: "scripted-key" }
    })
    const agent = Layer.effectDiscard(ProviderRegistry.register({
      ...codex,
      startSession: (input) => Effect.map(codex.startSession(input), (live) => ({ ...live, ...session?.(live, kills) }))
    }))
    const guards = guard === undefined
      ? Layer.empty
      : LifecycleHooks.guard({ name: "kills", events: ["compaction:before"], run: () => guard(kills) })
    return CodingAgents.layerService().pipe(
      Layer.provide(Layer.merge(agent, guards)),
      Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
      Layer.provideMerge(SessionStore.layerSqlite({ filename: ":memory:" }))
    )
  })).pipe(Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))

/** Of each compaction in turn: when its transcript was saved, and how it ended. */
const filled = Effect.gen(function*() {
  const agents = yield* ProviderService
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-unheld-" }))
  yield* agents.startSession({ threadId, instanceId: InstanceId.make("codex"), directory, runtimeMode: "full-access" })
  const turn = yield* agents.runTurn({ threadId, prompt: "fill" })
  assert.strictEqual(turn.text, "Done.")
  yield* awaitEvent((event): event is Extract<typeof event, { readonly _tag: "CompactionSettled" }> =>
    event._tag === "CompactionSettled" && event.outcome === "completed"
  )
  const events = yield* stored()
  const settled = events.filter(is("CompactionSettled"))
  assert.deepStrictEqual(events.filter(is("Warning")).map(({ code }) => code), ["compaction-unasked"])
  return events.filter(is("CompactionGated")).map(({ compactionId, snapshot }) => [
    snapshot?.timing,
    settled.find((event) => event.compactionId === compactionId)?.outcome
  ])
})

describe("a Codex whose hook is killed", () => {
  it.live(
    "P13 codex: what goes on without an answer is a compaction of its own, and what it asked about is cancelled",
    () =>
      Effect.gen(function*() {
        const [held, unheld] = yield* filled
        assert.deepStrictEqual(held, ["before", "cancelled"])
        assert.strictEqual(unheld?.[1], "completed")
        assert.include(["concurrent", "after"], unheld?.[0])
      }).pipe(Effect.provide(host({ guard: (kills) => Effect.andThen(kills, Effect.never) }))),
    60_000
  )

  it.live("P13 codex: the snapshot of a compaction that was over when the history was read says after", () => {
    const over = Deferred.makeUnsafe<void>()
    let reads = 0
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* filled, [["after", "completed"]])
      assert.strictEqual(reads, 2)
    }).pipe(Effect.provide(host({
      session: ({ events, history }, kills) => ({
        events: Stream.tap(
          events,
          (event) => event._tag === "CompactionCompleted" ? Deferred.succeed(over, undefined) : Effect.void
        ),
        history: Effect.suspend(() =>
          reads++ === 0 ? Effect.andThen(kills, Effect.never) : Effect.andThen(Deferred.await(over), history)
        )
      })
    })))
  }, 60_000)
})
