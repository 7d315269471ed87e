/** The compaction gate on a real OpenCode: who is asked, when, and what comes of each answer. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { ModelReply } from "../../src/testing/index.ts"
import { allow, held, isSummary, orSummary, overflow, summaries, veto } from "../support/CompactionGates.ts"
import { cursorOf, type Driven, full, items, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

const { text } = ModelReply

const tags = (driven: Driven) => driven.seen.map(({ _tag }) => _tag)
const texts = (driven: Driven) => items(driven, "AssistantMessage").map((item) => item.text)

/** The texts of OpenCode's own history. */
const history = ({ session }: Driven) =>
  Effect.map(
    session.history,
    ({ messages }) =>
      messages.flatMap(({ items }) => items.flatMap((item) => "text" in item ? [item.text] : [item._tag]))
  )

const filled = orSummary(() => ModelReply.text("Long story.", { usage: full }))
const goesOn = orSummary(() => text("Gone on."))

const fills = orSummary((request) =>
  request.afterToolResult
    ? text("Done.")
    : ModelReply.calls([{ name: "bash", arguments: { command: "echo ran", description: "x" } }], { usage: full })
)

/** What OpenCode itself says after a compaction that it made by itself. */
const continues = "Continue if you have"

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("compaction gate", (it) => {
  it.effect("P13 opencode: at the end of a turn the agent waits, and its summary is told what the gate says", () =>
    Effect.gen(function*() {
      const { adapter, model, on, start } = yield* OpenCodeSessions
      yield* on("fill at the end", filled)
      yield* on(continues, goesOn)
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction })
      assert.deepStrictEqual([adapter.capabilities.compactionGate, driven.session.capabilities.compactionGate], [
        "blocking",
        "blocking"
      ])
      yield* driven.send("fill at the end")
      assert.strictEqual(yield* gate.question(0), "auto")
      assert.strictEqual((yield* driven.next("CompactionStarted")).trigger, "auto")
      assert.deepStrictEqual(yield* history(driven), ["fill at the end", "Long story."])
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* gate.answer(0, allow("Keep in mind: 42.", "And 43."))
      assert.strictEqual((yield* driven.next("CompactionCompleted")).summary, "In short.")
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      const [summary] = yield* summaries(model, driven)
      assert.match(summary?.lastUserText ?? "", /Keep in mind: 42\.\s+And 43\./)
      assert.deepStrictEqual(gate.asked, ["auto"])
      assert.deepStrictEqual(yield* history(driven), ["fill at the end", "Long story.", "Gone on."])
    }))

  it.effect("P13 opencode: a veto at the end of a turn costs its answer nothing, and the next turn asks again", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("veto at the end", filled)
      yield* on("go on after it", goesOn)
      yield* on(continues, goesOn)
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.send("veto at the end")
      yield* gate.question(0)
      yield* gate.answer(0, veto)
      assert.deepInclude(yield* driven.next("CompactionFailed"), { name: "NotCompacted" })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* driven.send("go on after it")
      assert.strictEqual(yield* gate.question(1), "auto")
      yield* gate.answer(1, allow())
      yield* driven.next("CompactionCompleted")
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.deepStrictEqual(texts(driven), ["Long story.", "Gone on."])
      assert.notInclude(tags(driven), "ErrorReported")
    }))

  it.effect("P13 opencode: a veto in the middle of a tool loop fails the turn, and the session goes on", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("veto in the middle", fills)
      yield* on("then go on", goesOn)
      yield* on(continues, goesOn)
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction, runtimeMode: "full-access" })
      yield* driven.send("veto in the middle")
      yield* gate.question(0)
      yield* gate.answer(0, veto)
      assert.deepInclude(yield* driven.ending, {
        _tag: "TurnFailed",
        failure: { _tag: "Other", name: "NotCompacted" }
      })
      yield* driven.send("then go on")
      yield* gate.question(1)
      yield* gate.answer(1, veto)
      assert.deepInclude(yield* driven.ending, {
        _tag: "TurnFailed",
        failure: { _tag: "Other", name: "NotCompacted" }
      })
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* driven.send("then go on")
      yield* gate.question(2)
      yield* gate.answer(2, allow())
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.deepStrictEqual(tags(driven).filter((tag) => tag.startsWith("Compaction")), [
        "CompactionStarted",
        "CompactionFailed",
        "CompactionStarted",
        "CompactionFailed",
        "CompactionStarted",
        "CompactionCompleted"
      ])
      assert.include(yield* history(driven), "Command")
    }))

  it.effect("P13 opencode: a compaction on request is held too, and one that is refused is not in the next turn's way", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("to be told", orSummary(() => text("Long story.")))
      yield* on("after a refusal", orSummary(() => text("Answered.")))
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.run("to be told")
      yield* driven.session.compact
      assert.strictEqual(yield* gate.question(0), "manual")
      assert.strictEqual((yield* driven.next("CompactionStarted")).trigger, "manual")
      yield* gate.answer(0, veto)
      yield* driven.next("CompactionFailed")
      assert.strictEqual((yield* driven.run("after a refusal"))._tag, "TurnCompleted")
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* driven.session.compact
      yield* gate.question(1)
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* gate.answer(1, allow("Mind the gap."))
      yield* driven.next("CompactionCompleted")
      assert.include((yield* summaries(model, driven))[0]?.lastUserText ?? "", "Mind the gap.")
      assert.deepStrictEqual(texts(driven), ["Long story.", "Answered."])
      assert.deepStrictEqual(gate.asked, ["manual", "manual"])
      assert.notInclude(tags(driven), "ErrorReported")
    }))

  const failures = {
    "interrupted": ModelReply.hang,
    "refused by the model": ModelReply.error(401, { body: { error: { message: "no" } } })
  }
  for (const [what, failure] of Object.entries(failures)) {
    it.effect(`P13 opencode: a summary that was ${what} is not in the way of the next turn, whose own one counts`, () =>
      Effect.gen(function*() {
        const { model, on, start } = yield* OpenCodeSessions
        let asked = 0
        yield* on(
          `fill, then ${what}`,
          (request) => isSummary(request) ? ++asked === 1 ? failure : text("In short.") : filled(request)
        )
        yield* on(`after it was ${what}`, goesOn)
        yield* on(continues, goesOn)
        const gate = yield* held
        const driven = yield* start({ compaction: gate.compaction })
        const turn = yield* driven.send(`fill, then ${what}`)
        yield* gate.question(0)
        yield* gate.answer(0, allow())
        const { sessionId } = driven.session
        yield* model.awaitRequest((request) => isSummary(request) && request.sessionId === sessionId)
        if (failure._tag === "Hang") yield* driven.session.interruptTurn(turn)
        yield* driven.next("CompactionFailed")
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        yield* driven.send(`after it was ${what}`)
        yield* gate.question(1)
        yield* gate.answer(1, allow())
        yield* driven.next("CompactionCompleted")
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        const last = (yield* model.requests).findLast((request) => request.sessionId === sessionId)
        const said = last?.messages.map(({ text }) => text).join("\n") ?? ""
        assert.include(said, "In short.")
        assert.notInclude(said, "Long story.")
      }))
  }

  it.effect("P13 opencode: after a summary on request has failed the next prompt is answered", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on(
        "no summary of this",
        (request) => isSummary(request) ? failures["refused by the model"] : text("Long story.")
      )
      yield* on("an answer to this", () => text("Answered."))
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.run("no summary of this")
      yield* driven.session.compact
      yield* gate.question(0)
      yield* gate.answer(0, allow())
      assert.deepInclude(yield* driven.next("CompactionFailed"), { name: "APIError" })
      assert.strictEqual((yield* driven.run("an answer to this"))._tag, "TurnCompleted")
      assert.deepStrictEqual(texts(driven), ["Long story.", "Answered."])
      assert.strictEqual((yield* summaries(model, driven)).length, 1)
    }))

  it.effect("P13 opencode: an overflow is held too; refused, it is the turn's failure", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      let calls = 0
      yield* on("some words", orSummary(() => text("Go on.")))
      yield* on("too much", () => ++calls === 2 ? text("Now it fits.") : overflow)
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.run("some words")
      yield* driven.send("too much")
      assert.strictEqual(yield* gate.question(0), "overflow")
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      yield* gate.answer(0, allow())
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.strictEqual(texts(driven).at(-1), "Now it fits.")
      yield* driven.send("too much")
      assert.strictEqual(yield* gate.question(1), "overflow")
      yield* gate.answer(1, veto)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnFailed", failure: { _tag: "ContextOverflow" } })
      assert.strictEqual((yield* driven.run("some words"))._tag, "TurnCompleted")
    }))

  it.effect("P13 opencode: interrupted while it is held, a turn ends at once and whoever is asked is let go", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("interrupt in the middle", fills)
      yield* on("interrupt at the end", filled)
      yield* on("after interrupts", goesOn)
      const gate = yield* held
      const driven = yield* start({ compaction: gate.compaction, runtimeMode: "full-access" })
      const middle = yield* driven.send("interrupt in the middle")
      yield* gate.question(0)
      yield* driven.session.interruptTurn(middle)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnInterrupted", turnId: middle, by: "user" })
      yield* gate.abandoned(0)
      const other = yield* start({ compaction: gate.compaction })
      const end = yield* other.send("interrupt at the end")
      yield* gate.question(1)
      yield* other.session.interruptTurn(end)
      // Its answer was there already.
      assert.deepInclude(yield* other.ending, { _tag: "TurnCompleted", turnId: end })
      yield* gate.abandoned(1)
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      assert.deepStrictEqual(yield* summaries(model, other), [])
    }))

  it.effect("P13 opencode: stopped while it is held, nothing is compacted, and the session resumes with all it had", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("stop while held", filled)
      yield* on("asked at last", orSummary(() => text("Answered.")))
      yield* on(continues, goesOn)
      const gate = yield* held
      const scope = yield* Scope.make()
      const driven = yield* start({ compaction: gate.compaction }).pipe(Scope.provide(scope))
      yield* driven.send("stop while held")
      yield* gate.question(0)
      const cursor = yield* cursorOf(driven)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(gate.interrupted, [0])
      assert.deepStrictEqual(yield* summaries(model, driven), [])
      const resumed = yield* start({ compaction: gate.compaction, from: { _tag: "Resume", cursor } })
      assert.deepStrictEqual((yield* resumed.session.history).messages.map(({ role }) => role), ["user", "assistant"])
      yield* resumed.send("asked at last")
      yield* gate.question(1)
      yield* gate.answer(1, allow())
      assert.strictEqual((yield* resumed.ending)._tag, "TurnCompleted")
    }))

  it.effect("P13 opencode: a gate that dies is a veto", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("the gate dies", filled)
      const driven = yield* start({ compaction: { auto: true, gate: () => Effect.die("broken") } })
      assert.strictEqual((yield* driven.run("the gate dies"))._tag, "TurnCompleted")
      assert.include(tags(driven), "CompactionFailed")
      assert.deepStrictEqual(yield* summaries(model, driven), [])
    }))

  it.effect("opencode: a session that has no gate is compacted as ever", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("nobody asks", filled)
      yield* on(continues, goesOn)
      const driven = yield* start()
      assert.strictEqual((yield* driven.run("nobody asks"))._tag, "TurnCompleted")
      assert.include(tags(driven), "CompactionCompleted")
    }))

  it.effect("opencode: a turn's context is read before the prompt and is not the user's words", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      yield* driven.run("what is known", { context: ["It rains.", "It is cold."] })
      const request = yield* model.awaitRequest((request) => request.lastUserText.includes("what is known"))
      assert.match(request.lastUserText, /It rains\.\s+It is cold\.\s+what is known/)
      assert.isFalse(isSummary(request))
      assert.deepStrictEqual((yield* history(driven))[0], "what is known")
    }))
})
