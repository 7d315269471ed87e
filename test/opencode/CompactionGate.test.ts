/** The compaction gate on a real OpenCode: who is asked, when, and what comes of each answer. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as ScriptedModel from "../../examples/support/ScriptedModel.ts"
import type { CompactionVerdict } from "../../src/ProviderAdapter.ts"
import type { CompactionTrigger } from "../../src/ThreadEvent.ts"
import { type Driven, full, items, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

const { Reply, call, text } = ScriptedModel

const allow = (...context: ReadonlyArray<string>): CompactionVerdict => ({ _tag: "Allow", context })
const veto: CompactionVerdict = { _tag: "Veto", reason: "not now" }

/** A gate that waits to be told, and tells what it was asked. */
const gated = Effect.gen(function*() {
  const asked: Array<CompactionTrigger> = []
  const verdicts: Array<Deferred.Deferred<CompactionVerdict>> = []
  const arrivals: Array<Deferred.Deferred<CompactionTrigger>> = []
  const interrupted: Array<number> = []
  const slot = (index: number) =>
    Effect.sync(() => {
      verdicts[index] ??= Deferred.makeUnsafe()
      arrivals[index] ??= Deferred.makeUnsafe()
      return { verdict: verdicts[index], arrival: arrivals[index] }
    })
  const gate = (trigger: CompactionTrigger) =>
    Effect.gen(function*() {
      const index = asked.push(trigger) - 1
      const { arrival, verdict } = yield* slot(index)
      yield* Deferred.succeed(arrival, trigger)
      return yield* Effect.onInterrupt(Deferred.await(verdict), () => Effect.sync(() => interrupted.push(index)))
    })
  return {
    asked,
    interrupted,
    compaction: { auto: true, gate },
    /** Waits for the question of this number. */
    question: (index: number) => Effect.flatMap(slot(index), ({ arrival }) => Deferred.await(arrival)),
    answer: (index: number, verdict: CompactionVerdict) =>
      Effect.flatMap(slot(index), (slot) => Deferred.succeed(slot.verdict, verdict))
  }
})

const tags = (driven: Driven) => driven.seen.map(({ _tag }) => _tag)

const isSummary = ({ toolNames }: ScriptedModel.ModelRequest) => toolNames.length === 0

/** Whether the model was asked for a summary of this session. */
const summaries = (driven: Driven) =>
  Effect.gen(function*() {
    const { model } = yield* OpenCodeSessions
    return (yield* model.requests).filter((request) =>
      isSummary(request) && request.sessionId === driven.session.sessionId
    )
  })

