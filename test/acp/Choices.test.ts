/** What can be chosen of an agent's session: its model and that model's options, and whether a turn plans. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { tmpdir } from "node:os"
import { Qwen } from "../../src/acp/index.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import type { ModelSelection } from "../../src/domain/TurnInput.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { drive, type Driven, items } from "../support/Driven.ts"
import * as FakeWorld from "./FakeWorld.ts"

const profile = { ...Qwen.profile, capabilities: { modelSwitch: "per-turn" as const } }

const open = Effect.fnUntraced(function*(
  input: { readonly model?: ModelSelection; readonly runtimeMode?: RuntimeMode } = {}
) {
  const { adapter, dispose } = FakeWorld.make(["options"], profile)
  yield* Effect.addFinalizer(() => Effect.sync(dispose))
  const { startSession } = yield* adapter
  return yield* startSession({
    threadId: ThreadId.make("thread"),
    directory: tmpdir(),
    runtimeMode: "approval-required",
    projectConfig: "trust",
    from: { _tag: "New" },
    ...input
  }).pipe(Effect.flatMap(drive))
})

const Settings = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Boolean])))

/** What the agent says of its settings, in a turn of this input. */
const shown = Effect.fnUntraced(function*(driven: Driven, input: Parameters<Driven["run"]>[1] = {}) {
  yield* driven.run("show the settings", input)
  return yield* Schema.decodeEffect(Settings)(items(driven, "AssistantMessage").at(-1)?.text ?? "")
})

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

describe("choices of an ACP session", () => {
  it.live("P15 fake-acp: options of the model in use are offered, an effort as its variants, and no other option is", () =>
    Effect.gen(function*() {
      const { adapter, dispose } = FakeWorld.make(["options"], profile)
      yield* Effect.addFinalizer(() => Effect.sync(dispose))
      const { offers } = yield* adapter
      const { defaultModel, models, modes } = (yield* offers?.({}) ?? Effect.undefined) ?? {}
      assert.deepStrictEqual({ defaultModel, models, modes }, {
        defaultModel: "one",
        models: [
          {
            id: "one",
            name: "one",
            variants: [{ id: "low", name: "low" }, { id: "high", name: "high" }],
            options: [{ _tag: "Toggle", id: "fast", name: "Fast", scope: "turn", default: false }]
          },
          { id: "two", name: "two", variants: [], options: [] }
        ],
        modes: ["act", "plan"]
      })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P1 fake-acp: what a session chooses holds in each turn, and what a turn chooses in that turn alone", () =>
    Effect.gen(function*() {
      const driven = yield* open({ model: { id: "one", variant: "high" } })
      const own = { mode: "default", model: "one", effort: "high", fast: false }
      assert.deepStrictEqual(yield* shown(driven), own)
      assert.deepStrictEqual(
        yield* shown(driven, { model: { id: "one", options: { fast: true } } }),
        { ...own, fast: true }
      )
      assert.deepStrictEqual(
        yield* shown(driven, { model: { id: "two" } }),
        { ...own, model: "two", effort: "low" }
      )
      assert.deepStrictEqual(yield* shown(driven), own)
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P15 fake-acp: an effort or an option that the model in use does not have is refused, and nothing is sent", () =>
    Effect.gen(function*() {
      const driven = yield* open()
      const refused = (model: ModelSelection) =>
        Effect.flip(
          driven.session.sendTurn({
            turnId: TurnId.make("refused"),
            ref: undefined,
            input: { prompt: "say: no", model }
          })
        )
      for (
        const model of [
          { id: "three" },
          { id: "one", variant: "enormous" },
          { id: "two", variant: "high" },
          { id: "one", options: { guard: "off" } }
        ]
      ) {
        assert.strictEqual((yield* refused(model))._tag, "ModelUnavailable", JSON.stringify(model))
      }
      assert.deepStrictEqual(yield* shown(driven), { mode: "default", model: "one", effort: "low", fast: false })
      assert.notInclude(JSON.stringify(driven.seen), "say: no")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P7 fake-acp: a turn that plans is in the agent's plan mode, and the next one in the runtime mode's again", () =>
    Effect.gen(function*() {
      const driven = yield* open()
      assert.strictEqual((yield* shown(driven, { mode: "plan" }))["mode"], "plan")
      assert.strictEqual((yield* shown(driven))["mode"], "default")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P7 fake-acp: an agent that changes its model and its mode is heard, and told its own again", () =>
    Effect.gen(function*() {
      const driven = yield* open()
      yield* driven.run("change the settings")
      const changed = driven.seen.flatMap((event) =>
        event._tag === "ModeChanged" ? [event.mode] : event._tag === "ModelChanged" ? [event.model.id] : []
      )
      assert.deepStrictEqual(changed, ["auto", "two"])
      assert.deepStrictEqual(yield* shown(driven), { mode: "default", model: "one", effort: "low", fast: false })
    }).pipe(Effect.scoped, Effect.provide(services)))
})
