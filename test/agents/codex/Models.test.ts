/** Which model and effort the real Codex calls, by the requests that the scripted model gets. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { ModelSelection } from "../../../src/domain/TurnInput.ts"
import { cursorOf } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** The names of models do not matter to a provider of one's own. */
const [own, other] = ["gpt-6.2-sol", "gpt-6.2-luna"]

const turns: ReadonlyArray<readonly [model: ModelSelection | undefined, called: string, effort: string | undefined]> = [
  [undefined, own, "low"],
  [{ id: other }, other, undefined],
  [{ id: other }, other, undefined],
  [undefined, own, "low"],
  [{ id: own, variant: "high" }, own, "high"],
  [{ id: own, variant: "high" }, own, "high"],
  [undefined, own, "low"],
  [{ id: other, variant: "high" }, other, "high"],
  [{ id: other }, other, undefined],
  [undefined, own, "low"]
]

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("models", (it) => {
  it.effect("P15 codex: a model and an effort are those of the turn that names them, and of no later one", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const driven = yield* start()
      for (const [n, [selection, called, effort]] of turns.entries()) {
        yield* driven.run(`turn ${n}`, selection === undefined ? {} : { model: selection })
        const asked = yield* model.asked(`turn ${n}`)
        assert.deepStrictEqual(asked.map(({ model, reasoningEffort }) => [model, reasoningEffort]), [[called, effort]])
      }
    }))

  it.effect("P15 codex: after a rewind a turn that names no model has the model and effort of its session", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const driven = yield* start({ model: { id: own, variant: "medium" } })
      yield* driven.run("first")
      const turnId = yield* driven.send("taken back", { model: { id: other, variant: "high" } })
      yield* driven.ending
      yield* driven.session.rewind({ turnId, ref: turnId })
      yield* driven.run("after the rewind")
      const asked = yield* model.asked("after the rewind")
      assert.deepStrictEqual(asked.map(({ model, reasoningEffort }) => [model, reasoningEffort]), [[own, "medium"]])
    }))

  it.effect("P15 codex: after a resume a turn that names no model has the model and effort of its session", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start()
        yield* driven.run("before", { model: { id: other, variant: "high" } })
        return yield* cursorOf(driven)
      }))
      const again = yield* start({ from: { _tag: "Resume", cursor } })
      yield* again.run("after the resume")
      const asked = yield* model.asked("after the resume")
      assert.deepStrictEqual(asked.map(({ model, reasoningEffort }) => [model, reasoningEffort]), [[own, "low"]])
    }))
})