const overflow = Reply.Error({
  status: 400,
  body: { error: { message: "too long", code: "context_length_exceeded", type: "invalid_request_error" } }
})

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("gate", (it) => {
  it.effect("P13 opencode: at the end of a turn, no summary is written while the gate is asked", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on(
        "fill at the end",
        (request) => isSummary(request) ? text("In short.") : Reply.Text({ text: "Long story.", usage: full })
      )
      yield* on("Continue if you have", (request) => isSummary(request) ? text("In short.") : text("Nothing more."))
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction })
      assert.strictEqual(driven.session.compactionGate, "blocking")
      yield* driven.send("fill at the end")
      assert.strictEqual(yield* gate.question(0), "auto")
      assert.strictEqual((yield* driven.next("CompactionStarted")).trigger, "auto")
      assert.strictEqual((yield* driven.session.history).messages.length, 3)
      assert.deepStrictEqual(yield* summaries(driven), [])
      yield* gate.answer(0, allow("Keep in mind: 42."))
      assert.strictEqual((yield* driven.next("CompactionCompleted")).summary, "In short.")
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      const [summary] = yield* summaries(driven)
      assert.include(summary?.lastUserText ?? "", "Keep in mind: 42.")
      assert.deepStrictEqual(gate.asked, ["auto"])
    }))

  it.effect("P13 opencode: a veto at the end of a turn leaves its answer, and the next turn asks again", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on(
        "veto at the end",
        (request) => isSummary(request) ? text("In short.") : Reply.Text({ text: "Long story.", usage: full })
      )
      yield* on("go on after veto", (request) => isSummary(request) ? text("In short.") : text("Gone on."))
      yield* on("Continue if you have", (request) => isSummary(request) ? text("In short.") : text("Continued."))
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.send("veto at the end")
      yield* gate.question(0)
      yield* gate.answer(0, veto)
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.deepStrictEqual(yield* summaries(driven), [])
      yield* driven.send("go on after veto")
      console.log(yield* gate.question(1))
      yield* gate.answer(1, allow())
      console.log(yield* driven.ending)
      console.log(tags(driven), gate.asked, items(driven, "AssistantMessage").map((item) => item.text))
      console.log(
        JSON.stringify((yield* driven.session.history).messages.map(({ raw }) => raw), null, 0).slice(0, 6000)
      )
    }))

  it.effect("P13 opencode: a veto in the middle of a tool loop fails the turn", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("veto in the middle", (request) =>
        request.afterToolResult
          ? text("Done.")
          : Reply.ToolCalls({
            calls: [{ name: "bash", arguments: { command: "true", description: "x" } }],
            usage: full
          }))
      yield* on("go on then", (request) => isSummary(request) ? text("In short.") : text("Gone on."))
      yield* on("Continue if you have", (request) => isSummary(request) ? text("In short.") : text("Continued."))
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction, runtimeMode: "full-access" })
      yield* driven.send("veto in the middle")
      yield* gate.question(0)
      yield* gate.answer(0, veto)
      console.log(yield* driven.ending, tags(driven))
      yield* driven.send("go on then")
      yield* gate.question(1)
      yield* gate.answer(1, veto)
      console.log(yield* driven.ending)
      yield* driven.send("go on then")
      yield* gate.question(2)
      yield* gate.answer(2, allow())
      console.log(yield* driven.ending)
      console.log(tags(driven), gate.asked)
    }))

  it.effect("P13 opencode: asked for, held and refused", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("manual please", (request) => isSummary(request) ? text("In short.") : text("Long story."))
      yield* on("after manual", (request) => isSummary(request) ? text("In short.") : text("Answered."))
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.run("manual please")
      yield* driven.session.compact
      assert.strictEqual(yield* gate.question(0), "manual")
      assert.deepStrictEqual(yield* summaries(driven), [])
      yield* gate.answer(0, veto)
      console.log(yield* driven.next("CompactionFailed"))
      yield* driven.send("after manual")
      console.log(yield* gate.question(1))
      yield* gate.answer(1, allow())
      console.log(yield* driven.ending, tags(driven), gate.asked)
      console.log(
        JSON.stringify((yield* driven.session.history).messages.map(({ raw }) => raw), null, 0).slice(0, 6000)
      )
    }))

  it.effect("P13 opencode: overflow", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      let overflown = 0
      yield* on("some words", (request) => isSummary(request) ? text("The summary.") : text("Go on."))
      yield* on("too much", () => ++overflown === 2 ? text("Now it fits.") : overflow)
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction })
      yield* driven.run("some words")
      yield* driven.send("too much")
      assert.strictEqual(yield* gate.question(0), "overflow")
      assert.deepStrictEqual(yield* summaries(driven), [])
      yield* gate.answer(0, allow())
      console.log(yield* driven.ending, tags(driven))
      yield* driven.send("too much")
      console.log(yield* gate.question(1))
      yield* gate.answer(1, veto)
      console.log(yield* driven.ending, tags(driven))
    }))

  it.effect("P13 opencode: interrupted while held", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("interrupt me", (request) =>
        request.afterToolResult
          ? text("Done.")
          : Reply.ToolCalls({
            calls: [{ name: "bash", arguments: { command: "true", description: "x" } }],
            usage: full
          }))
      const gate = yield* gated
      const driven = yield* start({ compaction: gate.compaction, runtimeMode: "full-access" })
      const turnId = yield* driven.send("interrupt me")
      yield* gate.question(0)
      yield* driven.session.interruptTurn(turnId)
      console.log(yield* driven.ending, tags(driven), gate.interrupted)
    }))
})
