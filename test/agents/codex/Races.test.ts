/** What is lost or refused by the real Codex at the wrong moment, done again and again. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ModelReply } from "../../../src/testing/index.ts"
import { CodexSessions } from "./CodexSessions.ts"

layer(CodexSessions.layer(), { timeout: "120 seconds", excludeTestServices: true })("races", (it) => {
  it.effect("P4 codex: an interrupt right after a turn was sent ends it, 25 times of 25", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.script(() => ModelReply.hang)
      const driven = yield* start()
      const endings: Array<string> = []
      for (let round = 0; round < 25; round++) {
        const turnId = yield* driven.send(`never ends ${round}`)
        yield* driven.session.interruptTurn(turnId)
        endings.push((yield* driven.ending)._tag)
      }
      assert.deepStrictEqual(endings, Array.from({ length: 25 }, () => "TurnInterrupted"))
    }))

  it.effect("P13 codex: a prompt at the end of a compaction is taken, 10 times of 10", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.script(() => ModelReply.text("A summary."))
      const driven = yield* start()
      const endings: Array<string> = [(yield* driven.run("begin"))._tag]
      for (let round = 0; round < 10; round++) {
        yield* driven.session.compact
        yield* driven.next("CompactionCompleted")
        endings.push((yield* driven.run(`after compaction ${round}`))._tag)
      }
      assert.deepStrictEqual(endings, Array.from({ length: 11 }, () => "TurnCompleted"))
    }))

  it.effect("P3 codex: a session that is closed as its first turn begins has a cursor only if it can be resumed", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.script(() => ModelReply.text("Hello."))
      yield* start()
      for (let round = 0; round < 10; round++) {
        const cursor = yield* Effect.scoped(Effect.gen(function*() {
          const driven = yield* start()
          yield* driven.send("begin")
          return yield* driven.session.cursor
        }))
        if (cursor._tag === "None") continue
        const { run } = yield* start({ from: { _tag: "Resume", cursor: cursor.value } })
        assert.strictEqual((yield* run("and on"))._tag, "TurnCompleted")
      }
    }))
})
