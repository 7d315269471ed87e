/** Models that break off, say nothing or never stop, and clocks that differ, on a real OpenCode: what becomes of the turns. */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { ModelReply } from "../../src/testing/index.ts"
import { items, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("runaway turns", (it) => {
  it.effect("P16 opencode: half an answer that a retry replaces ends where it broke off, and is not the last word", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      let calls = 0
      yield* on("what is the answer", () =>
        ++calls === 1
          ? ModelReply.answer([
            ModelReply.Part.Text({ chunks: "The answer is 4" }),
            ModelReply.Part.Wait({ duration: "200 millis" })
          ], { end: "cut" })
          : ModelReply.text("The answer is 42."))
      const driven = yield* start()
      const end = yield* driven.run("what is the answer")
      assert.strictEqual(end._tag, "TurnCompleted")
      assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), [
        "The answer is 4",
        "The answer is 42."
      ])
      const half = driven.seen.findIndex(({ _tag }) => _tag === "ItemCompleted")
      assert.isBelow(half, driven.seen.findIndex(({ _tag }) => _tag === "RetryScheduled"))
    }))

  for (const seconds of [2, 90]) {
    it.effect(`P4 opencode: a host's clock ${seconds} seconds ahead of the server's loses no answer`, () =>
      Effect.gen(function*() {
        const { model, on, start } = yield* OpenCodeSessions
        const clock = yield* Clock.Clock
        const ahead: Clock.Clock = {
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + seconds * 1000,
          currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + seconds * 1000),
          currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
          currentTimeNanos: clock.currentTimeNanos,
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration) => clock.sleep(duration)
        }
        yield* on(
          "with a tool",
          (request) => request.afterToolResult ? ModelReply.text("Done.") : ModelReply.call("glob", { pattern: "*" })
        )
        yield* on("again", () => ModelReply.text("echo: again"))
        const driven = yield* Effect.provideService(start(), Clock.Clock, ahead)
        const run = (prompt: string) => Effect.provideService(driven.run(prompt), Clock.Clock, ahead)
        assert.strictEqual((yield* run(`fast ${seconds}`))._tag, "TurnCompleted")
        assert.strictEqual((yield* run("with a tool"))._tag, "TurnCompleted")
        assert.strictEqual((yield* run(`again ${seconds}`))._tag, "TurnCompleted")
        assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), [
          `echo: fast ${seconds}`,
          "Done.",
          "echo: again"
        ])
        const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes(`again ${seconds}`))
        assert.deepStrictEqual(messages.flatMap(({ role }) => role === "system" ? [] : [role]), [
          "user",
          "assistant",
          "user",
          "assistant",
          "tool",
          "assistant",
          "user"
        ])
      }))
  }
})
