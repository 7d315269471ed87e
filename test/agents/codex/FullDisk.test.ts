/** What the whole library makes of a real Codex whose disk is full. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer } from "effect"
import { kill } from "node:process"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import { Codex } from "../../../src/codex/index.ts"
import * as Binary from "../../../src/codex/process/Binary.ts"
import { CodingAgents, InstanceId, ProviderService, SessionStore } from "../../../src/index.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, endings, folder, is, stored, threadId } from "../../support/Agents.ts"
import * as OwnDisk from "../../support/OwnDisk.ts"

const instanceId = InstanceId.make("codex")

class Setting extends Context.Service<Setting, {
  readonly disk: OwnDisk.OwnDisk
  readonly model: ScriptedModel["Service"]
  readonly killCodex: Effect.Effect<void>
}>()("test/FullDisk") {}

/** A host on a Codex whose home is a small disk. */
const host = Layer.unwrap(Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const model = yield* ScriptedModel.make()
  const processes = yield* Processes.make
  const isolated = { folder: yield* folder }
  const home = `${isolated.folder}/codex`
  yield* fs.makeDirectory(home)
  const disk = yield* OwnDisk.make(home, "24m")
  const binary = `${isolated.folder}/codex-on-small-disk`
  yield* disk.wrap(yield* Binary.find({ instanceId }), binary)
  const codex = Codex.layer({
    binary,
    isolated,
    config: codexConfig(model),
    env: { ...processes.env, SCRIPTED_API_KEY: "scripted-key" }
  })
  const killCodex = Effect.flatMap(
    processes.alive,
    Effect.forEach(({ pid }) => Effect.ignore(Effect.try(() => kill(pid, "SIGKILL"))), { discard: true })
  )
  return CodingAgents.layer({ agents: codex, store: SessionStore.layerSqlite({ filename: ":memory:" }) }).pipe(
    Layer.merge(Layer.succeed(Setting, { disk, model, killCodex }))
  )
})).pipe(Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))

/** More than can be left of the last page of a file. */
const padded = (words: string) => `${words} ${"x".repeat(10_000)}`

/** What the model had of the conversation when it was asked this. */
const told = Effect.fnUntraced(function*(prompt: string) {
  const { model } = yield* Setting
  const [asked] = yield* model.asked(prompt)
  const texts = asked?.messages.map(({ text }) => text) ?? []
  return texts.slice(texts.indexOf("one")).map((text) => text.replace(/ x+$/, ""))
})

/** What our own store has of the conversation. */
const kept = Effect.gen(function*() {
  const agents = yield* ProviderService
  const turns = yield* agents.readTranscript({ threadId })
  return turns.map(({ input, outcome }) => [input?.prompt.slice(0, 3), outcome])
})

const warnings = Effect.map(stored(), (events) => events.filter(is("Warning")).map(({ turnId }) => turnId))

/** A thread whose first turn was saved, and no room for more. */
const full = Effect.gen(function*() {
  const agents = yield* ProviderService
  const setting = yield* Setting
  yield* agents.startSession({ threadId, instanceId, directory: yield* folder, runtimeMode: "full-access" })
  yield* agents.runTurn({ threadId, prompt: "one" })
  yield* setting.disk.fill
  return { agents, ...setting }
})

const reason = OwnDisk.impossible

describe(`a full disk${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  const test = it.live.skipIf(reason !== undefined)

  test(
    "P1 P4 codex: a turn on a full disk ends once, with a Warning, and once there is room Codex saves it after all",
    () =>
      Effect.gen(function*() {
        const { agents, disk, killCodex } = yield* full
        const { turnId } = yield* agents.runTurn({ threadId, prompt: padded("two") })
        assert.deepStrictEqual(yield* warnings, [turnId])
        yield* disk.free
        yield* agents.runTurn({ threadId, prompt: "three" })
        yield* killCodex
        yield* awaitEvent(is("SessionEnded"))
        const { continuity } = yield* agents.runTurn({ threadId, prompt: "four" })
        assert.deepStrictEqual(continuity, { _tag: "Resumed" })
        assert.deepStrictEqual(yield* told("four"), [
          "one",
          "echo: one",
          "two",
          "echo: two",
          "three",
          "echo: three",
          "four"
        ])
        assert.deepStrictEqual(Object.values(endings(yield* stored())), [
          ["TurnCompleted"],
          ["TurnCompleted"],
          ["TurnCompleted"],
          ["TurnCompleted"]
        ])
      }).pipe(Effect.provide(host)),
    60_000
  )

  test(
    "P1 P2 codex: what a killed Codex could not save stays in our log, and the model is told of it once there is room",
    () =>
      Effect.gen(function*() {
        const { agents, disk, killCodex } = yield* full
        yield* agents.runTurn({ threadId, prompt: padded("two") })
        yield* killCodex
        yield* awaitEvent(is("SessionEnded"))
        const error = yield* Effect.flip(agents.runTurn({ threadId, prompt: "no room" }))
        assert.deepInclude({ ...error }, { _tag: "AgentProtocolError", operation: "thread/resume" })
        assert.deepStrictEqual(yield* kept, [["one", "completed"], ["two", "completed"]])
        yield* disk.free
        const { continuity } = yield* agents.runTurn({ threadId, prompt: "three" })
        assert.deepStrictEqual(continuity, { _tag: "Resumed", lost: { turns: 1, items: 2, omitted: 0 } })
        const all = yield* told("three")
        const handedOver = all.slice(2, -1).join("\n")
        assert.deepStrictEqual([all[0], all[1], all.at(-1)], ["one", "echo: one", "three"])
        assert.include(handedOver, "\ntwo xxx")
        assert.include(handedOver, "echo: two xxx")
      }).pipe(Effect.provide(host)),
    60_000
  )
})
