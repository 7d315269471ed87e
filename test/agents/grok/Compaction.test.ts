/** The compactions that the real Grok begins by itself. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Grok } from "../../../src/acp/index.ts"
import { CodingAgents, InstanceId, ProviderService, SessionStore, ThreadId } from "../../../src/index.ts"
import { ModelReply, type ModelRequest } from "../../../src/testing/index.ts"
import * as Agents from "../../support/Agents.ts"
import { World } from "../AcpWorld.ts"
import { optionsOf } from "./ConformingGrok.ts"

const { awaitEvent, is } = Agents

const threadId = ThreadId.make("thread")

const isSummary = ({ lastUserText }: ModelRequest) => lastUserText.includes("summary of the conversation so far")

/** Grok wants a summary that is not much shorter than what it stands for. */
const full = (summary: string) => (request: ModelRequest): ModelReply.Reply =>
  isSummary(request)
    ? ModelReply.text(summary)
    : ModelReply.text("as you say", { usage: { input: 2_000_000, output: 10 } })

/** A thread whose first turn has filled the context. */
const filled = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* agents.startSession({
    threadId,
    instanceId: InstanceId.make("grok"),
    directory: yield* Agents.folder,
    runtimeMode: "full-access"
  })
  yield* agents.runTurn({ threadId, prompt: "remember 42" })
  return agents
})

const layer = (summary: string) =>
  Layer.unwrap(
    Effect.map(World, (world) =>
      CodingAgents.layer({ agents: Grok.layer(optionsOf(world)), store: SessionStore.layerMemory }))
  ).pipe(
    Layer.provideMerge(World.layer(full(summary))),
    Layer.provideMerge(Agents.platform)
  )

describe("compactions of the real Grok", () => {
  it.live("P13 grok: one that it begins by itself is told, and the transcript is saved, said to be `after` it", () =>
    Effect.gen(function*() {
      const agents = yield* filled
      yield* agents.runTurn({ threadId, prompt: "go on" })
      const settled = yield* awaitEvent(is("CompactionSettled"))
      assert.deepInclude(settled, { trigger: "auto", outcome: "completed" })
      const { snapshot } = yield* awaitEvent(is("SnapshotWritten"))
      assert.deepInclude(snapshot, { timing: "after", completeness: "log-only" })
    }).pipe(Effect.scoped, Effect.provide(layer("The user wants 42 to be remembered. ".repeat(40)))))

  it.live("P13 grok: one that fails is told as failed, and its turn goes on", () =>
    Effect.gen(function*() {
      const agents = yield* filled
      const { text } = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.strictEqual(text, "as you say")
      assert.deepInclude(yield* awaitEvent(is("CompactionSettled")), { trigger: "auto", outcome: "failed" })
    }).pipe(Effect.scoped, Effect.provide(layer("Short."))))
})
