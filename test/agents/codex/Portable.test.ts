/** A thread of the real Codex in another home: what the model is told there, and what the home knows of it. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import { Codex } from "../../../src/codex/index.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { drive } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

const projectConfig = "instructions"

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("another home", (it) => {
  it.effect("P1 codex: a live thread is moved to a home that has never seen it, by the model's own log", () =>
    Effect.gen(function*() {
      const { directory, model, processes, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-other-" }))
      const other = yield* Codex.make({
        instanceId: "other",
        isolated: { folder },
        config: codexConfig(model),
        env: { ...processes.env, SCRIPTED_API_KEY: "scripted-key" }
      })
      const here = yield* start()
      yield* here.run("the walnut is blue")
      const first = yield* here.session.exportSession()
      yield* here.run("the lantern is red")
      const second = yield* here.session.exportSession(first.checkpoint)
      const there = yield* Effect.flatMap(
        other.startSession({
          threadId: ThreadId.make("moved"),
          directory: folder,
          runtimeMode: "read-only",
          projectConfig,
          from: { _tag: "Import", copies: [first, second] }
        }),
        drive
      )
      assert.strictEqual(there.session.sessionId, here.session.sessionId)
      yield* there.run("what do you know?")
      const [asked] = yield* model.asked("what do you know?")
      const said = asked?.messages.map(({ text }) => text).join("\n") ?? ""
      for (const words of ["the walnut is blue", "echo: the walnut is blue", "the lantern is red"]) {
        assert.include(said, words)
      }
      const history = yield* there.session.history
      const prompts = history.messages.filter(({ role }) => role === "user").flatMap(({ items }) => items)
      assert.deepStrictEqual(prompts.map((item) => item._tag === "UserMessage" ? item.text : ""), [
        "the walnut is blue",
        "the lantern is red",
        "what do you know?"
      ])
      // The first home goes on as if nothing had been.
      assert.strictEqual((yield* here.run("and here?"))._tag, "TurnCompleted")
      assert.notStrictEqual(directory, folder)
    }))

  it.effect("P1 codex: after a rewind a copy from an earlier checkpoint holds the whole thread", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start()
      yield* driven.run("one")
      const turnId = yield* driven.send("two")
      yield* driven.ending
      const before = yield* driven.session.exportSession()
      yield* driven.session.rewind({ turnId, ref: turnId })
      yield* driven.run("three")
      const after = yield* driven.session.exportSession(before.checkpoint)
      const lines = JSON.stringify(after.part)
      assert.include(lines, "three")
      // Whole, or what follows: either brings the other home to what this one has.
      assert.include([undefined, before.checkpoint], after.since)
    }))
})
