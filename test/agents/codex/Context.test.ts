/** What goes with a prompt, as the real Codex hands it to its model. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { CodexSessions } from "./CodexSessions.ts"

const numbers = (first: number, count: number) =>
  Array.from({ length: count }, (_, n) => `line ${first + n}\n`).join("")

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("what goes with a prompt", (it) => {
  it.effect("P1 codex: texts of any length reach the model whole, in their order, before the prompt", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const driven = yield* start()
      const context = Array.from({ length: 12 }, (_, n) => numbers(10_000 * (n + 1), n === 3 ? 5_000 : 600))
      yield* driven.run("what do you know?", { context })
      const [asked] = yield* model.asked("what do you know?")
      const texts = asked?.messages.map(({ text }) => text.replaceAll(/<\/?app-[\w-]+>/g, "")) ?? []
      const told = texts.filter((text) => text.startsWith("line "))
      assert.strictEqual(told.join(""), context.join(""))
      assert.strictEqual(texts.at(-1), "what do you know?")
    }))
})
