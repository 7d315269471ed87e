/** What the model's provider does not take, on a real OpenCode: the turn fails, and the conversation goes on without it. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { TurnId } from "../../../src/domain/Ids.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { repository } from "../../support/Git.ts"
import { type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const tooLong = ModelReply.error(400, {
  body: { error: { message: "too long", code: "context_length_exceeded", type: "invalid_request_error" } }
})

/** The next warning, once what it tells of is done. */
const removed = (driven: Driven) =>
  Effect.map(driven.next("Warning"), ({ code, message }) => {
    assert.strictEqual(code, "prompt-removed")
    return message ?? ""
  })

const said = (driven: Driven) => items(driven, "AssistantMessage").map(({ text }) => text)

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("offending turns", (it) => {
  const withImage = (request: { readonly raw: unknown }) => JSON.stringify(request.raw).includes(pixel)

  it.effect("P4 opencode: an image that the model's provider refuses fails its turn alone, and no file is taken back", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      // OpenCode's own `revert` takes files back where git knows them.
      const directory = (yield* repository).main
      const file = `${directory}/edited.txt`
      yield* fs.writeFileString(file, "as it was")
      for (const prompt of ["look at this", "and on without it"]) {
        yield* on(
          prompt,
          (request) =>
            withImage(request)
              ? ModelReply.error(400, { message: "no such image" })
              : ModelReply.text(`I see: ${prompt}`)
        )
      }
      const driven = yield* start({ directory })
      yield* driven.run("hello there")
      yield* fs.writeFileString(file, "as the user has edited it")
      const failed = yield* driven.run("look at this", {
        attachments: [{ _tag: "Data", name: "p.png", mime: "image/png", base64: pixel }]
      })
      assert.strictEqual(failed._tag === "TurnFailed" && failed.failure._tag, "ModelFailed")
      assert.include(yield* removed(driven), "(p.png)")
      assert.strictEqual((yield* driven.run("and on without it"))._tag, "TurnCompleted")
      assert.deepStrictEqual(said(driven), ["echo: hello there", "I see: and on without it"])
      const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes("and on without it"))
      assert.notInclude(JSON.stringify(messages), "look at this")
      assert.include(JSON.stringify(messages), "echo: hello there")
      assert.strictEqual(yield* fs.readFileString(file), "as the user has edited it")
    }))

  it.effect("P4 opencode: an image that the agent has read and the model's provider refuses fails its turn alone", () =>
    Effect.gen(function*() {
      const { directory, on, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFile(`${directory}/read.png`, Buffer.from(pixel, "base64"))
      yield* on("read the picture", (request) =>
        withImage(request)
          ? ModelReply.error(400, { message: "no such image" })
          : ModelReply.call("read", { filePath: `${directory}/read.png` }))
      yield* on(
        "never mind it",
        (request) =>
          withImage(request) ? ModelReply.error(400, { message: "no such image" }) : ModelReply.text("Never mind.")
      )
      const driven = yield* start()
      assert.strictEqual((yield* driven.run("read the picture"))._tag, "TurnFailed")
      assert.include(yield* removed(driven), "(image/png)")
      assert.strictEqual((yield* driven.run("never mind it"))._tag, "TurnCompleted")
    }))

  it.effect("P18 opencode: a turn that no compaction makes fit ends, and its prompt is taken out", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("far too much", (request) => request.toolNames.length === 0 ? ModelReply.text("In short.") : tooLong)
      yield* on("something short", () => ModelReply.text("Fine."))
      const driven = yield* start()
      yield* driven.run("hello again")
      const before = (yield* model.requests).length
      assert.deepInclude(yield* driven.run("far too much"), {
        _tag: "TurnFailed",
        failure: { _tag: "ContextOverflow" }
      })
      assert.isAtMost((yield* model.requests).length - before, 4)
      yield* removed(driven)
      assert.strictEqual((yield* driven.run("something short"))._tag, "TurnCompleted")
      const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes("something short"))
      assert.notInclude(JSON.stringify(messages), "far too much")
    }))

  it.effect("P4 opencode: where compactions are asked for alone, one that does not fit takes the prompt out", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("too much at once", () => tooLong)
      yield* on("a little", () => ModelReply.text("Fine."))
      const driven = yield* start({ compaction: { auto: false } })
      assert.deepInclude(yield* driven.run("too much at once"), {
        _tag: "TurnFailed",
        failure: { _tag: "ContextOverflow" }
      })
      yield* driven.session.compact
      yield* driven.next("CompactionFailed")
      yield* removed(driven)
      assert.strictEqual((yield* driven.run("a little"))._tag, "TurnCompleted")
      const { messages } = yield* model.awaitRequest(({ lastUserText }) => lastUserText.includes("a little"))
      assert.notInclude(JSON.stringify(messages), "too much at once")
    }))

  it.effect("P4 opencode: a prompt that certainly does not fit into the model's window is not sent", () =>
    Effect.gen(function*() {
      const { on, model, start } = yield* OpenCodeSessions
      yield* on("word word", () => ModelReply.text("Read."))
      const driven = yield* start()
      const before = (yield* model.requests).length
      const turnId = TurnId.make("too long")
      const ref = yield* driven.session.turnRef(turnId)
      const prompt = "word ".repeat(40_001)
      const error = yield* Effect.flip(driven.session.sendTurn({ turnId, ref, input: { prompt } }))
      assert.deepInclude(error, {
        _tag: "TurnRefused",
        name: "PromptTooLong",
        reason: { atLeast: 40_001, window: 40_000 }
      })
      assert.strictEqual((yield* model.requests).length, before)
      assert.strictEqual((yield* driven.run("word ".repeat(40_000)))._tag, "TurnCompleted")
    }))
})

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
