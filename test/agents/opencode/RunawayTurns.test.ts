/** Models that break off, say nothing or never stop, and clocks that differ, on a real OpenCode: what becomes of the turns. */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TurnId } from "../../../src/domain/Ids.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("runaway turns", (it) => {
  it.effect("P16 opencode: half an answer that a retry replaces ends where it broke off, and is not the last word", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      let calls = 0
      yield* on("what is the answer", () =>
        ++calls === 1
          ? ModelReply.answer([
            ModelReply.Part.Text({ chunks: "The answer is 4" }),
            ModelReply.Part.Wait({ duration: "1 second" })
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

  it.effect("P4 opencode: an attachment of a type that no model takes is refused, and text of any type is text", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      const attach = (name: string, mime: string, content: string) => ({
        attachments: [{ _tag: "Data", name, mime, base64: Buffer.from(content).toString("base64") }]
      } as const)
      for (const mime of ["application/zip", "application/octet-stream", "image/svg", "audio/mpeg"]) {
        const turnId = TurnId.make(`refused ${mime}`)
        const ref = yield* driven.session.turnRef(turnId)
        const input = { prompt: "refused", ...attach("x", mime, "PK") }
        const error = yield* Effect.flip(driven.session.sendTurn({ turnId, ref, input }))
        assert.deepInclude(error, { _tag: "AttachmentRefused", reason: "unsupported" }, mime)
      }
      assert.strictEqual(
        (yield* driven.run("json", attach("a.json", "Application/JSON", "{\"a\":1}")))._tag,
        "TurnCompleted"
      )
      const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes("json"))
      assert.include(JSON.stringify(messages), "{\\\"a\\\":1}")
      const picture = yield* driven.run("picture", {
        attachments: [{ _tag: "Data", name: "p.png", mime: "IMAGE/PNG", base64: pixel }]
      })
      assert.strictEqual(picture._tag, "TurnCompleted")
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P15 opencode: a directory that cannot be told to the server is refused at the start", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* OpenCodeSessions
      for (const name of ["feature%2Flogin", "per%20cent", "back\\slash"]) {
        const error = yield* Effect.flip(start({ directory: `${directory}/${name}` }))
        assert.strictEqual(error._tag, "DirectoryUnsupported", name)
      }
    }))

  it.effect("P4 opencode: a turn that ends because the user said no says so", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("run it", (request) =>
        request.afterToolResult
          ? ModelReply.text("Then not.")
          : ModelReply.call("bash", { command: "echo denied", description: "x" }))
      const driven = yield* start()
      const deny = Effect.fnUntraced(function*(reason?: string) {
        yield* driven.send("run it")
        const { request } = yield* driven.next("ApprovalRequested")
        assert.strictEqual(request.covers, "exactly this command, in this directory: echo denied")
        const decision = { _tag: "Deny", ...(reason === undefined ? {} : { reason }) } as const
        yield* driven.session.respondToApproval(request.requestId, decision)
        return yield* driven.ending
      })
      assert.deepInclude(yield* deny(), { _tag: "TurnCompleted", refused: "denied" })
      assert.notProperty(yield* deny("Use another one."), "refused")
    }))
})

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
